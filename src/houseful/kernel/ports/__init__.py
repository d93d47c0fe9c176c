"""The ports: what the services need from the world, a module each.

Each docstring is the contract that every adapter is tested on.
"""

from houseful.kernel.ports.bus import Bus, BusInspection, Delivery, Envelope, Subscription
from houseful.kernel.ports.coordination import Coordination
from houseful.kernel.ports.mail import Attachment, CalendarDate, Email, Mailer
from houseful.kernel.ports.payments import PaymentGateway, PaymentIntent
from houseful.kernel.ports.services import ServiceClient, ServiceResponse
from houseful.kernel.ports.store import Outbox, OutboxRow, OutboxStats, Reader, Store, Transaction
from houseful.kernel.ports.time_and_ids import Clock, Ids
from houseful.kernel.ports.workers import Workers

__all__ = [
    "Attachment",
    "Bus",
    "BusInspection",
    "CalendarDate",
    "Clock",
    "Coordination",
    "Delivery",
    "Email",
    "Envelope",
    "Ids",
    "Mailer",
    "Outbox",
    "OutboxRow",
    "OutboxStats",
    "PaymentGateway",
    "PaymentIntent",
    "Reader",
    "ServiceClient",
    "ServiceResponse",
    "Store",
    "Subscription",
    "Transaction",
    "Workers",
]
