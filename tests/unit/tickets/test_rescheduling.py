"""An event moves: each of its buyers is told once and may return the order; tickets admit at the new date."""

import asyncio
import io
from typing import Any

import icalendar
import pypdf
import pytest
from msgspec.structs import replace

from houseful.kernel.errors import Unavailable
from houseful.kernel.times import rfc3339
from houseful.messages import EventCancelled, EventRescheduled, OrderConfirmed, OrderRefunded, Reschedule
from houseful.tickets.domain import reschedules
from houseful.tickets.domain.emails import QueuedEmail, emails_of
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.scans import Verdict
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tickets.use_cases import rescheduling
from tests.unit.tickets.harness import DAY, HOUR, Harness, refusal
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.test_check_in import codes, scan


async def moved(harness: Harness, number: int = 1, *, by: int = 7 * DAY, **changes: Any) -> EventRescheduled:
    """The message that the event moves from where it is."""
    show = await harness.show_of()
    fields: dict[str, Any] = {
        "number": number,
        "at": harness.clock.now(),
        "from_starts_at": show.starts_at,
        "from_ends_at": show.ends_at,
        "from_venue": show.venue,
        "starts_at": show.starts_at + by,
        "ends_at": show.ends_at,
        "venue": show.venue,
        "message": "The singer is ill.",
        "return_until": show.starts_at + by,
    }
    return EventRescheduled(event_id="evt_1", reschedule=Reschedule(**(fields | changes)))


async def move(harness: Harness, number: int = 1, *, by: int = 7 * DAY, **changes: Any) -> EventRescheduled:
    message = await moved(harness, number, by=by, **changes)
    await harness.receive(message)
    return message


async def tell(harness: Harness) -> None:
    await harness.tickets.rescheduling.tell_due()


async def told(harness: Harness) -> list[str]:
    """The orders of the emails about reschedules, with their numbers."""
    emails = [one for one in await harness.every(QueuedEmail) if one.kind == "rescheduled"]
    return sorted(f"{one.order_id}:{one.reschedule}" for one in emails)


async def sent(harness: Harness) -> None:
    while await harness.tickets.email_outbox.send_due():
        pass


async def bought(harness: Harness, *seats: str, user: str = "usr_1") -> str:
    order_id = await harness.bought(*seats, user=user)
    await harness.deliver()
    await sent(harness)
    harness.mailbox.got.clear()
    return order_id


async def test_a_buyer_is_told_from_when_to_when_with_tickets_and_calendar(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1", "A-2")
    await move(harness, venue="Town Hall")
    await tell(harness)
    await sent(harness)
    [email] = harness.mailbox.got
    assert email.subject == "New date: An Evening"
    for part in ("Hello Bea Brandt,", "The Hall", "Town Hall", "The singer is ill.", "until", order_id):
        assert part in email.text
        assert email.html is not None
        assert part in email.html
    view = await harness.tickets.ordering.order_view("usr_1", order_id)
    assert view.move is not None
    assert (view.move.from_venue, view.move.venue) == ("The Hall", "Town Hall")
    assert view.move.message == "The singer is ill."
    pdf, date = email.attachments
    page = pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    assert "Moved from" in page
    assert "Town Hall" in page
    calendar: Any = icalendar.Calendar.from_ical(date.content)
    [entry] = calendar.walk("VEVENT")
    assert (entry["sequence"], str(entry["uid"])) == (1, f"{order_id}@houseful")
    assert entry["dtstart"].dt.timestamp() * 1000 == (await harness.show_of()).starts_at
    assert "Moved from" in str(entry["description"])
    await tell(harness)
    await sent(harness)
    assert len(harness.mailbox.got) == 1


async def test_a_message_that_comes_again_or_late_changes_nothing(harness: Harness) -> None:
    await harness.show()
    await bought(harness, "A-1")
    first = await moved(harness, 1, by=DAY)
    second = await moved(harness, 2, by=2 * DAY)
    await harness.receive(second)
    await tell(harness)
    show = await harness.show_of()
    for message in (second, first, second):
        await harness.receive(message)
        assert await harness.show_of() == show
    await harness.receive(replace(first, event_id="evt_none"))
    assert show.starts_at == second.reschedule.starts_at
    assert len(await told(harness)) == 1


async def test_every_page_is_told_once_whoever_dies_when(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescheduling, "ORDERS_AT_ONCE", 2)
    await harness.show()
    orders = [await bought(harness, f"A-{n}", user=f"usr_{n}") for n in range(1, 8)]
    await move(harness)
    for commit, when in ((1, "after"), (2, "before"), (1, "after"), (1, "before")):
        harness.store.commits, harness.store.dies_at = 0, (commit, when)
        with pytest.raises(Crash):
            await tell(harness)
        harness = await harness.again()
    assert 0 < len(await told(harness)) < 7
    await asyncio.gather(tell(harness), tell(harness.beside()), tell(harness))
    assert await told(harness) == sorted(f"{order_id}:1" for order_id in orders)
    show = await harness.show_of()
    assert (show.look_at, show.told_up_to) == (None, None)
    await sent(harness)
    assert len(harness.mailbox.got) == 7


async def test_a_move_in_the_middle_of_the_telling_begins_it_anew(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescheduling, "ORDERS_AT_ONCE", 1)
    await harness.show()
    orders = [await bought(harness, f"A-{n}", user=f"usr_{n}") for n in range(1, 5)]
    await move(harness)
    assert await harness.tickets.rescheduling._tell_page("evt_1")
    later = [await moved(harness, 2)]
    find = harness.store.find

    async def interrupted(kind: Any, *more: Any, **options: Any) -> Any:
        found = await find(kind, *more, **options)
        if kind is Order and later:
            await harness.receive(later.pop())
        return found

    monkeypatch.setattr(harness.store, "find", interrupted)
    await tell(harness)
    assert [one for one in await told(harness) if one.endswith(":2")] == sorted(
        f"{order_id}:2" for order_id in orders
    )


async def test_emails_of_buyers_do_not_wait_behind_thousands(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescheduling, "ORDERS_AT_ONCE", 1)
    monkeypatch.setattr(rescheduling, "MOST_WAITING", 2)
    await harness.show()
    for n in range(1, 6):
        await bought(harness, f"A-{n}", user=f"usr_{n}")
    await move(harness)
    for so_far in (2, 4, 5):
        await tell(harness)
        await tell(harness)
        assert len(await told(harness)) == so_far
        await sent(harness)
    assert len(harness.mailbox.got) == 5


async def test_of_two_in_a_row_the_later_is_told_from_what_the_buyer_knew(harness: Harness) -> None:
    await harness.show()
    known = await bought(harness, "A-1")
    start = (await harness.show_of()).starts_at
    await move(harness, 1, by=7 * DAY, venue="Town Hall")
    await tell(harness)
    await move(harness, 2, by=7 * DAY, venue="Old Hall")
    await tell(harness)
    assert len(await told(harness)) == 2
    await sent(harness)
    [email] = harness.mailbox.got  # the first was overtaken
    assert "The Hall" in email.text
    assert "Town Hall" not in email.text
    assert email.date is not None
    assert b"SEQUENCE:2" in email.date.content
    assert await told(harness) == [f"{known}:2"]
    await move(harness, 3, by=DAY, venue="Opera")
    await tell(harness)
    await sent(harness)
    assert "Old Hall" in harness.mailbox.got[-1].text
    order = await harness.tickets.ordering.order_view("usr_1", known)
    assert order.move is not None
    assert order.move.from_starts_at == rfc3339(start)  # by which it was ordered
    assert len(emails_of(await harness.order_of(known))) == 6


async def test_there_and_back_is_told_from_there(harness: Harness) -> None:
    await harness.show()
    await bought(harness, "A-1")
    await move(harness, 1, by=0, venue="Town Hall")
    await tell(harness)
    await move(harness, 2, by=0, venue="The Hall")
    await tell(harness)
    await sent(harness)
    [email] = harness.mailbox.got
    assert email.subject == "New place: An Evening"
    assert "from Town Hall to The Hall" in email.text


async def test_who_ordered_by_the_old_date_and_pays_later_is_told_too(harness: Harness) -> None:
    await harness.show()
    placed = await harness.placed("A-1")
    held = await harness.hold("A-3")
    await move(harness)
    await tell(harness)
    assert await told(harness) == []
    await harness.clock.advance(60)
    late = (await harness.order(held.hold_id)).id  # the page may have shown the old date
    await tell(harness)
    for order_id in (placed, late):
        harness.processor.pay(order_id)
    await harness.webhooks()
    await harness.deliver()
    assert await told(harness) == sorted([f"{placed}:1", f"{late}:1"])
    for message in await harness.sent(OrderConfirmed):
        await harness.receive(message)
    assert not reschedules.is_to_be_told(await harness.order_of(placed), await harness.show_of())
    await harness.clock.advance(600)
    since = await bought(harness, "A-5")
    assert len(await told(harness)) == 2
    view = await harness.tickets.ordering.order_view("usr_1", since)
    assert view.move is None


@pytest.mark.parametrize("state", ["refunded", "cancelled", "erased"])
async def test_nobody_is_told_who_has_nothing_to_go_to(harness: Harness, state: str) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1")
    await move(harness)
    await tell(harness)
    assert await told(harness) == [f"{order_id}:1"]
    if state == "refunded":
        await harness.cancel(order_id)
    elif state == "cancelled":
        await harness.receive(EventCancelled(event_id="evt_1"))
    else:
        async with harness.store.begin() as tx:
            await tx.get(type(await harness.order_of(order_id)), order_id)
            tx.put(replace(await harness.order_of(order_id), buyer_name="", buyer_email=""))
    await sent(harness)
    assert [email.subject for email in harness.mailbox.got] == []
    assert (await told(harness) == []) is (state != "erased")


async def test_a_cancelled_event_does_not_move_any_more(harness: Harness) -> None:
    await harness.show()
    await bought(harness, "A-1")
    late = await moved(harness)
    await harness.receive(EventCancelled(event_id="evt_1"))
    before = await harness.show_of()
    await harness.receive(late)
    assert await harness.show_of() == before
    await tell(harness)
    assert await told(harness) == []


async def test_free_tickets_of_unproven_buyers_are_told_of_it_too(harness: Harness) -> None:
    await harness.show(prices={"Premium": 0, "Standard": 0})
    for number in (1, 2):
        await harness.order((await harness.hold(f"A-{number}")).hold_id)
    await harness.deliver()
    await sent(harness)
    assert len(harness.mailbox.got) == 1  # the other one waits for a proof
    await move(harness)
    await tell(harness)
    await sent(harness)
    assert [email.subject for email in harness.mailbox.got].count("New date: An Evening") == 2


async def test_an_order_may_be_returned_against_the_events_own_rules(harness: Harness) -> None:
    await harness.show(refundable_until=harness.clock.now() + HOUR)
    first, second = await bought(harness, "A-1", "B-1"), await bought(harness, "A-2")
    await harness.clock.advance(2 * HOUR / 1000)
    assert (await refusal(harness.cancel(first))).code == "cancel_closed"
    await move(harness, return_until=harness.clock.now() + DAY)
    await harness.clock.advance(DAY / 1000 - 1)
    assert (await harness.cancel(first)).status is OrderState.REFUNDING
    await harness.quiet()
    await harness.verify()
    assert (await harness.order_of(first)).state is OrderState.REFUNDED
    assert harness.processor.of(first).refunded_minor == 8000
    assert len(await harness.sent(OrderRefunded)) == 1
    await harness.clock.advance(1)
    assert (await refusal(harness.cancel(second))).code == "cancel_closed"
    since = await bought(harness, "A-1")
    assert (await refusal(harness.cancel(since))).code == "cancel_closed"  # bought by the new date


async def test_rules_that_are_wider_than_the_return_stay(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1")
    await move(harness, return_until=harness.clock.now() + DAY)
    await harness.clock.advance(36 * DAY / 1000)  # after the old start, before the new one
    assert (await harness.cancel(order_id)).status is OrderState.REFUNDING


async def test_a_ticket_that_was_used_admits_at_the_new_date(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1", "A-2")
    used, late = await codes(harness, order_id)
    at = harness.clock.now()
    assert (await scan(harness, used, "doors")).verdict is Verdict.ADMITTED
    assert (await refusal(harness.cancel(order_id))).code == "cancel_closed"
    await harness.clock.advance(60)
    await move(harness)
    await tell(harness)
    assert {ticket.state for ticket in await harness.every(Ticket)} == {TicketState.VALID}
    # A scanner without network tells of the old date now: that does not use the ticket up either.
    assert (await scan(harness, late, "offline", at=at + 1000)).verdict is Verdict.ADMITTED
    await harness.clock.advance(60)
    for code in (used, late):
        assert (await scan(harness, code, "again")).verdict is Verdict.ADMITTED
        assert (await scan(harness, code, "once more")).verdict is Verdict.ALREADY_USED
    assert (await scan(harness, used, "doors", at=at)).verdict is Verdict.ADMITTED  # the same scan
    assert [len(ticket.earlier_scans) for ticket in await harness.every(Ticket)] == [1, 1]


async def test_who_is_in_stays_in_where_it_begins_an_hour_later(harness: Harness) -> None:
    await harness.show()
    [code] = await codes(harness, await bought(harness, "A-1"))
    await scan(harness, code)
    await harness.clock.advance(60)
    await move(harness, by=HOUR)
    await tell(harness)
    assert (await scan(harness, code, "again")).verdict is Verdict.ALREADY_USED


async def test_sales_end_with_the_new_date(harness: Harness) -> None:
    await harness.show()
    await move(harness)
    await harness.clock.advance(35 * DAY / 1000)  # the old date is past
    await harness.hold("A-1")
    await move(harness, 2, by=-DAY)
    await harness.clock.advance(2 * DAY / 1000)
    assert (await refusal(harness.hold("A-2"))).code == "event_ended"


async def test_trouble_with_one_event_does_not_keep_others_from_being_told(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show("evt_0")
    await harness.show()
    order_id = await bought(harness, "A-1")
    message = await moved(harness)
    await harness.receive(replace(message, event_id="evt_0"))
    await harness.receive(message)
    tell_page = rescheduling.Rescheduling._tell_page

    async def with_trouble(self: rescheduling.Rescheduling, event_id: str) -> bool:
        if event_id == "evt_0":
            raise Unavailable("cut by the test")
        return await tell_page(self, event_id)

    monkeypatch.setattr(rescheduling.Rescheduling, "_tell_page", with_trouble)
    await tell(harness)
    assert await told(harness) == [f"{order_id}:1"]


async def test_doors_move_with_the_event(harness: Harness) -> None:
    await harness.show(doors_at=harness.clock.now() + 30 * DAY - HOUR)
    start = (await harness.show_of()).starts_at
    await move(harness, doors_at=start + 7 * DAY - 2 * HOUR)
    assert (await harness.show_of()).doors_at == start + 7 * DAY - 2 * HOUR
