"""Prices change while an event is on sale: what is held or ordered keeps the price that it was made with."""

from typing import Any

from houseful.kernel.roles import Role
from houseful.messages import EventChanged
from houseful.tickets.domain.shows import Show
from tests.support.deployment import PRICES, Deployment
from tests.unit.tickets.harness import Harness


def change(show: Show, prices: dict[str, int] | None) -> EventChanged:
    return EventChanged(
        event_id=show.id,
        title=show.title,
        on_sale_at=show.on_sale_at,
        max_seats_per_order=show.max_seats_per_order,
        refundable_until=show.refundable_until,
        prices=prices,
    )


async def test_what_is_held_or_ordered_keeps_its_price(harness: Harness) -> None:
    await harness.show()
    held = await harness.hold("A-1")
    placed = await harness.placed("A-2", user="usr_2")
    await harness.receive(change(await harness.show_of(), {**PRICES, "Premium": 8000}))
    assert (await harness.order(held.hold_id)).total_minor == 5000
    harness.processor.pay(placed)
    await harness.webhooks()
    assert (await harness.order_of(placed)).total_minor == 5000
    assert (await harness.hold("A-3", user="usr_3")).total_minor == 8000
    await harness.quiet()
    await harness.verify()


async def test_a_change_of_something_else_leaves_prices_alone(harness: Harness) -> None:
    await harness.show()
    await harness.receive(change(await harness.show_of(), None))
    assert (await harness.show_of()).prices == PRICES


async def test_who_browses_sees_the_new_prices_at_once(deployment: Deployment) -> None:
    organizer = await deployment.user("organizer", Role.ORGANIZER)
    event_id = await deployment.event(organizer)
    path = f"/api/events/{event_id}"

    async def shown() -> Any:
        found = (await deployment.call("GET", f"{path}/categories")).ok()["items"]
        sections = (await deployment.call("GET", f"{path}/sections")).ok()["items"]
        return [one["price_minor"] for one in found], sections[0]["price_to_minor"]

    assert await shown() == ([5000, 3000], 5000)
    dearer = {**PRICES, "Premium": 8000}
    (await deployment.call("PATCH", path, {"prices": dearer}, token=organizer)).ok(200)

    async def changed() -> bool:
        return bool(await shown() == ([8000, 3000], 8000))

    assert await deployment.until(changed)
