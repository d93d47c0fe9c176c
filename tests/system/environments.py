"""Platforms of separate processes for tests that move their clock and cut their connections."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from engines import PROGRAMS, valkey
from houseful.settings import Settings
from tests.system.serving import ThreadedFaultProxy
from tests.system.split import Split

AS_FORGETFUL = frozenset({"forgetful", "stuck"})
"""A Redis that is emptied all the time: so tests of what it keeps too long see the same on processes."""


class Environment:
    """A platform with its fault proxy; `folder` has its clock, its faults and its logs."""

    def __init__(
        self, folder: Path, engines: Mapping[str, str], settings: Mapping[str, str], coordination: str | None
    ) -> None:
        self._stack = ExitStack()
        self.folder = folder
        self.split = Split(
            folder, {**engines, **settings, "TEST_FOLDER": str(folder)}, program="tests.system.process"
        )
        fault_proxy = ThreadedFaultProxy(self.split.urls)
        self._stack.callback(fault_proxy.close)
        self.fault_proxy = fault_proxy.fault_proxy
        self.split.environment["HOUSEFUL_GATEWAY_URL"] = fault_proxy.url
        if coordination is not None:
            self.split.environment["HOUSEFUL_COORDINATION_URL"] = self._coordination_that_is(coordination)
        self._stack.callback(self.split.kill)
        try:
            self.split.start()
        except BaseException:
            self.close()
            raise

    def _coordination_that_is(self, what: str) -> str:
        if what == "down":
            return "redis://127.0.0.1:1"
        program = valkey.obtain(PROGRAMS)
        server = self._stack.enter_context(valkey.RedisServer.start_new(program, self.folder / "redis"))
        over = threading.Event()
        thread = threading.Thread(target=_empty_for_ever, args=(server, over), daemon=True)
        self._stack.callback(thread.join)
        self._stack.callback(over.set)
        thread.start()
        return server.url

    def close(self) -> None:
        self._stack.close()


def _empty_for_ever(server: valkey.RedisServer, over: threading.Event) -> None:
    while not over.wait(0.002):
        server.say("FLUSHALL")


class Environments:
    """One at a time, by its settings: it ends when another is wanted. Tests are sorted by what they want."""

    def __init__(self, folder: Path, engines: Mapping[str, str]) -> None:
        self._folder = folder
        self._engines = engines
        self._open: tuple[tuple[object, ...], Environment] | None = None
        self._count = 0

    def get(self, *, coordination: str | None = None, **settings: object) -> Environment:
        if coordination in AS_FORGETFUL:
            coordination = "forgetful"
        key = (coordination, *sorted(_unusual(settings).items()))
        if self._open is None or self._open[0] != key:
            self.close()
            self._open = key, self.new(coordination, **settings)
        return self._open[1]

    def new(self, coordination: str | None = None, **settings: object) -> Environment:
        """For one test alone, which closes it."""
        self._count += 1
        variables = {f"HOUSEFUL_{name.upper()}": str(value) for name, value in _unusual(settings).items()}
        return Environment(
            self._folder / f"environment-{self._count}", self._engines, variables, coordination
        )

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _unusual(settings: Mapping[str, object]) -> dict[str, object]:
    """Without those that say what is so anyway."""
    usual = Settings()
    chosen = {"rate_limits": "off", "drain_seconds": 0, **settings}
    return {name: value for name, value in chosen.items() if value != getattr(usual, name)}
