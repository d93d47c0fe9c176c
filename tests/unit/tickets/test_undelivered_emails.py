"""Who may be written to, how often, and with what of a name; what becomes of emails that do not arrive."""

import pytest

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.kernel.errors import Invalid, Unavailable
from houseful.kernel.ports import Email
from houseful.messages import EventCancelled
from houseful.tickets.domain.emails import Proofs, QueuedEmail, shown_name
from houseful.tickets.domain.order_acts import ActBy, Actor
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal

DESK = ActBy(Actor.ORGANIZER, "usr_organizer")
FREE = {"Premium": 0, "Standard": 0}
STRANGER = "stranger@example.org"


async def got_free(
    harness: Harness, seat: str, *, user: str = "usr_1", name: str = "Bea", email: str = STRANGER
) -> str:
    hold = await harness.hold(seat, user=user)
    order = await harness.tickets.ordering.order(user, hold.hold_id, name, email, harness.use(user))
    await harness.deliver()
    return order.id


async def send(harness: Harness) -> int:
    """How many emails have gone by now, of all that may."""
    while await harness.tickets.email_outbox.send_due():
        pass
    return len(harness.mailbox.got)


def proof_in(email: Email) -> str:
    [line] = [line for line in email.text.splitlines() if "/letters/" in line]
    return line.rpartition("/")[2]


async def states(harness: Harness, order_id: str) -> dict[str, str]:
    found = await harness.tickets.undelivered_emails.of_order(await harness.order_of(order_id))
    return {email.kind: email.state for email in found}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Bea Brandt", "Bea Brandt"),
        ("Dr. J.R.R. O'Hara-Łuć, PhD", "Dr. J. R. R. O'Hara-Łuć, PhD"),
        ("You have won! http://evil.example/claim?x=1", "You have won! evil. example claim?x=1"),
        ("HTTPS://evil.example www.evil.example", "evil. example evil. example"),
        ("write to eve@evil.example", "write to eve evil. example"),
        ("evil．example and evil。example", "evil. example and evil. example"),
        ("Bea\r\n\r\nBcc: all\u2028x\u202ey", "Bea Bcc: all x y"),
        ("w" * 100, "w" * 59 + "…"),
        ("田中 \"Taro\" <x>, مساء", "田中 \"Taro\" <x>, مساء"),
    ],
)  # fmt: skip
def test_a_name_in_an_email_is_a_name(name: str, shown: str) -> None:
    assert shown_name(name) == shown


async def test_a_stranger_gets_one_email_without_a_word_of_the_senders(harness: Harness) -> None:
    await harness.show(prices=FREE, max_seats_per_order=30)
    name = "You have won http://evil.example"
    orders = [await got_free(harness, f"{row}-{n}", name=name) for row in "AB" for n in range(1, 6)]
    assert await send(harness) == 1
    [email] = harness.mailbox.got
    assert email.id == f"confirmed-{orders[0]}"
    assert (email.to_name, email.to_address) == ("", STRANGER)
    assert "won" not in email.text
    assert email.text.startswith("Hello,\n")
    assert await states(harness, orders[0]) == {"confirmed": "sent"}
    assert await states(harness, orders[1]) == {"confirmed": "waiting_for_proof"}
    await harness.cancel(orders[1])
    await harness.deliver()
    await harness.clock.advance(10**6)
    assert await send(harness) == 1


async def test_what_waited_goes_as_soon_as_the_address_is_proven(harness: Harness) -> None:
    await harness.show(prices=FREE)
    first, second = await got_free(harness, "A-1"), await got_free(harness, "A-2")
    await send(harness)
    await harness.tickets.undelivered_emails.prove(proof_in(harness.mailbox.got[0]))
    assert await send(harness) == 2
    email = harness.mailbox.got[1]
    assert email.id == f"confirmed-{second}"
    assert "/letters/" not in email.text
    assert email.text.startswith("Hello Bea,\n")
    await harness.tickets.undelivered_emails.prove(proof_in(harness.mailbox.got[0]))
    assert await send(harness) == 2
    await got_free(harness, "A-3", user="usr_2", email=STRANGER.upper())
    assert await send(harness) == 3
    assert await states(harness, first) == {"confirmed": "sent"}


async def test_a_buyer_can_not_bring_a_stranger_a_second_email(harness: Harness) -> None:
    await harness.show(prices=FREE)
    order_id = await got_free(harness, "A-1")
    assert await send(harness) == 1
    await harness.cancel(order_id)
    await harness.deliver()
    assert await send(harness) == 1
    assert await states(harness, order_id) == {"confirmed": "sent", "refunded": "waiting_for_proof"}
    await harness.tickets.undelivered_emails.prove(proof_in(harness.mailbox.got[0]))
    assert await send(harness) == 2


async def test_everybody_is_told_that_an_event_is_cancelled(harness: Harness) -> None:
    await harness.show(prices=FREE)
    orders = [await got_free(harness, seat) for seat in ("A-1", "A-2")]
    assert await send(harness) == 1
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.quiet()
    await harness.deliver()
    assert await send(harness) == 3
    assert await states(harness, orders[1]) == {"confirmed": "waiting_for_proof", "refunded": "sent"}


async def test_an_email_about_money_goes_to_anybody(harness: Harness) -> None:
    await harness.show()
    for seat in ("A-1", "A-2", "A-3"):
        await harness.bought(seat)
    await harness.deliver()
    assert await send(harness) == 3
    assert all("Hello Bea Brandt," in email.text for email in harness.mailbox.got)


async def test_a_token_of_nobody_proves_nothing(harness: Harness) -> None:
    await harness.show(prices=FREE)
    await got_free(harness, "A-1")
    await send(harness)
    good = proof_in(harness.mailbox.got[0])
    for token in ("", "x", good[:-1], good[:32] + "0" * 32, Proofs(b"other").token(good[:32]), good + "0"):
        assert (await refusal(harness.tickets.undelivered_emails.prove(token))).code == "proof_unknown"


async def test_an_accounts_emails_to_strangers_are_few(harness: Harness) -> None:
    await harness.show(prices=FREE, max_seats_per_order=30)
    for n in range(1, 10):
        await got_free(harness, f"A-{n}", email=f"stranger{n}@example.org")
    assert await send(harness) == 5
    await harness.clock.advance(3600)
    assert await send(harness) == 9
    assert len({email.to_address for email in harness.mailbox.got}) == 9


async def test_emails_to_one_address_are_limited_but_all_go(harness: Harness) -> None:
    await harness.show(max_seats_per_order=30)
    for n in range(25):
        await harness.bought(f"{'ABC'[n // 10]}-{n % 10 + 1}", user=f"usr_{n}")
    await harness.deliver()
    assert await send(harness) == 20
    for _ in range(25):
        await harness.clock.advance(200)
        await send(harness)
    assert len({email.id for email in harness.mailbox.got}) == len(harness.mailbox.got) == 25


async def test_emails_go_without_limits_that_can_not_be_reached(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*args: object, **options: object) -> float:
        raise Unavailable("no limits today")

    await harness.show(prices=FREE, max_seats_per_order=30)
    for n in range(1, 8):
        await got_free(harness, f"A-{n}", email=f"stranger{n}@example.org")
    monkeypatch.setattr(LocalCoordination, "take", down)
    assert await send(harness) == 7


# What does not arrive


def no_mailbox(email: Email) -> None:
    if email.to_address == "bea@example.org":
        raise Invalid("mail_refused", "There is no such mailbox.")


async def test_the_organizer_sees_and_corrects_what_did_not_arrive(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.deliver()
    harness.mailbox.answer = no_mailbox
    await send(harness)
    show, undelivered = await harness.show_of(), harness.tickets.undelivered_emails
    [(email, order)] = await undelivered.page(show, None, 10)
    assert (email.state, email.error, order.id) == ("refused", "There is no such mailbox.", order_id)
    assert email.failed_at == harness.clock.now()

    await harness.tickets.order_desk.correct_address(show, order_id, "bea@example.net", DESK)
    assert await send(harness) == 1
    assert harness.mailbox.got[0].to_address == "bea@example.net"
    assert len(harness.mailbox.got[0].attachments) == 2
    assert await undelivered.page(show, None, 10) == []
    assert (await harness.order_of(order_id)).buyer_email == "bea@example.net"


async def test_an_email_that_went_astray_is_sent_again_to_the_right_address(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.deliver()
    assert await send(harness) == 1
    await harness.tickets.order_desk.correct_address(await harness.show_of(), order_id, "b@example.net", DESK)
    assert await send(harness) == 2
    assert [email.to_address for email in harness.mailbox.got] == ["bea@example.org", "b@example.net"]


async def test_an_address_corrected_while_its_email_is_on_its_way_gets_one(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    await harness.deliver()
    post, show = harness.tickets.email_outbox, await harness.show_of()
    [queued] = await harness.every(QueuedEmail)
    claimed = await post._claim(queued)
    assert claimed is not None
    await harness.clock.advance(1)
    await harness.tickets.order_desk.correct_address(show, order_id, "b@example.net", DESK)
    await post._send(claimed)
    await send(harness)
    assert [email.to_address for email in harness.mailbox.got] == ["bea@example.org", "b@example.net"]


async def test_orders_of_other_events_are_not_corrected(harness: Harness) -> None:
    await harness.show()
    await harness.show("evt_2")
    order_id = await harness.bought("A-1")
    other = await harness.show_of("evt_2")
    told = await refusal(harness.tickets.order_desk.correct_address(other, order_id, "b@x.org", DESK))
    assert status_of(told) == 404


async def test_an_organizer_can_not_send_emails_without_end(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    show = await harness.show_of()
    for n in range(60):
        await harness.tickets.order_desk.correct_address(show, order_id, f"b{n}@example.net", DESK)
    told = await refusal(harness.tickets.order_desk.correct_address(show, order_id, "b@example.net", DESK))
    assert (status_of(told), told.code) == (429, "too_many_letters")


async def test_emails_of_the_version_before_are_sent(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1")
    async with harness.store.begin() as tx:
        tx.insert(QueuedEmail(id=f"confirmed:{order_id}", kind="confirmed", order_id=order_id, due_at=0))
    assert await send(harness) == 1
