"""Event streams never end by themselves. A process that stops ends them, so that clients reconnect to
another."""

import asyncio
from typing import Any

from houseful.gateway.response_middleware import ResponseMiddleware
from houseful.webapi.asgi import App, Receive, Scope
from houseful.webapi.problems import service_unavailable


class Streams:
    """The open streams of this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False

    def stop(self) -> None:
        """End all streams, and begin no other."""
        self._stopping = True
        for task in list(self._tasks):
            task.cancel()

    async def send(self, app: App, scope: Scope, receive: Receive, response: ResponseMiddleware) -> None:
        """Raises `ProblemError` (503) where this process stops."""
        if self._stopping:
            raise _ends_soon()
        response.timed = False
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await app(scope, receive, response.send)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            task.uncancel()
            if not response.status:
                raise _ends_soon() from None
            if not response.finished:
                await response.end()
        finally:
            self._tasks.discard(task)


def _ends_soon() -> Exception:
    return service_unavailable("This process is about to end. Connect again.")
