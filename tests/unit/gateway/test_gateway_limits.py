"""How the gateway limits networks, accounts and clients, and what goes first when the process is late."""

import asyncio
from typing import Any

import pytest

from houseful.kernel.network_addresses import network
from houseful.tickets import presales_api
from houseful.webapi.endpoint import USER
from houseful.webapi.responses import Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.harness import Harness, endpoint


async def test_nobody_is_refused_for_what_others_do_behind_the_same_address(harness: Harness) -> None:
    front = harness.gateway(rate_limits="on")
    for _ in range(1000):
        assert (await front.call("GET", "/api/things/7")).status == 200
    headers = {"authorization": f"Bearer {harness.token('usr_1')}"}
    assert (await front.call("POST", "/api/things", headers=headers)).status == 200


async def test_refusals_of_one_network_come_late_and_good_answers_do_not(harness: Harness) -> None:
    front = harness.gateway(rate_limits="on")

    async def refusal(address: str = "2001:db8::1", **headers: str) -> int:
        return (await front.call("GET", "/api/nothing", headers=headers, client=(address, 1))).status

    for number in range(200):
        assert await refusal(f"2001:db8::{number:x}") == 404
    late = asyncio.ensure_future(refusal())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not late.done()
    assert (await front.call("GET", "/api/things/7", client=("2001:db8::1", 1))).status == 200
    assert await refusal("2001:db8:0:1::1") == 404
    assert await asyncio.wait_for(front.call("GET", "/api/nothing", client=None), PATIENCE_SECONDS)
    await harness.clock.advance(2)
    assert await late == 404


async def test_refusals_of_an_account_are_its_own(harness: Harness) -> None:
    harness.recorder.answer = Response(b"{}", 409)
    front = harness.gateway(rate_limits="on")

    async def refusal(user_id: str) -> int:
        headers = {"authorization": f"Bearer {harness.token(user_id)}"}
        return (await front.call("GET", "/api/things/7", headers=headers)).status

    for _ in range(200):
        assert await refusal("usr_1") == 409
    late = asyncio.ensure_future(refusal("usr_1"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not late.done()
    assert await refusal("usr_2") == 409
    await harness.clock.advance(2)
    assert await late == 409


async def test_who_reads_without_a_pause_gives_way_to_a_sale(harness: Harness) -> None:
    sale_ends = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            await sale_ends.wait()
        await harness.recorder(scope, receive, send)

    front = harness.gateway(app=app, rate_limits="on")
    sale = asyncio.ensure_future(front.call("POST", "/api/things"))
    await asyncio.sleep(0)
    for _ in range(3000):
        assert (await front.call("GET", "/api/things/7")).status == 200
    reading = asyncio.ensure_future(front.call("GET", "/api/things/7"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not reading.done()
    assert (await front.call("GET", "/api/things/7", client=("192.0.2.2", 1))).status == 200
    await harness.clock.advance(0.5)
    assert (await reading).status == 200
    sale_ends.set()
    assert (await sale).status == 200
    for _ in range(100):  # nobody to give way to
        assert (await front.call("GET", "/api/things/7")).status == 200


async def test_an_account_is_limited_in_all_that_needs_one(harness: Harness) -> None:
    front = harness.gateway(
        endpoint("GET", "/api/mine", who=USER), endpoint("GET", "/api/all"), rate_limits="on"
    )

    async def timed(path: str, user_id: str = "usr_1") -> int:
        headers = {"authorization": f"Bearer {harness.token(user_id)}"}
        return (await front.call("GET", path, headers=headers)).status

    assert [await timed("/api/mine") for _ in range(101)] == [200] * 100 + [429]
    assert await timed("/api/mine", "usr_2") == 200
    assert [await timed("/api/all") for _ in range(200)] == [200] * 200


async def test_what_can_wait_is_left_when_the_process_is_late_and_a_sale_is_not(harness: Harness) -> None:
    front = harness.gateway(
        endpoint("GET", "/api/read"),
        endpoint("GET", "/api/read/stream", media_type="text/event-stream"),
        endpoint("POST", "/api/auth/login"),
        endpoint("POST", "/api/events/{event_id}/holds", who=USER),
        endpoint("GET", "/api/orders/{order_id}", who=USER),
        rate_limits="on",
    )

    async def served(method: str, path: str, count: int = 20) -> int:
        replies = []
        for number in range(count):
            headers = {"authorization": f"Bearer {harness.token(f'usr_{number}')}"}
            replies.append(await front.call(method, path, headers=headers))
            if replies[-1].status != 200:
                replies[-1].refused(503, "busy")
        waits = {int(reply.headers["retry-after"]) for reply in replies if reply.status == 503}
        assert waits <= {3, 4, 5, 6}
        return sum(reply.status == 200 for reply in replies)

    assert await served("GET", "/api/read") == 20
    front.gateway.load.late_seconds = 0.45
    assert await served("GET", "/api/read") == 20
    assert await served("GET", "/api/read/stream", 100) < 60
    front.gateway.load.late_seconds = 0.99
    assert await served("GET", "/api/read", 100) < 40
    for method, path in (
        ("POST", "/api/events/e/holds"), ("GET", "/api/orders/o"), ("POST", "/api/auth/login"),
    ):  # fmt: skip
        assert await served(method, path) == 20
    front.gateway.load.late_seconds = 0
    assert await served("GET", "/api/read") == 20


async def test_one_user_is_limited_where_it_is_expensive(harness: Harness) -> None:
    front = harness.gateway(rate_limits="on")

    async def hold(user_id: str, address: int) -> int:
        headers = {"authorization": f"Bearer {harness.token(user_id)}"}
        path = "/api/events/evt_1/holds"
        return (await front.call("POST", path, headers=headers, client=(f"192.0.2.{address}", 1))).status

    statuses = [await hold("usr_1", number) for number in range(21)]
    assert statuses == [200] * 20 + [429]
    assert await hold("usr_2", 99) == 200


async def test_limits_can_be_off_and_never_hold_for_this_process(harness: Harness) -> None:
    off, on = harness.gateway(rate_limits="off"), harness.gateway(rate_limits="on")
    for _ in range(250):
        assert (await off.call("GET", "/api/things/7")).status == 200
        assert (await on.call("GET", "/api/things/7", client=None)).status == 200


async def test_sales_go_on_while_rates_can_not_be_limited(harness: Harness) -> None:
    front = harness.gateway(rate_limits="on")
    await harness.coordination.close()
    for _ in range(250):
        assert (await front.call("GET", "/api/things/7")).status == 200


async def test_addresses_behind_proxies_are_believed_only_as_far_as_configured(harness: Harness) -> None:
    forged = {"x-forwarded-for": "198.51.100.7, 203.0.113.9"}
    await harness.gateway().call("GET", "/api/things/7", headers=forged)
    assert harness.recorder.scopes[-1]["client"][0] == "192.0.2.1"
    await harness.gateway(proxies=1).call("GET", "/api/things/7", headers=forged)
    assert harness.recorder.scopes[-1]["client"][0] == "203.0.113.9"
    await harness.gateway(proxies=2).call("GET", "/api/things/7", headers=forged)
    assert harness.recorder.scopes[-1]["client"][0] == "198.51.100.7"
    await harness.gateway(proxies=1).call("GET", "/api/things/7")
    assert harness.recorder.scopes[-1]["client"][0] == "192.0.2.1"


@pytest.mark.parametrize(
    "headers",
    [
        lambda number: {"x-forwarded-for": f"203.0.113.9:{1000 + number}"},
        lambda number: {"x-forwarded-for": f"[2001:db8::{number:x}]:{1000 + number}"},
        lambda number: {"x-forwarded-for": f"_hidden{number}"},
        lambda number: {"forwarded": f'proto=https;for="203.0.113.9:{1000 + number}"'},
    ],
    ids=["port", "IPv6 with port", "unreadable", "RFC 7239"],
)
async def test_no_way_of_writing_an_address_is_a_way_around_the_limits(
    harness: Harness, headers: Any
) -> None:
    front = harness.gateway(rate_limits="on", proxies=1)
    addresses = set()
    for number in range(3):
        await front.call("GET", "/api/things/7", headers=headers(number))
        addresses.add(network(harness.recorder.scopes[-1]["client"][0]))
    assert len(addresses) == 1
    assert addresses != {"192.0.2.1"}


async def test_an_account_that_guesses_access_codes_has_to_wait(harness: Harness) -> None:
    path = "/api/events/evt_1/presale-access"
    [row] = [one for one in presales_api.ENDPOINTS if one.handle is presales_api.use_access_code]
    front = harness.gateway(endpoint(row.method, row.path, who=row.who, rate=row.rate), rate_limits="on")

    async def guess(user_id: str) -> int:
        headers = {"authorization": f"Bearer {harness.token(user_id)}"}
        return (await front.call("POST", path, headers=headers)).status

    assert [await guess("usr_1") for _ in range(11)] == [200] * 10 + [429]
    assert await guess("usr_2") == 200
    await harness.clock.advance(30)
    assert [await guess("usr_1") for _ in range(2)] == [200, 429]
