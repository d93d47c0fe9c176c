"""Delayed responses: a flood waits on its own connections, and nobody behind the same address is refused."""

from houseful.kernel.ports import Clock

_SWEEP_FROM = 4096


class DelayedResponses:
    """Responses to a network or an account, such as refusals. Beyond a burst they are sent at `per_second`,
    each at most `longest_seconds` late.

    A limit by address would refuse everybody behind it. A delay refuses nobody: a client that sends without a
    pause waits on each of its connections. The state belongs to one process.
    """

    def __init__(self, clock: Clock, *, burst: int, per_second: float, longest_seconds: float) -> None:
        self._clock = clock
        self._step = 1000 / per_second
        self._depth = self._step * burst
        self._longest = 1000 * longest_seconds
        self._full_at: dict[str, float] = {}
        self._sweep_at = _SWEEP_FROM

    async def turn(self, whose: str) -> None:
        """Wait until the response may be sent."""
        seconds = self._late(whose)
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _late(self, whose: str) -> float:
        """The generic cell rate algorithm. `_full_at` is the moment at which a burst is available again."""
        now = self._clock.now()
        most = now + self._depth + self._longest  # also where the clock was set back
        full_at = min(max(self._full_at.get(whose, now), now) + self._step, most)
        if len(self._full_at) >= self._sweep_at:
            self._full_at = {name: moment for name, moment in self._full_at.items() if moment > now}
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._full_at))
        self._full_at[whose] = full_at
        return max(0.0, full_at - now - self._depth) / 1000
