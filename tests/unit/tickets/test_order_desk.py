"""The order desk: resend, correct, refund and note; who did what and when."""

from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import EventCancelled, OrderRefunded
from houseful.tickets.desk_views import DeskOrderView, history_views
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.holds import HoldQuota
from houseful.tickets.domain.order_acts import ActBy, Actor, Buyer, OrderAct, desk
from houseful.tickets.domain.orders import Due, OrderState, PaymentState
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import DAY, Harness, refusal, who
from tests.unit.tickets.test_ordering import scan

BY = ActBy(Actor.ORGANIZER, "usr_organizer")
BEA = Buyer("Bea Brandt", "bea@example.org")


async def refund(harness: Harness, order_id: str, *seats: str, reason: str = "ill") -> DeskOrderView:
    """These seats, or all."""
    return await harness.tickets.order_desk.refund(
        await harness.show_of(), order_id, list(seats) or None, reason, BY, harness.use(BY.user_id)
    )


async def correct(harness: Harness, order_id: str, buyer: Buyer, *, resend: bool = False) -> DeskOrderView:
    return await harness.tickets.order_desk.correct(
        await harness.show_of(), order_id, buyer, BY, harness.use(BY.user_id), resend=resend
    )


async def resend(harness: Harness, order_id: str) -> DeskOrderView:
    return await harness.tickets.order_desk.resend(
        await harness.show_of(), order_id, BY, harness.use(BY.user_id)
    )


async def send(harness: Harness) -> list[Any]:
    """Every email that has gone by now."""
    await harness.deliver()
    while await harness.tickets.email_outbox.send_due():
        pass
    return harness.mailbox.got


async def history(harness: Harness, order_id: str) -> list[tuple[str, str]]:
    show, layout = await harness.tickets.inventory.hall("evt_1")
    order, _, _, acts = await harness.tickets.order_desk.order(show, order_id)
    return [(entry.event, entry.by) for entry in history_views(order, acts, layout)]


async def test_a_seat_goes_back_and_the_order_keeps_the_others(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2", "B-1")
    view = await refund(harness, order_id, "A-2", reason="broke a leg")
    assert (view.status, view.total_minor, view.refunded_minor) == ("confirmed", 8000, 5000)
    assert view.places == ["Stalls, row A, seat 1", "Stalls, row B, seat 1"]
    assert set(await harness.seats()) == {0, 10}
    await harness.quiet()
    await harness.verify()
    intent = harness.processor.of(order_id)
    assert (intent.captured_minor, intent.refunded_minor) == (13000, 5000)
    states = {ticket.ordinal: ticket.state for ticket in await harness.every(Ticket)}
    assert states == {0: TicketState.VALID, 1: TicketState.REFUNDED, 10: TicketState.VALID}
    [told] = await harness.sent(OrderRefunded)
    assert (told.part, told.total_minor, told.reason) == (1, 5000, "organizer_refunded")
    assert [seat.seat_id for seat in told.seats] == ["A-2"]
    sales = await harness.get(Sales, "evt_1")
    assert (sales.sold, sales.gross_minor, sales.refunded_minor, sales.orders) == (2, 13000, 5000, 1)
    [act] = await harness.every(OrderAct)
    assert (act.act, act.actor, act.user_id) == ("seats_refunded", "organizer", "usr_organizer")
    assert (act.text, act.seats, act.amount_minor) == ("broke a leg", (1,), 5000)
    await harness.bought("A-2", user="usr_2")
    await harness.verify()


async def test_parts_go_back_one_after_the_other_and_then_the_rest(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2", "B-1", "B-2")
    for seats in (("A-1",), ("B-1", "A-2"), ()):
        view = await refund(harness, order_id, *seats)
    assert (view.status, view.total_minor, view.refunded_minor) == ("refunding", 3000, 13000)
    assert (await harness.order_of(order_id)).due is Due.REFUND_PART
    harness.processor.calls.clear()
    await harness.quiet()
    assert harness.processor.calls == ["refund", "refund", "refund"]
    assert harness.processor.of(order_id).refunded_minor == 16000
    order = await harness.order_of(order_id)
    assert (order.state, order.payment) == (OrderState.REFUNDED, PaymentState.REFUNDED)
    assert (await harness.get(Sales, "evt_1")).refunded_minor == 16000
    await harness.verify()


async def test_a_part_waits_until_its_money_was_taken(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1", "B-1")
    harness.processor.pay(order_id)
    await harness.webhooks()
    await refund(harness, order_id, "A-1")
    order = await harness.order_of(order_id)
    assert (order.payment, order.due) == (PaymentState.AUTHORIZED, Due.CAPTURE)
    await harness.quiet()
    assert harness.processor.of(order_id).refunded_minor == 5000
    await harness.verify()


async def test_a_part_whose_answer_was_lost_goes_back_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "B-1")
    normal = harness.processor.trouble

    async def lost(call: str, when: str) -> None:
        if call == "refund" and when == "after":
            harness.processor.trouble = normal
            raise DomainError("refund_too_large", "the answer is another one than it was")

    harness.processor.trouble = lost
    await refund(harness, order_id, "B-1")
    await harness.quiet()
    assert harness.processor.of(order_id).refunded_minor == 3000
    await harness.verify()


async def test_an_order_that_cost_nothing_gives_a_seat_back(harness: Harness) -> None:
    await harness.show(prices={"Premium": 0, "Standard": 3000})
    order = await harness.order((await harness.hold("A-1", "A-2")).hold_id)
    view = await refund(harness, order.id, "A-1")
    assert (view.status, view.total_minor, view.refunded_minor) == ("confirmed", 0, 0)
    paid = await harness.bought("A-3", "B-1")
    await refund(harness, paid, "B-1")
    assert (await refund(harness, paid)).status == "refunding"  # a free seat is what it has
    await harness.quiet()
    assert (await harness.order_of(paid)).state is OrderState.REFUNDED
    await harness.verify()


async def test_the_buyers_rules_do_not_bind_the_desk(harness: Harness) -> None:
    await harness.show(refundable_until=0, max_seats_per_buyer=2)
    order_id = await harness.bought("A-1", "A-2")
    assert (await refusal(harness.cancel(order_id))).code == "cancel_closed"
    await refund(harness, order_id, "A-1")
    [quota] = await harness.every(HoldQuota)
    assert quota.bought == 1
    await harness.bought("A-3")
    await refund(harness, order_id)
    await harness.quiet()
    order = await harness.order_of(order_id)
    assert (order.state, order.reason) == (OrderState.REFUNDED, "organizer_refunded")
    assert order.detail == "The organizer refunded this order. The money has gone back to you."
    await harness.verify()


async def test_what_can_not_be_refunded(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2", "A-3")
    await harness.clock.advance(30 * DAY // 1000)
    assert await scan(harness, order_id) == "admitted"
    told = await refusal(refund(harness, order_id, "A-1"))
    assert (status_of(told), told.code, told.extra) == (409, "ticket_used", {"seats": ["A-1"]})
    assert (await refusal(refund(harness, order_id))).code == "ticket_used"
    await refund(harness, order_id, "A-2")
    told = await refusal(refund(harness, order_id, "A-3", "A-2", "B-9"))
    assert told.errors == {"seats[1]": "was refunded before", "seats[2]": "is no seat of this order"}
    assert "twice" in (await refusal(refund(harness, order_id, "A-3", "A-3"))).errors["seats"]
    show, desk_, use = await harness.show_of(), harness.tickets.order_desk, harness.use()
    assert "no seat" in (await refusal(desk_.refund(show, order_id, [], "", BY, use))).errors["seats"]
    await harness.verify()


async def test_only_a_confirmed_order_is_refunded_or_resent(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    told = await refusal(refund(harness, order_id))
    assert (status_of(told), told.code) == (409, "not_refundable")
    assert told.detail.startswith("This order is awaiting payment; ")
    told = await refusal(resend(harness, order_id))
    assert (status_of(told), told.code) == (409, "no_tickets")


async def test_orders_of_other_events_are_not_there(harness: Harness) -> None:
    await harness.show()
    await harness.show("evt_2")
    order_id = await harness.bought("A-1")
    other, desk_ = await harness.show_of("evt_2"), harness.tickets.order_desk
    for work in (
        desk_.order(other, order_id),
        desk_.resend(other, order_id, BY, harness.use()),
        desk_.correct(other, order_id, BEA, BY, harness.use(), resend=False),
        desk_.refund(other, order_id, None, "x", BY, harness.use()),
        desk_.note(other, order_id, "x", BY, harness.use()),
    ):
        told = await refusal(work)
        assert (status_of(told), told.code) == (404, "order_not_found")
    assert await harness.every(OrderAct) == []


async def test_the_tickets_are_sent_again_as_another_email(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2")
    assert len(await send(harness)) == 1
    await refund(harness, order_id, "A-1")
    await resend(harness, order_id)
    await resend(harness, order_id)  # pressed twice before it has gone: one email
    _, *again = await send(harness)
    assert sorted(email.id for email in again) == [
        f"confirmed-{order_id}-1",
        f"part_refunded-{order_id}-1",
    ]
    tickets = next(email for email in again if email.id.startswith("confirmed"))
    assert "row A, seat 2" in tickets.text
    assert "row A, seat 1" not in tickets.text
    assert await history(harness, order_id) == [
        ("placed", "buyer"), ("confirmed", "system"), ("emailed", "system"), ("seats_refunded", "organizer"),
        ("resent", "organizer"), ("resent", "organizer"), ("emailed", "system"), ("emailed", "system"),
    ]  # fmt: skip


async def test_tickets_that_were_not_sent_yet_are_sent_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await resend(harness, order_id)
    assert [email.id for email in await send(harness)] == [f"confirmed-{order_id}"]


async def test_the_email_about_a_part_has_its_seats_and_its_money(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2", "B-1")
    await send(harness)
    await refund(harness, order_id, "A-1")
    await refund(harness, order_id, "B-1")
    _, first, second = await send(harness)
    assert first.subject == "Some seats refunded: An Evening"
    assert "row A, seat 1" in first.text
    assert "row A, seat 2" not in first.text
    assert "50.00" in first.text
    assert "row B, seat 1" in second.text
    assert "30.00" in second.text
    assert (first.date, first.attachments) == (None, ())
    [*_, email] = await harness.tickets.undelivered_emails.of_order(await harness.order_of(order_id))
    assert (email.kind, email.part, email.state) == ("part_refunded", 2, "sent")


async def test_a_name_and_an_address_are_corrected_once(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    assert len(await send(harness)) == 1
    new = Buyer("Bea Brandt-Ott", "bea@example.net")
    for _ in range(2):
        view = await correct(harness, order_id, new)
        assert Buyer(view.buyer.name, view.buyer.email) == new
    assert len(await send(harness)) == 1
    *_, corrected = await harness.tickets.order_desk.acts(order_id)
    assert (corrected.act, corrected.before, corrected.after) == ("corrected", BEA, new)
    assert (await history(harness, order_id))[3:] == [("corrected", "organizer")]
    await correct(harness, order_id, new, resend=True)
    *_, email = await send(harness)
    assert Buyer(email.to_name, email.to_address) == new
    assert (await history(harness, order_id))[4:] == [("resent", "organizer"), ("emailed", "system")]


async def test_what_did_not_arrive_goes_to_the_new_address(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")

    def no_mailbox(email: Any) -> None:
        raise DomainError("mail_refused", "There is no such mailbox.")

    harness.mailbox.answer = no_mailbox
    assert await send(harness) == []
    harness.mailbox.answer = lambda email: None
    await correct(harness, order_id, Buyer("Bea", "bea@example.org"))  # the name alone sends nothing
    assert await send(harness) == []
    await correct(harness, order_id, Buyer("Bea", "bea@example.net"))
    assert [email.to_address for email in await send(harness)] == ["bea@example.net"]


async def test_a_note_is_for_the_desk(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    show, use = await harness.show_of(), harness.use("usr_admin")
    await harness.tickets.order_desk.note(show, order_id, "Comes late", desk(show, who("usr_admin")), use)
    [act] = await harness.tickets.order_desk.acts(order_id)
    assert (act.act, act.actor, act.user_id, act.text) == ("noted", "admin", "usr_admin", "Comes late")
    assert await send(harness)


@pytest.mark.parametrize("by_event", [False, True])
async def test_who_takes_an_order_back_is_in_its_history(harness: Harness, by_event: bool) -> None:
    await harness.show()
    order_id, unpaid = await harness.bought("A-1"), await harness.placed("A-2")
    if by_event:
        await harness.receive(EventCancelled(event_id="evt_1"))
        await harness.quiet()
    else:
        await harness.cancel(order_id)
        await harness.cancel(unpaid)
    actor = "system" if by_event else "buyer"
    assert (await history(harness, order_id))[2:3] == [("refunded", actor)]
    assert (await history(harness, unpaid))[1:] == [("cancelled", actor)]


async def test_a_cancelled_event_gives_back_what_parts_have_left(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "B-1")
    await refund(harness, order_id, "B-1")
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.quiet()
    assert harness.processor.of(order_id).refunded_minor == 8000
    assert len(await harness.sent(OrderRefunded)) == 2
    await harness.verify()
    kinds = {email.kind for email in await harness.every(QueuedEmail)}
    assert kinds == {"confirmed", "part_refunded", "refunded"}


async def test_tickets_are_sent_again_at_the_moment_in_which_they_are_sent_first(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    order_desk = harness.tickets.order_desk
    send_tickets = order_desk._send_tickets

    async def meanwhile(*arguments: Any) -> None:
        await send_tickets(*arguments)
        await harness.deliver()

    monkeypatch.setattr(order_desk, "_send_tickets", meanwhile)
    await resend(harness, order_id)
    assert len(await harness.every(QueuedEmail)) == 1
