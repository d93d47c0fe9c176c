"""The gateway looks at the pass of an event's line, where it knows that the event has one."""

import asyncio
from typing import Any

import msgspec

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.line.tokens import LineTokens
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.endpoint import USER
from houseful.webapi.line_passes import EVENTS_PATH, HEADER, KEYS_PATH, LinePasses
from houseful.webapi.problems import problem, service_unavailable
from houseful.webapi.responses import Response
from tests.support.deployment import Reply
from tests.unit.gateway.harness import Front, Harness, endpoint

TOKENS = LineTokens(b"l" * 32)
HOLDS = endpoint("POST", "/api/events/{event_id}/holds", who=USER, line_pass=True)


class Lines:
    """A line service, with one line."""

    def __init__(self) -> None:
        self.answers = True
        self.asked = 0
        self.on_sale_at: dict[str, int] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += scope["path"] == KEYS_PATH
        if not self.answers:
            await problem(service_unavailable()).send(scope, receive, send)
        elif scope["path"] == EVENTS_PATH:
            told: dict[str, Any] = {"items": ["evt_1"]}  # as a line service of an older version says it
            if self.on_sale_at is not None:
                told["on_sale_at"] = self.on_sale_at
            await Response(msgspec.json.encode(told)).send(scope, receive, send)
        else:
            await Response(msgspec.json.encode(TOKENS.published)).send(scope, receive, send)


class Door:
    def __init__(self, harness: Harness, *, knows: bool = True) -> None:
        self.harness = harness
        self.lines = Lines()
        self.lines.answers = knows
        self.passes = LinePasses(AsgiClient(self.lines), harness.clock)
        self.front: Front = harness.gateway(HOLDS, passes=self.passes)

    async def hold(self, event_id: str, line_pass: str | None = None) -> Reply:
        headers = {"authorization": f"Bearer {self.harness.token()}"}
        if line_pass is not None:
            headers[HEADER] = line_pass
        return await self.front.call("POST", f"/api/events/{event_id}/holds", headers=headers)

    def line_pass(self, event_id: str = "evt_1", user_id: str = "usr_1") -> str:
        return TOKENS.sign_pass(event_id, user_id, self.harness.clock.now())[0]

    async def look(self) -> None:
        """One look at which events have a line."""
        watching = asyncio.ensure_future(self.passes.watch())
        await self.harness.clock.advance(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_hold_without_a_pass_does_not_reach_the_service(harness: Harness) -> None:
    door = Door(harness)
    await door.look()
    for wrong in (None, "", "x.y.z", door.line_pass("evt_2"), door.line_pass(user_id="usr_2")):
        (await door.hold("evt_1", wrong)).refused(403, "line_required")
    assert harness.recorder.scopes == []
    (await door.hold("evt_1", door.line_pass())).ok(200)
    assert len(harness.recorder.scopes) == 1


async def test_before_the_general_sale_the_ticket_service_decides(harness: Harness) -> None:
    """It asks for access codes; from the very moment of the sale on a pass is asked for."""
    door = Door(harness)
    door.lines.on_sale_at = {"evt_1": harness.clock.now() + 60_000}
    await door.look()
    (await door.hold("evt_1")).ok(200)
    await harness.clock.advance(60)
    (await door.hold("evt_1")).refused(403, "line_required")


async def test_a_pass_that_has_expired_is_refused_though_it_was_good_before(harness: Harness) -> None:
    door = Door(harness)
    await door.look()
    given = door.line_pass()
    (await door.hold("evt_1", given)).ok(200)
    await harness.clock.advance(601)
    (await door.hold("evt_1", given)).refused(403, "line_required")


async def test_the_ticket_service_decides_on_events_that_the_gateway_knows_nothing_of(
    harness: Harness,
) -> None:
    door = Door(harness, knows=False)
    await door.look()
    for line_pass in (None, "of another sale", door.line_pass("evt_2")):
        (await door.hold("evt_3", line_pass)).ok(200)


async def test_without_the_key_the_event_is_closed_and_another_one_is_not(harness: Harness) -> None:
    door = Door(harness)
    await door.look()
    door.lines.answers = False
    answer = await door.hold("evt_1", door.line_pass())
    answer.refused(503, "line_unknown")
    assert int(answer.headers["retry-after"]) >= 1
    (await door.hold("evt_2")).ok(200)
    door.lines.answers = True
    (await door.hold("evt_1", door.line_pass())).ok(200)


async def test_events_that_had_a_line_have_one_while_the_line_service_is_away(harness: Harness) -> None:
    door = Door(harness)
    await door.look()
    (await door.hold("evt_1", door.line_pass())).ok(200)
    door.lines.answers = False
    await door.look()
    (await door.hold("evt_1")).refused(403, "line_required")
    (await door.hold("evt_1", door.line_pass())).ok(200)  # the key is known


async def test_however_many_passes_come_the_key_is_asked_for_once_in_two_seconds(harness: Harness) -> None:
    door = Door(harness)
    await door.look()
    (await door.hold("evt_1", door.line_pass())).ok(200)
    door.lines.answers = False
    await harness.clock.advance(400)
    asked = door.lines.asked
    for user in range(5):
        await door.passes.check(door.line_pass(user_id=f"usr_{user}"), "evt_1", f"usr_{user}")
    assert door.lines.asked == asked + 1
    await harness.clock.advance(3)
    await door.passes.check(door.line_pass(user_id="usr_6"), "evt_1", "usr_6")
    assert door.lines.asked == asked + 2


async def test_passes_that_come_at_once_wait_for_one_look_at_the_key(harness: Harness) -> None:
    door = Door(harness)
    checks = (door.passes.check(door.line_pass(user_id=f"usr_{n}"), "evt_1", f"usr_{n}") for n in range(9))
    await asyncio.gather(*checks)
    assert door.lines.asked == 1
