"""An installation, asked by people: what it answers, how often it is asked again, what is recorded of it."""

from typing import Any, NamedTuple

import msgspec

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.roles import Role
from houseful.tools.rush import accounts
from houseful.tools.rush.accounts import LocalTokens
from houseful.tools.rush.client import Client, Reply, request_bytes
from houseful.tools.rush.people import Person
from houseful.tools.rush.recording import Recording

PATIENCE_SECONDS = 120.0
"""For so long somebody tries again what was not answered, or answered by 429 or 503."""
_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0
WAITING = frozenset({"join", "number"})
"""Steps of who waits in the line."""
_AGAIN = frozenset({429, 502, 503, 504})


class Answer(NamedTuple):
    """`status` is 0 where there was none in all the time that somebody has."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """Of a problem document."""
        try:
            return str(self.json["code"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return f"status {self.status}"


class Target:
    """Safe to be used by any number of tasks of one event loop."""

    def __init__(
        self, lobby: Client, shop: Client, tokens: LocalTokens, recording: Recording, clock: Clock
    ) -> None:
        """Who waits and who shops have connections of their own: after the draw everybody asks for a number,
        and in the world that is not in anybody's way before it comes to the server."""
        self.lobby = lobby
        self.shop = shop
        self.recording = recording
        self.clock = clock
        self._tokens = tokens

    def sign_in(self, person: Person) -> str:
        if self.clock.now() >= person.token_until:
            person.token, person.token_until = self._tokens.token(accounts.user_id(person.index))
        return person.token

    async def ask(
        self,
        step: str,
        person: Person,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        scheduled: float | None = None,
        insistent: bool = True,
    ) -> Answer:
        """As this person. What fails for a moment is tried again with the same key, if `insistent`; the
        latency is that of all attempts, from when the first was to start."""
        headers = [f"authorization: Bearer {self.sign_in(person)}"]
        if key is not None:
            headers.append(f"idempotency-key: {key}")
        if person.line_pass is not None and path.endswith("/holds"):
            headers.append(f"x-line-pass: {person.line_pass}")
        return await self.send(step, method, path, headers, body, scheduled=scheduled, insistent=insistent)

    async def send(
        self,
        step: str,
        method: str,
        path: str,
        headers: list[str],
        body: Any = None,
        *,
        scheduled: float | None = None,
        insistent: bool = True,
    ) -> Answer:
        content = b"" if body is None else msgspec.json.encode(body)
        sent = request_bytes(method, self.lobby.host, path, headers, content)
        started = self.clock.monotonic() if scheduled is None else scheduled
        client = self.lobby if step in WAITING else self.shop
        answer = await self._until_answered(client, step, sent, started, insistent=insistent)
        self.recording.took(step, started, self.clock.monotonic())
        if not 200 <= answer.status < 400:
            self.recording.refused(step, answer.code if answer.status else "no answer")
        return answer

    async def _until_answered(
        self, client: Client, step: str, sent: bytes, started: float, *, insistent: bool
    ) -> Answer:
        pause = _PAUSE_SECONDS
        while True:
            try:
                reply = await client.ask(sent)
                if reply.status not in _AGAIN or not insistent:
                    return Answer(reply.status, reply.body)
                reason, wait = Answer(reply.status, reply.body).code, reply.retry_after or pause
            except Unavailable:
                reply, reason, wait = Reply(0, b"", None), "no answer", pause
            if not insistent or self.clock.monotonic() + wait > started + PATIENCE_SECONDS:
                return Answer(reply.status, reply.body)
            self.recording.retried(step, reason)
            await self.clock.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def as_staff(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, who: str | None = None
    ) -> Answer:
        """As the organizer of the rehearsal, or of the event that is rehearsed. Not recorded: it is no
        buyer."""
        token, _ = self._tokens.token(who or accounts.ORGANIZER, Role.ORGANIZER)
        headers = [f"authorization: Bearer {token}"]
        if key is not None:
            headers.append(f"idempotency-key: {key}")
        content = b"" if body is None else msgspec.json.encode(body)
        sent = request_bytes(method, self.shop.host, path, headers, content)
        return await self._until_answered(self.shop, "staff", sent, self.clock.monotonic(), insistent=True)

    async def read(self, path: str) -> Answer:
        """As anybody, not recorded."""
        sent = request_bytes("GET", self.shop.host, path, [])
        return await self._until_answered(self.shop, "read", sent, self.clock.monotonic(), insistent=True)
