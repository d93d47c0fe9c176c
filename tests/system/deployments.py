"""A deployment in each topology: an installation as tests see it from within, with its stores and clock."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import Running, running
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Coordination
from houseful.settings import SERVICES, load_secrets, load_settings
from tests.support.deployment import Deployment, Reply, open_stream
from tests.support.patience import PATIENCE_SECONDS
from tests.system.clocks import CLOCK_FILE, STEP_SECONDS, FlowingClock, MovableClock
from tests.system.environments import Environment
from tests.system.fault_proxy import FaultProxy
from tests.system.serving import Outside
from tests.system.together import together

T = TypeVar("T")

LOOK_SECONDS = 0.05
BY_ITSELF_SECONDS = 0.4
"""For so long what is waited for may come by itself, before time is made to pass more quickly."""
PACE_SECONDS = 0.05

OpenDeployment = Callable[..., AbstractAsyncContextManager["SystemDeployment"]]


class Down:
    """Coordination as it is when Redis is gone. Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def _fail(self) -> Unavailable:
        self.asked += 1
        return Unavailable("there is no Redis")

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        raise self._fail()

    def release(self, names: Sequence[str], owner: str) -> None:
        self._fail()

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        raise self._fail()

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        raise self._fail()

    async def publish(self, channel: str, payload: bytes) -> None:
        raise self._fail()

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        raise self._fail()
        yield  # a context manager yields, if it comes to that

    async def ready(self) -> None:
        raise self._fail()

    async def close(self) -> None:
        raise self._fail()


class Forgetful(LocalCoordination):
    """Coordination as it is when somebody empties Redis after every command."""

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        self._locks.clear()
        return await super().acquire(names, owner, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds)

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        self._buckets.clear()
        return await super().take(bucket, per_second=per_second, burst=burst)

    async def publish(self, channel: str, payload: bytes) -> None:
        """Nobody hears it."""


class Stuck(LocalCoordination):
    """Coordination to which no release gets through: what is locked stays so until it expires."""

    def release(self, names: Sequence[str], owner: str) -> None:
        """Lost on the way."""


def coordination_that_is(what: str | None) -> Coordination | None:
    match what:
        case None:
            return None
        case "down":
            return Down()
        case "stuck":
            return Stuck(SystemClock())
        case _:
            return Forgetful(SystemClock())


@dataclass(kw_only=True)
class SystemDeployment(Deployment):
    """`fault_proxy` is between its services and its gateway. `faults` is the folder of ordered faults."""

    fault_proxy: FaultProxy
    faults: Path
    mail: Path
    tag: str = field(default_factory=lambda: os.urandom(4).hex())
    """In the ids of its users, so that they are nobody's of another deployment."""
    events: set[str] = field(default_factory=set)
    """Those that were made in this deployment. Others may be there where an installation is used again."""

    amiss_seconds: float = 0
    """For so long something has to be amiss before it is believed."""

    @property
    def clock(self) -> MovableClock:
        clock = self.app.clock
        assert isinstance(clock, (ManualClock, FlowingClock)), "time is not this test's to move"
        return clock

    async def shows(self, look: Callable[[], Awaitable[T]], expected: T) -> None:
        """The answer to browsing becomes this. Availability may be a moment behind the transaction: another
        process, or the commit's own thread, was faster.
        """
        seen: T | None = None

        async def comes() -> bool:
            nonlocal seen
            seen = await look()
            return seen == expected

        try:
            await self.until(comes)
        except AssertionError:
            raise AssertionError(f"{seen} instead of {expected}") from None

    def rounds(self, count: int) -> int:
        """How often to try what may go wrong."""
        return count

    async def draft(self, organizer: str, **changes: Any) -> dict[str, Any]:
        event = await super().draft(organizer, **changes)
        self.events.add(event["id"])
        return event

    @asynccontextmanager
    async def messages(self, path: str, token: str) -> AsyncIterator[AsyncIterator[str]]:
        """The data of each message of an event stream."""
        async with open_stream(self, path, token=token) as stream:

            async def data() -> AsyncIterator[str]:
                while True:
                    yield (await stream.event())[1]

            yield data()


@dataclass(kw_only=True)
class SplitDeployment(SystemDeployment):
    """Its parts call each other by HTTP, for which they need time of their own: it flows by itself, and not
    too fast while something is waited for."""

    outside: Outside

    async def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        answer = await self.outside.request(method, path, body=body, headers=headers)
        return Reply(answer.status, answer.headers, answer.body)

    async def until(self, look: Callable[[], Awaitable[T | None]], *, advance_seconds: float = 0.0) -> T:
        began = time.monotonic()
        while not (result := await look()):
            waited = time.monotonic() - began
            assert waited < PATIENCE_SECONDS, "it did not come true in time"
            if advance_seconds and waited > BY_ITSELF_SECONDS:
                await self.clock.advance(advance_seconds)
                await asyncio.sleep(PACE_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)
        return result

    def rounds(self, count: int) -> int:
        return max(1, count // 4)

    @asynccontextmanager
    async def messages(self, path: str, token: str) -> AsyncIterator[AsyncIterator[str]]:
        async with self.outside.messages(path, token) as messages:
            yield messages


@asynccontextmanager
async def single_deployment(
    data: Path,
    *,
    manual: bool = False,
    coordination: str | None = None,
    background: bool = True,
    **settings: Any,
) -> AsyncIterator[SystemDeployment]:
    """With `manual`, time passes only by `clock.advance`."""
    chosen = load_settings({}, **({"data": str(data), "rate_limits": "off"} | settings))
    async with running(
        chosen,
        clock=ManualClock(step_seconds=STEP_SECONDS) if manual else None,
        coordination=coordination_that_is(coordination),
        workers=InlineWorkers(),
        background=background,
        access_log=False,
    ) as app:
        fault_proxy = FaultProxy(app.entry)
        app.client.bind(fault_proxy)
        app.calls.bind([])  # so that faults may befall calls between services: all go through the gateway
        yield SystemDeployment(app=app, fault_proxy=fault_proxy, faults=_folder(data), mail=data / "mail")


@asynccontextmanager
async def deployment_together(
    data: Path,
    *,
    manual: bool = False,
    coordination: str | None = None,
    background: bool = True,
    **settings: Any,
) -> AsyncIterator[SystemDeployment]:
    chosen = load_settings({}, **({"data": str(data), "rate_limits": "off"} | settings))
    faults = _folder(data)
    async with (
        together(
            chosen,
            clock=FlowingClock(faults / CLOCK_FILE),
            coordination=coordination_that_is(coordination),
            background=background,
        ) as (app, fault_proxy),
        _outside([app.settings.gateway_url]) as outside,
    ):
        yield SplitDeployment(
            app=app, fault_proxy=fault_proxy, faults=faults, mail=data / "mail", outside=outside
        )


@asynccontextmanager
async def deployment_on(environment: Environment) -> AsyncIterator[SplitDeployment]:
    """A deployment on processes that run. In this process is one more copy of each service, which works only
    when it is asked to: its stores are the others'."""
    environment.fault_proxy.mend()
    # After the faults of the test before, processes send no requests to the fault proxy for a while.
    await asyncio.to_thread(environment.split.wait_until_well)
    async with (
        _copy_of(environment) as app,
        _outside(environment.split.urls) as outside,
    ):
        yield SplitDeployment(
            app=app,
            fault_proxy=environment.fault_proxy,
            faults=environment.folder,
            mail=environment.split.mail,
            outside=outside,
            amiss_seconds=60,
        )


@asynccontextmanager
async def _copy_of(environment: Environment) -> AsyncIterator[Running]:
    variables = environment.split.environment
    settings = load_settings(variables)
    async with running(
        settings,
        parts=SERVICES,
        clock=FlowingClock(environment.folder / CLOCK_FILE),
        secrets=load_secrets(settings, variables, make=False),
        background=False,
        access_log=False,
    ) as app:
        yield app


@asynccontextmanager
async def _outside(urls: Sequence[str]) -> AsyncIterator[Outside]:
    outside = Outside(urls)
    try:
        yield outside
    finally:
        await outside.close()


def _folder(data: Path) -> Path:
    faults = data.parent / f"{data.name}-faults"
    faults.mkdir(exist_ok=True)
    return faults
