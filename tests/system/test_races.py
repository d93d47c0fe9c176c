"""Many want the same at one instant. Whoever wins, nothing is sold or paid twice."""

import asyncio
import random
from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support.deployment import Reply, plan
from tests.system.deployments import SystemDeployment
from tests.system.harness import Harness, at_once
from tests.system.outside_client import Answer, Client
from tests.system.racing import held, hold, seat_ids, statuses
from tests.system.support import (
    a_few_turns,
    kept_minor,
    must_be_sound,
    organizer_of,
    token_of,
)


# One seat, many buyers
async def test_a_hundred_buyers_of_one_seat(deployment: SystemDeployment) -> None:
    event_id = await deployment.event(organizer_of(deployment))
    seat = (await seat_ids(deployment, event_id))[0]
    buyers = [token_of(deployment, f"b{number}") for number in range(100)]
    replies = await asyncio.gather(*(hold(deployment, buyer, event_id, [seat]) for buyer in buyers))
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 99}
    for reply in replies:
        if reply.status == 409:
            assert reply.refused(409, "seats_taken")["taken"] == [seat]
    await deployment.shows(partial(statuses, deployment, event_id), Counter(available=29, held=1))


def test_a_hundred_buyers_of_one_seat_over_the_network(harness: Harness, event: dict[str, Any]) -> None:
    seat = harness.client().seats(event["id"])[-1]["id"]  # nobody's idea of the best
    signed_in = [harness.buyer() for _ in range(4)]
    clients = []
    for number in range(100):
        client = harness.client()
        client.access_token = signed_in[number % 4].access_token
        clients.append(client)

    def click(client: Client) -> Answer:
        return client.hold(event["id"], seats=[seat])

    answers = at_once([partial(click, client) for client in clients])
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 99}
    held = next(answer.json["hold_id"] for answer in answers if answer.status == 201)
    assert sum(client.call("DELETE", f"/api/holds/{held}").status == 204 for client in signed_in) == 1


async def test_one_key_a_hundred_times_is_one_hold(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    seat = (await seat_ids(deployment, event_id))[0]
    replies = await asyncio.gather(
        *(hold(deployment, buyer, event_id, [seat], "the key") for _ in range(100))
    )
    done = [reply for reply in replies if reply.status == 201]
    assert len({reply.content for reply in done}) == 1
    ran = [reply for reply in done if "idempotent-replayed" not in reply.headers]
    assert len(ran) == 1
    assert {reply.json["code"] for reply in replies if reply.status != 201} <= {"still_running"}
    assert (await hold(deployment, buyer, event_id, [seat], "the key")).content == done[0].content


async def test_what_is_done_is_told_again_to_each_of_many_at_once(deployment: SystemDeployment) -> None:
    """One of the repetitions tries to do it once more, which fails; what it did meanwhile misleads nobody."""
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    holds = f"/api/events/{event_id}/holds"
    held = await _told_again(deployment, holds, {"best_available": {"quantity": 2}}, buyer)
    body = {"hold_id": held["hold_id"], "buyer": {"name": "Bea Brandt", "email": "bea@example.org"}}
    order = await _told_again(deployment, "/api/orders", body, buyer)
    await _told_again(deployment, f"/api/orders/{order['id']}/cancel", None, buyer, 200)
    seats = (await seat_ids(deployment, event_id))[:1]
    again = await _told_again(deployment, holds, {"seats": seats}, buyer)
    assert [seat["id"] for seat in again["seats"]] == seats


async def _told_again(
    deployment: SystemDeployment, path: str, body: dict[str, Any] | None, token: str, status: int = 201
) -> Any:
    """The answer to this, which thirty more requests with its key have too, each of which begins while those
    before it run."""
    key = f"key of {path} {body}"
    first = await deployment.call("POST", path, body, token=token, key=key)

    async def repeat(turns: int) -> Reply:
        await a_few_turns(turns)
        return await deployment.call("POST", path, body, token=token, key=key)

    replies = await asyncio.gather(*map(repeat, range(30)))
    assert Counter(reply.status for reply in replies) == {status: 30}, {
        reply.content for reply in replies if reply.status != status
    }
    assert {reply.content for reply in replies} == {first.content}
    assert all("idempotent-replayed" in reply.headers for reply in replies)
    return first.ok(status)


# Overlapping wishes
@pytest.mark.long_when_split
@pytest.mark.parametrize("rows", [3, 20], ids=["in one row", "over three rows"])
async def test_overlapping_pairs_never_share_and_always_go_on(
    deployment: SystemDeployment, rows: int
) -> None:
    """{1,2}, {2,3}, {3,1} at once: any two overlap, so exactly one is served, and wholly."""
    event_id = await deployment.event(organizer_of(deployment), plan=plan(rows=3, seats=20))
    seats = await seat_ids(deployment, event_id)
    one, two, three = (seats[0], seats[1], seats[2]) if rows == 3 else (seats[0], seats[20], seats[40])
    wishes = [[one, two], [two, three], [three, one]]
    buyers = [token_of(deployment, f"b{number}") for number in range(3)]
    for turn in range(deployment.rounds(30)):
        order = random.Random(turn).sample(range(3), 3)
        replies = await asyncio.gather(
            *(hold(deployment, buyers[number], event_id, wishes[number]) for number in order)
        )
        won = [reply for reply in replies if reply.status == 201]
        assert len(won) == 1, [reply.status for reply in replies]  # any two of them overlap
        assert all(reply.status in (201, 409) for reply in replies)
        await deployment.shows(
            partial(held, deployment, event_id), {seat["id"] for seat in won[0].json["seats"]}
        )
        for buyer in buyers:
            for running in (await deployment.call("GET", "/api/holds", token=buyer)).ok()["items"]:
                await deployment.call("DELETE", f"/api/holds/{running['hold_id']}", token=buyer)


async def test_a_crowd_with_overlapping_wishes(deployment: SystemDeployment) -> None:
    event_id = await deployment.event(organizer_of(deployment), plan=plan(rows=4, seats=10))
    seats = await seat_ids(deployment, event_id)
    chance = random.Random(7)
    wishes = [chance.sample(seats, chance.randint(1, 6)) for _ in range(80)]
    replies = await asyncio.gather(
        *(
            hold(deployment, token_of(deployment, f"b{number}"), event_id, wish)
            for number, wish in enumerate(wishes)
        )
    )
    assert {reply.status for reply in replies} == {201, 409}
    given = [seat["id"] for reply in replies if reply.status == 201 for seat in reply.json["seats"]]
    assert len(given) == len(set(given))
    await deployment.shows(partial(held, deployment, event_id), set(given))
    for wish, reply in zip(wishes, replies, strict=True):
        if reply.status == 201:
            assert [seat["id"] for seat in reply.json["seats"]] == wish
        else:
            assert set(reply.refused(409, "seats_taken")["taken"]) <= set(wish) & set(given)


async def test_the_best_seats_are_given_to_one_each(deployment: SystemDeployment) -> None:
    event_id = await deployment.event(organizer_of(deployment), plan=plan(rows=4, seats=10))
    path, body = f"/api/events/{event_id}/holds", {"best_available": {"quantity": 3}}
    replies = await asyncio.gather(
        *(
            deployment.call("POST", path, body, token=token_of(deployment, f"b{number}"))
            for number in range(20)
        )
    )
    given = [seat["id"] for reply in replies if reply.status == 201 for seat in reply.json["seats"]]
    assert len(given) == len(set(given))
    assert all(reply.json["code"] == "not_enough_seats" for reply in replies if reply.status != 201)
    assert len(given) == 39  # 13 threes of 40 seats: nobody is sent away while there is room
    await deployment.shows(partial(statuses, deployment, event_id), Counter(held=39, available=1))


async def test_nobody_holds_more_than_the_limit(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "greedy")
    seats = await seat_ids(deployment, event_id)
    replies = await asyncio.gather(*(hold(deployment, buyer, event_id, [seat]) for seat in seats))
    assert Counter(reply.status for reply in replies) == {201: 10, 409: 20}
    refused = next(reply for reply in replies if reply.status == 409)
    assert refused.refused(409, "hold_limit")["limit"] == 10
    assert len((await deployment.call("GET", "/api/holds", token=buyer)).ok()["items"]) == 10
    await deployment.shows(partial(statuses, deployment, event_id), Counter(held=10, available=20))


# The same order, the same payment, the same ticket
async def test_a_hold_becomes_one_order(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    held = await deployment.hold(buyer, event_id)
    body = {"hold_id": held["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    replies = await asyncio.gather(
        *(deployment.call("POST", "/api/orders", body, token=buyer) for _ in range(20))
    )
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 19}
    placed = next(reply.json["id"] for reply in replies if reply.status == 201)
    for reply in replies:
        if reply.status == 409:
            assert reply.refused(409, "already_ordered")["order_id"] == placed
    assert len((await deployment.call("GET", "/api/orders", token=buyer)).ok()["items"]) == 1


async def test_paying_at_once_takes_the_money_once(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    order = await deployment.order(buyer, (await deployment.hold(buyer, event_id))["hold_id"])
    replies = await asyncio.gather(*(deployment.pay(order) for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    await deployment.order_that_is(buyer, order["id"], "confirmed")
    await must_be_sound(deployment)
    assert await kept_minor(deployment) == order["total_minor"]


async def test_a_ticket_at_all_gates_at_once(deployment: SystemDeployment) -> None:
    staff, buyer = organizer_of(deployment), token_of(deployment, "bea")
    event_id = await deployment.event(staff)
    order = await deployment.buy(buyer, event_id, 1)
    path = f"/api/orders/{order['id']}/tickets"
    (ticket,) = (await deployment.call("GET", path, token=buyer)).ok()["items"]
    bodies = [
        {"code": ticket["code"], "gate": f"Gate {gate}", "scan_id": f"scan-{gate}",
         "scanned_at": "2026-05-01T18:00:00Z"}
        for gate in range(30)
    ]  # fmt: skip
    replies = await asyncio.gather(
        *(deployment.call("POST", "/api/checkins", body, token=staff) for body in bodies)
    )
    results = Counter(reply.ok(200)["result"] for reply in replies)
    assert results == {"admitted": 1, "already_used": 29}
    admitted = next(
        body["gate"]
        for body, reply in zip(bodies, replies, strict=True)
        if reply.json["result"] == "admitted"
    )
    assert {
        reply.json["first_admission"]["gate"] for reply in replies if reply.json["result"] == "already_used"
    } == {admitted}
    again = await asyncio.gather(
        *(deployment.call("POST", "/api/checkins", body, token=staff) for body in bodies)
    )
    assert [reply.json["result"] for reply in again] == [reply.json["result"] for reply in replies]
