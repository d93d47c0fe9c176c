"""Buys a seat with a generated Python client alone: `python buy_a_seat.py URL`. Ends with the ticket's code.

Run by `test_generated_clients.py` where the client was generated; not a part of the test suite's own types.
"""

import sys
import time
import uuid
from typing import Any

from houseful_client import AuthenticatedClient, Client
from houseful_client.api.events import events_list_events
from houseful_client.api.payments import payments_confirm
from houseful_client.api.tickets import (
    tickets_get_order,
    tickets_hold,
    tickets_order,
    tickets_order_tickets,
    tickets_seats,
    tickets_sections,
)
from houseful_client.api.users import users_login, users_register
from houseful_client.models import (
    BuyerInput,
    CardInput,
    ConfirmInput,
    HoldInput,
    LoginInput,
    OrderInput,
    Problem,
    RegisterInput,
)

EMAIL, PASSWORD = "pia@example.org", "a long enough password"
SECONDS = 60


def good(answer: Any) -> Any:
    """What a call answers, which is no problem."""
    assert answer is not None
    assert not isinstance(answer, Problem), answer
    return answer


def on_sale(anyone: Client) -> Any:
    for _ in range(SECONDS * 10):
        found = good(events_list_events.sync(client=anyone, limit=100))
        for event in found.items:
            if event.state == "on_sale":
                return event
        time.sleep(0.1)
    raise AssertionError("nothing is on sale")


def main(url: str) -> None:
    anyone = Client(base_url=url)
    good(users_register.sync(client=anyone, body=RegisterInput(email=EMAIL, password=PASSWORD, name="Pia")))
    tokens = good(users_login.sync(client=anyone, body=LoginInput(email=EMAIL, password=PASSWORD)))
    pia = AuthenticatedClient(base_url=url, token=tokens.access_token)
    event = on_sale(anyone)
    sections = good(tickets_sections.sync(event.id, client=anyone)).items
    section = next(one for one in sections if one.available)
    seats = good(tickets_seats.sync(event.id, section.id, client=anyone)).items
    seat = next(one for one in seats if one.status == "available")
    hold = good(
        tickets_hold.sync(
            event.id, client=pia, body=HoldInput(seats=[seat.id]), idempotency_key=uuid.uuid4().hex
        )
    )
    buyer = BuyerInput(name="Pia Prinz", email=EMAIL)
    order = good(
        tickets_order.sync(
            client=pia,
            body=OrderInput(hold_id=hold.hold_id, buyer=buyer),
            idempotency_key=uuid.uuid4().hex,
        )
    )
    payment = order.payment
    card = CardInput(number="4242424242424242", exp="12/39", cvc="123")
    confirm = ConfirmInput(client_secret=payment.client_secret, card=card)
    good(payments_confirm.sync(payment.intent_id, client=anyone, body=confirm))
    for _ in range(SECONDS * 10):
        if good(tickets_get_order.sync(order.id, client=pia)).status == "confirmed":
            break
        time.sleep(0.1)
    [ticket] = good(tickets_order_tickets.sync(order.id, client=pia)).items
    assert ticket.seat.id == seat.id
    assert ticket.status == "valid"
    print(f"ticket: {ticket.code}")


main(sys.argv[1])
