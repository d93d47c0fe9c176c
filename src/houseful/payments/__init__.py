"""The mocked payment gateway: a stand-in for a card processor, remote by nature.

Intents with manual capture, test cards, 3-D Secure, refunds, signed webhooks, delays and lost answers.
Nothing outside this package knows that it is not a real one.
"""

from houseful import administration
from houseful.payments.api import ENDPOINTS
from houseful.payments.domain import Intent
from houseful.payments.service import Payments
from houseful.payments.webhook_deliveries import WebhookDelivery
from houseful.webapi.idempotency import StoredResponse
from houseful.webapi.manifest import Manifest

MANIFEST: Manifest[Payments] = Manifest(
    name="payments",
    documents=(Intent, WebhookDelivery, StoredResponse),
    build=Payments,
    endpoints=(*ENDPOINTS, administration.health_endpoint("payments")),
    handlers={},
    jobs=(Payments.send_webhooks, Payments.settle_delayed, Payments.purge_expired),
)
