"""The email outbox: every email goes out however long the mailer is down; one bad email stops no other."""

import asyncio
import io
from email.utils import parseaddr

import icalendar
import pypdf
import pytest

from houseful.adapters.processes.pool import InlineWorkers
from houseful.kernel.errors import Invalid, Overloaded, Unavailable
from houseful.kernel.ports import Email
from houseful.messages import OrderConfirmed
from houseful.settings import Settings
from houseful.tickets.documents import order_email
from houseful.tickets.documents.order_email import Written
from houseful.tickets.domain.emails import Proofs, QueuedEmail
from houseful.tickets.schemas import OrderView
from houseful.tickets.use_cases.email_outbox import EmailOutbox
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.stand_ins import Crash


async def bought(harness: Harness, *seats: str) -> str:
    order_id = await harness.bought(*seats)
    await harness.deliver()
    return order_id


async def send(harness: Harness) -> int:
    return await harness.tickets.email_outbox.send_due()


async def queued(harness: Harness, order_id: str, kind: str = "confirmed") -> QueuedEmail:
    return await harness.get(QueuedEmail, f"{kind}:{order_id}")


async def test_a_confirmation_brings_the_tickets(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1", "B-2")
    assert await send(harness) == 1
    [email] = harness.mailbox.got
    assert (email.to_name, email.to_address) == ("Bea Brandt", "bea@example.org")
    assert email.subject == "Your tickets: An Evening"
    assert "Stalls, row A, seat 1" in email.text
    assert "Stalls, row B, seat 2" in email.text
    assert f"https://tickets.example.org/orders/{order_id}" in email.text
    assert email.html is not None
    assert "Stalls, row A, seat 1" in email.html
    pdf, date = email.attachments
    assert (pdf.media_type, date.media_type) == ("application/pdf", "text/calendar")
    assert len(pypdf.PdfReader(io.BytesIO(pdf.content)).pages) == 2
    assert len(icalendar.Calendar.from_ical(date.content).walk("VEVENT")) == 1
    assert await send(harness) == 0  # and goes out once


async def test_what_is_taken_back_is_written_about(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    order_id = await bought(harness, "A-1")
    late = await harness.placed("A-2")
    await harness.cancel(order_id)
    await harness.clock.advance(60)
    harness.processor.pay(late)  # in the instant of cancelling
    await harness.cancel(late)
    await harness.webhooks()
    await harness.deliver()
    while await send(harness):
        pass
    subjects = {email.id.split("-")[0]: email.subject for email in harness.mailbox.got}
    assert subjects == {
        "confirmed": "Your tickets: An Evening",
        "refunded": "Refunded: An Evening",
        "returned": "Payment returned: An Evening",
    }
    assert [bool(email.attachments) for email in harness.mailbox.got].count(True) == 1
    dates = {email.id.split("-")[0]: email.date and email.date.method for email in harness.mailbox.got}
    assert dates == {"confirmed": "CANCEL", "refunded": "CANCEL", "returned": None}


async def test_a_message_that_comes_twice_is_one_email(harness: Harness) -> None:
    await harness.show()
    await bought(harness, "A-1")
    await send(harness)
    for message in await harness.sent(OrderConfirmed):
        async with harness.store.begin() as tx:
            await harness.tickets.email_outbox.on_confirmed(tx, message)
    assert await send(harness) == 0
    assert len(harness.mailbox.got) == 1


async def test_a_mailer_that_is_down_is_tried_again_and_later_each_time(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1")

    def down(email: Email) -> None:
        raise Unavailable("no route to the post office")

    harness.mailbox.answer = down
    pauses = []
    for _ in range(12):
        asked_at = harness.clock.now()
        assert await send(harness) == 1
        email = await queued(harness, order_id)
        assert email.due_at is not None
        assert email.error == "no route to the post office"
        pauses.append(email.due_at - asked_at)
        assert await send(harness) == 0  # not before its time
        await harness.clock.advance((email.due_at - asked_at) / 1000)
    assert pauses[:4] == [10_000, 20_000, 40_000, 80_000]
    assert pauses[-1] == 3_600_000
    harness.mailbox.answer = lambda email: None
    assert await send(harness) == 1
    assert (await queued(harness, order_id)).due_at is None
    assert len(harness.mailbox.got) == 1


async def test_a_refused_address_is_given_up_and_remembered(harness: Harness) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1")

    def refuse(email: Email) -> None:
        raise Invalid("address_refused", "There is no such mailbox.")

    harness.mailbox.answer = refuse
    assert await send(harness) == 1
    email = await queued(harness, order_id)
    assert (email.due_at, email.error, email.tries) == (None, "There is no such mailbox.", 1)
    await harness.clock.advance(10**6)
    assert await send(harness) == 0


async def test_one_broken_email_does_not_stop_the_others(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    broken, good = await bought(harness, "A-1"), await bought(harness, "A-2")
    written = order_email.compose

    def with_a_bug(kind: str, show: object, order: OrderView, *more: object, **options: object) -> Written:
        if order.id == broken:
            raise RuntimeError("a bug")
        return written(kind, show, order, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(order_email, "compose", with_a_bug)
    assert await send(harness) == 2
    assert [email.id for email in harness.mailbox.got] == [f"confirmed-{good}"]
    monkeypatch.setattr(order_email, "compose", written)
    assert await send(harness) == 0
    await harness.clock.advance(3600)
    assert await send(harness) == 1
    assert {email.id for email in harness.mailbox.got} == {f"confirmed-{broken}", f"confirmed-{good}"}


async def test_after_a_crash_an_email_may_come_twice_with_the_same_name(harness: Harness) -> None:
    await harness.show()
    await bought(harness, "A-1")
    harness.store.commits, harness.store.dies_at = 0, (2, "before")  # sent, and it was not written down
    with pytest.raises(Crash):
        await send(harness)
    harness = await harness.again()
    assert await send(harness) == 0, "for all that one can know somebody is sending it"
    await harness.clock.advance(60)
    assert await send(harness) == 1
    assert len(harness.mailbox.got) == 2
    assert len({email.id for email in harness.mailbox.got}) == 1
    assert await send(harness) == 0


async def test_two_copies_of_the_service_send_an_email_once(harness: Harness) -> None:
    await harness.show()
    for number in range(1, 6):
        await bought(harness, f"A-{number}")
    tickets = harness.tickets
    other = EmailOutbox(
        harness.store,
        tickets.inventory,
        harness.mailbox,
        InlineWorkers(),
        harness.coordination,
        tickets.signer,
        Proofs(b"t" * 32),
        harness.clock,
        harness.ids,
        Settings(),
    )
    await asyncio.gather(harness.tickets.email_outbox.send_due(), other.send_due())
    assert len(harness.mailbox.got) == 5
    assert await send(harness) == 0


async def test_an_email_of_a_buyer_with_any_name(harness: Harness) -> None:
    await harness.show(title="日本語の夜 🎉")
    hold = await harness.hold("A-1")
    name = '田中 "Taro" <x>, مساء'
    order = await harness.tickets.ordering.order(
        "usr_1", hold.hold_id, name, "taro@example.org", harness.use()
    )
    harness.processor.pay(order.id)
    await harness.webhooks()
    await harness.deliver()
    assert await send(harness) == 1
    [email] = harness.mailbox.got
    assert email.to_name == name
    assert email.subject == "Your tickets: 日本語の夜 🎉"
    assert parseaddr(email.to_address) == ("", "taro@example.org")


async def test_emails_go_out_page_by_page(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("houseful.tickets.use_cases.email_outbox.EMAILS_AT_ONCE", 2)
    await harness.show()
    for number in range(1, 6):
        await bought(harness, f"A-{number}")
    tried = []
    while count := await send(harness):
        tried.append(count)
    assert tried == [2, 2, 1]
    assert len(harness.mailbox.got) == 5


async def test_an_email_waits_where_nobody_has_time_to_draw_its_tickets(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.show()
    order_id = await bought(harness, "A-1")

    async def busy(*work: object, **options: object) -> bytes:
        raise Overloaded("too_busy", "Too many ask at this moment.")

    with monkeypatch.context() as patched:
        patched.setattr(InlineWorkers, "run", busy)
        assert await send(harness) == 1
    email = await queued(harness, order_id)
    assert email.due_at is not None
    assert email.error == "Too many ask at this moment."
    await harness.clock.advance(10)
    assert await send(harness) == 1
    assert len(harness.mailbox.got) == 1
