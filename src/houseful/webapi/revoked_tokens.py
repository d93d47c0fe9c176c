"""Access tokens that ended before they expire: a logout, a new password, other roles, a stolen refresh token.

An access token is verified without a call. Every process keeps revocations in memory until the tokens would
have expired. A signal tells of each at once. Signals may be lost, so every process also asks the users
service for new ones every second.
"""

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Transient, Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Clock, Coordination, ServiceClient
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)

CHANNEL = "ended-tokens"
PATH = "/api/auth/ended-tokens"
KEPT_MILLIS = 660_000
"""The lifetime of the longest access token, and a minute, by the users service's clock."""

_LOOK_SECONDS = 1.0
_OVERLAP_MILLIS = 60_000
"""Each query overlaps the last one: a transaction commits later than it begins, and clocks differ."""


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tokens of a session; or those of a user that are older than `version`, but for the session that is
    kept.
    """

    at: Millis
    session_id: str = ""
    user_id: str = ""
    version: int = 0
    kept_session: str = ""


class Endings(msgspec.Struct, frozen=True):
    items: list[Ending]


_DECODER = msgspec.json.Decoder(Ending)


def signal(ending: Ending) -> bytes:
    return msgspec.json.encode(ending)


class RevokedTokens:
    """The revocations that this process knows. `has` is on the path of every request: two look-ups."""

    def __init__(self, client: ServiceClient, coordination: Coordination, clock: Clock) -> None:
        self._client = client
        self._coordination = coordination
        self._clock = clock
        self._sessions: dict[str, Millis] = {}
        self._users: dict[str, dict[Ending, None]] = {}
        self._newest: Millis | None = None
        self._outage = OutageLog(log, clock, "looking up which access tokens have ended")

    def has(self, user_id: str, session_id: str, version: int) -> bool:
        if session_id in self._sessions:
            return True
        endings = self._users.get(user_id)
        return endings is not None and any(
            version < ending.version and session_id != ending.kept_session for ending in endings
        )

    def add(self, ending: Ending) -> None:
        """What is known already stays as it is."""
        if ending.session_id:
            self._sessions[ending.session_id] = ending.at
        else:
            self._users.setdefault(ending.user_id, {})[ending] = None

    async def ready(self) -> None:
        """Fetch all revocations once, before the first token is trusted. Raises `Unavailable`."""
        if self._newest is None:
            await self.look()

    async def look(self) -> None:
        """Fetch new revocations. Raises `Unavailable`."""
        since = max(0, (self._newest or 0) - _OVERLAP_MILLIS)
        answer = await self._client.request("GET", f"{PATH}?since={since}")
        if answer.status != 200:
            raise Unavailable(f"what access tokens have ended can't be had: {answer.status}")
        items = msgspec.json.decode(answer.body, type=Endings).items
        for ending in items:
            self.add(ending)
        self._newest = max([self._newest or 0, *(ending.at for ending in items)])
        self._forget()

    def _forget(self) -> None:
        past = self._clock.now() - KEPT_MILLIS
        for session_id in [id for id, at in self._sessions.items() if at < past]:
            del self._sessions[session_id]
        for user_id, endings in list(self._users.items()):
            for ending in [one for one in endings if one.at < past]:
                del endings[ending]
            if not endings:
                del self._users[user_id]

    async def watch(self) -> None:
        """The job: look every second, whatever signals bring."""
        while True:
            try:
                await self.look()
                self._outage.over()
            except Transient as error:
                self._outage.failed(error)
            await self._clock.sleep(_LOOK_SECONDS)

    async def listen(self) -> None:
        """The job: what other processes say has ended."""
        async with self._coordination.subscribe(CHANNEL) as signals:
            async for said in signals:
                self.add(_DECODER.decode(said))
