"""An event that goes on sale with a line, as its organizer and its buyers see it."""

from typing import Any

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.line.domain.lines import Line
from tests.support.deployment import Deployment, Reply
from tests.system.clocks import MovableClock

MINUTE = 60_000
BEGINS = {"lobby": "lobby_opens_at", "sealed": "seals_at", "open": "on_sale_at"}
"""The moments of a line at which phases begin."""
NEARLY_SECONDS = 5.0


class Sale:
    """An event that goes on sale in five minutes, with a line."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        clock: Any = deployment.app.clock
        self.clock: MovableClock = clock
        self.event_id = ""

    async def token(self, name: str, *roles: Role) -> str:
        return await self.deployment.user(name, *roles)

    async def announce(self, **line: Any) -> str:
        now = self.clock.now()
        organizer = await self.token("organizer", Role.ORGANIZER)
        terms = {"mode": "on", "lobby_opens_at": rfc3339(now + MINUTE)} | line
        self.event_id = await self.published(
            organizer, on_sale_at=rfc3339(now + 5 * MINUTE), line=terms, hold_seconds=60
        )
        await self.phase("closed", advance_seconds=0.1)
        return self.event_id

    async def published(self, organizer: str, **changes: Any) -> str:
        event_id = str((await self.deployment.draft(organizer, **changes))["id"])
        (await self.deployment.call("POST", f"/api/events/{event_id}/publish", token=organizer)).ok(202)
        await self.deployment.until(lambda: self.deployment._is_on_sale(event_id), advance_seconds=0.1)
        return event_id

    async def line(self) -> dict[str, Any]:
        answer = await self.deployment.call("GET", f"/api/events/{self.event_id}/line")
        return dict(answer.json) if answer.status == 200 else {"phase": None, "admitted_up_to": 0}

    async def phase(self, phase: str, *, advance_seconds: float = 0) -> dict[str, Any]:
        """Until the line is in this phase. With `advance_seconds` time passes, and quickly until a little
        before the phase begins."""
        if advance_seconds and phase in BEGINS:
            line = await self.deployment.until(self._stored)
            left = (getattr(line, BEGINS[phase]) - self.clock.now()) / 1000 - NEARLY_SECONDS
            await self.clock.advance(max(0.0, left))

        async def look() -> dict[str, Any] | None:
            line = await self.line()
            return line if line["phase"] == phase else None

        return await self.deployment.until(look, advance_seconds=advance_seconds)

    async def _stored(self) -> Line | None:
        return await self.deployment.app.stores["line"].get(Line, self.event_id)

    async def join(self, name: str) -> dict[str, Any]:
        token = await self.token(name)
        return dict((await self.post("", token)).ok())

    async def post(self, path: str, token: str, *, key: str | None = None) -> Reply:
        return await self.deployment.call(
            "POST", f"/api/events/{self.event_id}/line{path}", token=token, key=key
        )

    async def place(self, name: str) -> dict[str, Any]:
        path = f"/api/events/{self.event_id}/line/me"
        return dict((await self.deployment.call("GET", path, token=await self.token(name))).ok())

    async def line_pass(self, token: str) -> str:
        async def look() -> str | None:
            answer = await self.post("/pass", token)
            return str(answer.json["pass"]) if answer.status == 200 else None

        return await self.deployment.until(look, advance_seconds=0.5)

    async def hold(self, token: str, line_pass: str | None = None) -> Reply:
        headers = {} if line_pass is None else {"x-line-pass": line_pass}
        return await self.deployment.call(
            "POST",
            f"/api/events/{self.event_id}/holds",
            {"best_available": {"quantity": 2}},
            token=token,
            headers=headers,
        )
