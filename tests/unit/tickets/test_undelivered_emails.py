"""Who may be written to, how often, and with what of a name; what becomes of emails that do not arrive."""

import pytest

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.kernel.errors import Invalid, Unavailable
from houseful.kernel.ports import Email
from houseful.messages import EventCancelled
from houseful.tickets.domain.emails import Proofs, QueuedEmail, shown_name
from houseful.webapi.problems import status_of
from tests.unit.tickets.world import World, refusal

FREE = {"Premium": 0, "Standard": 0}
STRANGER = "stranger@example.org"


async def got_free(
    world: World, seat: str, *, user: str = "usr_1", name: str = "Bea", email: str = STRANGER
) -> str:
    hold = await world.hold(seat, user=user)
    order = await world.tickets.ordering.order(user, hold.hold_id, name, email, world.use(user))
    await world.deliver()
    return order.id


async def send(world: World) -> int:
    """How many emails have gone by now, of all that may."""
    while await world.tickets.email_outbox.send_due():
        pass
    return len(world.mailbox.got)


def proof_in(email: Email) -> str:
    [line] = [line for line in email.text.splitlines() if "/letters/" in line]
    return line.rpartition("/")[2]


async def states(world: World, order_id: str) -> dict[str, str]:
    found = await world.tickets.undelivered_emails.of_order(await world.order_of(order_id))
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


async def test_a_stranger_gets_one_email_without_a_word_of_the_senders(world: World) -> None:
    await world.show(prices=FREE, max_seats_per_order=30)
    name = "You have won http://evil.example"
    orders = [await got_free(world, f"{row}-{n}", name=name) for row in "AB" for n in range(1, 6)]
    assert await send(world) == 1
    [email] = world.mailbox.got
    assert email.id == f"confirmed-{orders[0]}"
    assert (email.to_name, email.to_address) == ("", STRANGER)
    assert "won" not in email.text
    assert email.text.startswith("Hello,\n")
    assert await states(world, orders[0]) == {"confirmed": "sent"}
    assert await states(world, orders[1]) == {"confirmed": "waiting_for_proof"}
    await world.cancel(orders[1])
    await world.deliver()
    await world.clock.advance(10**6)
    assert await send(world) == 1


async def test_what_waited_goes_as_soon_as_the_address_is_proven(world: World) -> None:
    await world.show(prices=FREE)
    first, second = await got_free(world, "A-1"), await got_free(world, "A-2")
    await send(world)
    await world.tickets.undelivered_emails.prove(proof_in(world.mailbox.got[0]))
    assert await send(world) == 2
    email = world.mailbox.got[1]
    assert email.id == f"confirmed-{second}"
    assert "/letters/" not in email.text
    assert email.text.startswith("Hello Bea,\n")
    await world.tickets.undelivered_emails.prove(proof_in(world.mailbox.got[0]))
    assert await send(world) == 2
    await got_free(world, "A-3", user="usr_2", email=STRANGER.upper())
    assert await send(world) == 3
    assert await states(world, first) == {"confirmed": "sent"}


async def test_a_buyer_can_not_bring_a_stranger_a_second_email(world: World) -> None:
    await world.show(prices=FREE)
    order_id = await got_free(world, "A-1")
    assert await send(world) == 1
    await world.cancel(order_id)
    await world.deliver()
    assert await send(world) == 1
    assert await states(world, order_id) == {"confirmed": "sent", "refunded": "waiting_for_proof"}
    await world.tickets.undelivered_emails.prove(proof_in(world.mailbox.got[0]))
    assert await send(world) == 2


async def test_everybody_is_told_that_an_event_is_cancelled(world: World) -> None:
    await world.show(prices=FREE)
    orders = [await got_free(world, seat) for seat in ("A-1", "A-2")]
    assert await send(world) == 1
    await world.receive(EventCancelled(event_id="evt_1"))
    await world.quiet()
    await world.deliver()
    assert await send(world) == 3
    assert await states(world, orders[1]) == {"confirmed": "waiting_for_proof", "refunded": "sent"}


async def test_an_email_about_money_goes_to_anybody(world: World) -> None:
    await world.show()
    for seat in ("A-1", "A-2", "A-3"):
        await world.bought(seat)
    await world.deliver()
    assert await send(world) == 3
    assert all("Hello Bea Brandt," in email.text for email in world.mailbox.got)


async def test_a_token_of_nobody_proves_nothing(world: World) -> None:
    await world.show(prices=FREE)
    await got_free(world, "A-1")
    await send(world)
    good = proof_in(world.mailbox.got[0])
    for token in ("", "x", good[:-1], good[:32] + "0" * 32, Proofs(b"other").token(good[:32]), good + "0"):
        assert (await refusal(world.tickets.undelivered_emails.prove(token))).code == "proof_unknown"


async def test_an_accounts_emails_to_strangers_are_few(world: World) -> None:
    await world.show(prices=FREE, max_seats_per_order=30)
    for n in range(1, 10):
        await got_free(world, f"A-{n}", email=f"stranger{n}@example.org")
    assert await send(world) == 5
    await world.clock.advance(3600)
    assert await send(world) == 9
    assert len({email.to_address for email in world.mailbox.got}) == 9


async def test_emails_to_one_address_are_limited_but_all_go(world: World) -> None:
    await world.show(max_seats_per_order=30)
    for n in range(25):
        await world.bought(f"{'ABC'[n // 10]}-{n % 10 + 1}", user=f"usr_{n}")
    await world.deliver()
    assert await send(world) == 20
    for _ in range(25):
        await world.clock.advance(200)
        await send(world)
    assert len({email.id for email in world.mailbox.got}) == len(world.mailbox.got) == 25


async def test_emails_go_without_limits_that_can_not_be_reached(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*args: object, **options: object) -> float:
        raise Unavailable("no limits today")

    await world.show(prices=FREE, max_seats_per_order=30)
    for n in range(1, 8):
        await got_free(world, f"A-{n}", email=f"stranger{n}@example.org")
    monkeypatch.setattr(LocalCoordination, "take", down)
    assert await send(world) == 7


# What does not arrive


def no_mailbox(email: Email) -> None:
    if email.to_address == "bea@example.org":
        raise Invalid("mail_refused", "There is no such mailbox.")


async def test_the_organizer_sees_and_corrects_what_did_not_arrive(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    await world.deliver()
    world.mailbox.answer = no_mailbox
    await send(world)
    show, undelivered = await world.show_of(), world.tickets.undelivered_emails
    [(email, order)] = await undelivered.page(show, None, 10)
    assert (email.state, email.error, order.id) == ("refused", "There is no such mailbox.", order_id)
    assert email.failed_at == world.clock.now()

    await undelivered.correct(show, order_id, "bea@example.net", "usr_organizer")
    assert await send(world) == 1
    assert world.mailbox.got[0].to_address == "bea@example.net"
    assert len(world.mailbox.got[0].attachments) == 2
    assert await undelivered.page(show, None, 10) == []
    assert (await world.order_of(order_id)).buyer_email == "bea@example.net"


async def test_an_email_that_went_astray_is_sent_again_to_the_right_address(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    await world.deliver()
    assert await send(world) == 1
    await world.tickets.undelivered_emails.correct(
        await world.show_of(), order_id, "b@example.net", "usr_organizer"
    )
    assert await send(world) == 2
    assert [email.to_address for email in world.mailbox.got] == ["bea@example.org", "b@example.net"]


async def test_an_address_corrected_while_its_email_is_on_its_way_gets_one(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    await world.deliver()
    post, undelivered, show = (
        world.tickets.email_outbox,
        world.tickets.undelivered_emails,
        await world.show_of(),
    )
    [queued] = await world.every(QueuedEmail)
    claimed = await post._claim(queued)
    assert claimed is not None
    await world.clock.advance(1)
    await undelivered.correct(show, order_id, "b@example.net", "usr_organizer")
    await post._send(claimed)
    await send(world)
    assert [email.to_address for email in world.mailbox.got] == ["bea@example.org", "b@example.net"]


async def test_orders_of_other_events_are_not_corrected(world: World) -> None:
    await world.show()
    await world.show("evt_2")
    order_id = await world.bought("A-1")
    undelivered = world.tickets.undelivered_emails
    told = await refusal(undelivered.correct(await world.show_of("evt_2"), order_id, "b@x.org", "usr_2"))
    assert status_of(told) == 404


async def test_an_organizer_can_not_send_emails_without_end(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    show, undelivered = await world.show_of(), world.tickets.undelivered_emails
    for n in range(60):
        await undelivered.correct(show, order_id, f"b{n}@example.net", "usr_organizer")
    told = await refusal(undelivered.correct(show, order_id, "b@example.net", "usr_organizer"))
    assert (status_of(told), told.code) == (429, "too_many_letters")


async def test_emails_of_the_version_before_are_sent(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    async with world.store.begin() as tx:
        tx.insert(QueuedEmail(id=f"confirmed:{order_id}", kind="confirmed", order_id=order_id, due_at=0))
    assert await send(world) == 1
