"""An erased account in the ticket service: what keeps one, and what is erased of it when."""

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Email
from houseful.messages import AccountErased
from houseful.tickets.domain.emails import QueuedEmail
from houseful.tickets.domain.erasures import Erasure
from houseful.tickets.domain.gate_staff import GateStaff, Member
from houseful.tickets.domain.orders import OrderState
from tests.unit.tickets.world import DAY, HOUR, World, refusal

USER = "usr_1"


async def erased(world: World, user_id: str = USER) -> None:
    """The message arrives, and everything that is due by now is done."""
    await world.receive(AccountErased(user_id=user_id, erased_at=world.clock.now()))
    await sweep(world)


async def sweep(world: World) -> None:
    while await world.tickets.erasures.erase_due():
        pass


async def send(world: World) -> int:
    while await world.tickets.email_outbox.send_due():
        pass
    return len(world.mailbox.got)


async def buyer(world: World, order_id: str) -> tuple[str, str]:
    order = await world.order_of(order_id)
    return order.buyer_name, order.buyer_email


async def obstacles(world: World) -> list[str]:
    return [one.code for one in await world.tickets.erasures.obstacles(USER)]


def down(email: Email) -> None:
    raise Unavailable(f"<{email.to_address}>: try later")


BEA, NOBODY = ("Bea Brandt", "bea@example.org"), ("", "")


async def test_open_payments_and_tickets_of_events_to_come_keep_an_account(world: World) -> None:
    await world.show()
    assert await obstacles(world) == []
    order_id = await world.placed("A-1")
    assert await obstacles(world) == ["payments_open"]
    world.processor.pay(order_id)
    await world.webhooks()
    await world.tickets.reconciliation.look_at(order_id)
    [told] = await world.tickets.erasures.obstacles(USER)
    assert told.code == "upcoming_tickets"
    assert "An Evening" in told.detail
    await world.cancel(order_id)
    assert await obstacles(world) == ["payments_open"]  # until the refund is through
    await world.quiet()
    assert await obstacles(world) == []


async def test_tickets_of_the_past_keep_nobody(world: World) -> None:
    await world.show()
    await world.bought("A-1")
    await world.clock.advance(31 * DAY // 1000)
    assert await obstacles(world) == []
    assert await world.tickets.erasures.obstacles("usr_2") == []


async def test_orders_of_the_past_name_nobody_any_more_and_the_books_stand(world: World) -> None:
    await world.show()
    order_id, other = await world.bought("A-1"), await world.bought("A-2", user="usr_2")
    await world.deliver()
    await send(world)
    await world.clock.advance(31 * DAY // 1000)
    before = await world.order_of(order_id)
    await erased(world)
    assert await buyer(world, order_id) == NOBODY
    assert await buyer(world, other) == BEA
    after = await world.order_of(order_id)
    assert (after.total_minor, after.seats, after.user_id) == (before.total_minor, before.seats, USER)
    await world.verify()
    [erasure] = await world.every(Erasure)
    assert erasure.due_at == erasure.erased_at + HOUR
    await world.clock.advance(3600)
    await sweep(world)
    [erasure] = await world.every(Erasure)
    assert erasure.due_at is None


async def test_what_was_bought_at_that_very_moment_keeps_its_buyer_until_the_event_is_over(
    world: World,
) -> None:
    await world.show()
    order_id = await world.placed("A-1")
    await erased(world)
    assert await buyer(world, order_id) == BEA
    world.processor.pay(order_id)
    await world.webhooks()
    await world.tickets.reconciliation.look_at(order_id)
    await world.deliver()
    await world.clock.advance(3600)
    await sweep(world)
    assert await send(world) == 1  # the tickets arrive
    assert await buyer(world, order_id) == BEA
    await world.clock.advance(31 * DAY // 1000)
    await sweep(world)
    assert await buyer(world, order_id) == NOBODY
    assert (await world.order_of(order_id)).state is OrderState.CONFIRMED


async def test_an_order_that_a_token_in_use_placed_after_the_message_is_erased_too(world: World) -> None:
    await world.show()
    await erased(world)
    order_id = await world.placed("A-1")
    await world.cancel(order_id)
    await world.quiet()
    await world.clock.advance(3600)
    await sweep(world)
    assert await buyer(world, order_id) == NOBODY


async def test_an_email_that_is_under_way_goes_before_its_address_does(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    await world.cancel(order_id)
    await world.quiet()
    world.mailbox.answer = down
    await send(world)
    await erased(world)
    assert await buyer(world, order_id) == BEA
    await world.clock.advance(8 * DAY // 1000)
    await sweep(world)
    assert await buyer(world, order_id) == NOBODY
    for email in await world.every(QueuedEmail):
        assert (email.due_at, email.error, email.failed_at) == (None, None, None)


async def test_the_email_about_a_refund_is_waited_for_while_its_message_is_under_way(world: World) -> None:
    await world.show()
    order_id = await refunded(world)
    await erased(world)
    assert await buyer(world, order_id) == BEA
    await world.deliver()
    assert await send(world) > 0
    await world.clock.advance(5)
    await sweep(world)
    assert await buyer(world, order_id) == NOBODY


async def test_a_message_about_a_refund_that_does_not_come_is_waited_for_an_hour(world: World) -> None:
    await world.show()
    order_id = await refunded(world)
    await erased(world)
    await world.clock.advance(3600)
    await sweep(world)
    assert await buyer(world, order_id) == NOBODY


async def refunded(world: World) -> str:
    """An order whose money is back, and nobody was told yet."""
    order_id = await world.bought("A-1")
    await world.cancel(order_id)
    await world.tickets.reconciliation.look_at(order_id)
    assert (await world.order_of(order_id)).state is OrderState.REFUNDED
    return order_id


async def test_nobody_writes_to_who_was_erased(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1")
    await world.clock.advance(31 * DAY // 1000)
    await erased(world)
    await world.deliver()  # the confirmation was late
    sent = await send(world)
    assert sent == 0
    show = await world.show_of()
    refused = await refusal(
        world.tickets.undelivered_emails.correct(show, order_id, "new@example.org", "usr_organizer")
    )
    assert refused.code == "account_erased"
    assert await buyer(world, order_id) == NOBODY


async def test_gate_staff_that_was_erased_is_named_no_more(world: World) -> None:
    await world.show()
    members = tuple(
        Member(user_id=id, email=f"{id}@x.example", name=id, added_at=0) for id in (USER, "usr_2")
    )
    async with world.store.begin() as tx:
        tx.insert(GateStaff(id="evt_1", members=members))
    found, more = await world.tickets.erasures.gate_staff(USER, None)
    assert [(event_id, one.email) for event_id, one in found] == [("evt_1", "usr_1@x.example")]
    assert more is None
    await erased(world)
    [staff] = await world.every(GateStaff)
    assert [one.user_id for one in staff.members] == ["usr_2"]


async def test_the_message_twice_is_once(world: World) -> None:
    await world.show()
    await erased(world)
    await world.clock.advance(3600)
    await sweep(world)
    await world.receive(AccountErased(user_id=USER, erased_at=world.clock.now()))
    [erasure] = await world.every(Erasure)
    assert erasure.due_at is None
