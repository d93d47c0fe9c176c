"""An erased account in the ticket service: what keeps one, and what is erased of it when."""

import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Email
from houseful.messages import AccountErased
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.erasures import Erasure, erased_order
from houseful.tickets.domain.gate_staff import GateStaff, Member
from houseful.tickets.domain.order_acts import ActBy, Actor, OrderAct
from houseful.tickets.domain.orders import Order, OrderState
from tests.unit.tickets.harness import DAY, HOUR, Harness, refusal

USER = "usr_1"


async def erased(harness: Harness, user_id: str = USER) -> None:
    """The message arrives, and everything that is due by now is done."""
    await harness.receive(AccountErased(user_id=user_id, erased_at=harness.clock.now()))
    await sweep(harness)


async def sweep(harness: Harness) -> None:
    while await harness.tickets.erasures.erase_due():
        pass


async def send(harness: Harness) -> int:
    while await harness.tickets.email_outbox.send_due():
        pass
    return len(harness.mailbox.got)


async def buyer(harness: Harness, order_id: str) -> tuple[str, str]:
    order = await harness.order_of(order_id)
    return order.buyer_name, order.buyer_email


async def obstacles(harness: Harness) -> list[str]:
    return [one.code for one in await harness.tickets.erasures.obstacles(USER)]


def down(email: Email) -> None:
    raise Unavailable(f"<{email.to_address}>: try later")


BEA, NOBODY = ("Bea Brandt", "bea@example.org"), ("", "")


async def test_open_payments_and_tickets_of_events_to_come_keep_an_account(harness: Harness) -> None:
    await harness.show()
    assert await obstacles(harness) == []
    order_id = await harness.placed("A-1")
    assert await obstacles(harness) == ["payments_open"]
    harness.processor.pay(order_id)
    await harness.webhooks()
    await harness.tickets.reconciliation.look_at(order_id)
    [told] = await harness.tickets.erasures.obstacles(USER)
    assert told.code == "upcoming_tickets"
    assert "An Evening" in told.detail
    await harness.cancel(order_id)
    assert await obstacles(harness) == ["payments_open"]  # until the refund is through
    await harness.quiet()
    assert await obstacles(harness) == []


async def test_tickets_of_the_past_keep_nobody(harness: Harness) -> None:
    await harness.show()
    await harness.bought("A-1")
    await harness.clock.advance(31 * DAY // 1000)
    assert await obstacles(harness) == []
    assert await harness.tickets.erasures.obstacles("usr_2") == []


async def test_orders_of_the_past_name_nobody_any_more_and_the_books_stand(harness: Harness) -> None:
    await harness.show()
    order_id, other = await harness.bought("A-1"), await harness.bought("A-2", user="usr_2")
    await harness.deliver()
    await send(harness)
    await harness.clock.advance(31 * DAY // 1000)
    before = await harness.order_of(order_id)
    await erased(harness)
    assert await buyer(harness, order_id) == NOBODY
    assert await buyer(harness, other) == BEA
    after = await harness.order_of(order_id)
    assert (after.total_minor, after.seats, after.user_id) == (before.total_minor, before.seats, USER)
    await harness.verify()
    [erasure] = await harness.every(Erasure)
    assert erasure.due_at == erasure.erased_at + HOUR
    await harness.clock.advance(3600)
    await sweep(harness)
    [erasure] = await harness.every(Erasure)
    assert erasure.due_at is None


async def test_what_was_bought_at_that_very_moment_keeps_its_buyer_until_the_event_is_over(
    harness: Harness,
) -> None:
    await harness.show()
    order_id = await harness.placed("A-1")
    await erased(harness)
    assert await buyer(harness, order_id) == BEA
    harness.processor.pay(order_id)
    await harness.webhooks()
    await harness.tickets.reconciliation.look_at(order_id)
    await harness.deliver()
    await harness.clock.advance(3600)
    await sweep(harness)
    assert await send(harness) == 1  # the tickets arrive
    assert await buyer(harness, order_id) == BEA
    await harness.clock.advance(31 * DAY // 1000)
    await sweep(harness)
    assert await buyer(harness, order_id) == NOBODY
    assert (await harness.order_of(order_id)).state is OrderState.CONFIRMED


async def test_an_order_that_a_token_in_use_placed_after_the_message_is_erased_too(harness: Harness) -> None:
    await harness.show()
    await erased(harness)
    order_id = await harness.placed("A-1")
    await harness.cancel(order_id)
    await harness.quiet()
    await harness.clock.advance(3600)
    await sweep(harness)
    assert await buyer(harness, order_id) == NOBODY


async def test_an_email_that_is_under_way_goes_before_its_address_does(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.cancel(order_id)
    await harness.quiet()
    harness.mailbox.answer = down
    await send(harness)
    await erased(harness)
    assert await buyer(harness, order_id) == BEA
    await harness.clock.advance(8 * DAY // 1000)
    await sweep(harness)
    assert await buyer(harness, order_id) == NOBODY
    for email in await harness.every(QueuedEmail):
        assert (email.due_at, email.error, email.failed_at) == (None, None, None)


async def test_the_email_about_a_refund_is_waited_for_while_its_message_is_under_way(
    harness: Harness,
) -> None:
    await harness.show()
    order_id = await refunded(harness)
    await erased(harness)
    assert await buyer(harness, order_id) == BEA
    await harness.deliver()
    assert await send(harness) > 0
    await harness.clock.advance(5)
    await sweep(harness)
    assert await buyer(harness, order_id) == NOBODY


async def test_a_message_about_a_refund_that_does_not_come_is_waited_for_an_hour(harness: Harness) -> None:
    await harness.show()
    order_id = await refunded(harness)
    await erased(harness)
    await harness.clock.advance(3600)
    await sweep(harness)
    assert await buyer(harness, order_id) == NOBODY


async def refunded(harness: Harness) -> str:
    """An order whose money is back, and nobody was told yet."""
    order_id = await harness.bought("A-1")
    await harness.cancel(order_id)
    await harness.tickets.reconciliation.look_at(order_id)
    assert (await harness.order_of(order_id)).state is OrderState.REFUNDED
    return order_id


async def test_nobody_writes_to_who_was_erased(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.clock.advance(31 * DAY // 1000)
    await erased(harness)
    await harness.deliver()  # the confirmation was late
    sent = await send(harness)
    assert sent == 0
    show = await harness.show_of()
    refused = await refusal(
        harness.tickets.order_desk.correct_address(
            show, order_id, "new@example.org", ActBy(Actor.ORGANIZER, "usr_organizer")
        )
    )
    assert refused.code == "account_erased"
    assert await buyer(harness, order_id) == NOBODY


async def test_the_history_of_an_order_tells_nobody_who_was_erased(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    show, by, desk = (
        await harness.show_of(),
        ActBy(Actor.ORGANIZER, "usr_organizer"),
        harness.tickets.order_desk,
    )
    await desk.note(show, order_id, "Bea is on crutches", by, harness.use())
    await desk.correct_address(show, order_id, "brandt@example.org", by)
    await harness.deliver()
    await send(harness)
    await harness.clock.advance(31 * DAY // 1000)
    await erased(harness)
    acts = await harness.every(OrderAct)
    assert sorted(act.act for act in acts) == ["corrected", "emailed", "noted", "resent"]
    assert {(act.text, act.before, act.after) for act in acts} == {("", None, None)}
    told = await refusal(desk.note(show, order_id, "it was Bea", by, harness.use()))
    assert told.code == "account_erased"


async def test_an_email_that_goes_while_its_order_is_erased_names_nobody(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.deliver()

    async def slowly(email: Email) -> None:
        async with harness.store.begin() as tx:
            order = await tx.get(Order, order_id)
            assert order is not None
            tx.put(erased_order(order))

    monkeypatch.setattr(harness.mailbox, "send", slowly)
    await harness.tickets.email_outbox.send_due()
    [act] = await harness.every(OrderAct)
    assert (act.act, act.after) == ("emailed", None)


async def test_gate_staff_that_was_erased_is_named_no_more(harness: Harness) -> None:
    await harness.show()
    members = tuple(
        Member(user_id=id, email=f"{id}@x.example", name=id, added_at=0) for id in (USER, "usr_2")
    )
    async with harness.store.begin() as tx:
        tx.insert(GateStaff(id="evt_1", members=members))
    found, more = await harness.tickets.erasures.gate_staff(USER, None)
    assert [(event_id, one.email) for event_id, one in found] == [("evt_1", "usr_1@x.example")]
    assert more is None
    await erased(harness)
    [staff] = await harness.every(GateStaff)
    assert [one.user_id for one in staff.members] == ["usr_2"]


async def test_the_message_twice_is_once(harness: Harness) -> None:
    await harness.show()
    await erased(harness)
    await harness.clock.advance(3600)
    await sweep(harness)
    await harness.receive(AccountErased(user_id=USER, erased_at=harness.clock.now()))
    [erasure] = await harness.every(Erasure)
    assert erasure.due_at is None
