"""A copy of a service as a process of its own, to be killed, paused and ended: `python -m` this with a port,
a file and a name. Writes into the file what it has done, before it says so.

At SIGTERM it drains: it says at /readyz that it is about to end, goes on until a gateway has heard that and
no request has come for a while, then lets what runs come to its end.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any, cast

from houseful.adapters.http.server import _Config, _Protocol, _Server, listen
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import Response
from tests.unit.gateway.upstreams import whole_body

_QUIET_SECONDS = 2.0
"""Until who was told that it ends has sent the last request; machines may be slow."""


class Copy:
    def __init__(self, done: Path, name: str) -> None:
        self.done = done
        self.name = name
        self.stopping = False
        self.told = asyncio.Event()
        self.last = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/readyz":
            await Response(b"{}", 503 if self.stopping else 200).send(scope, receive, send)
            if self.stopping:
                self.told.set()
            return
        self.last = asyncio.get_running_loop().time()
        await whole_body(receive)
        await asyncio.sleep(0.005)
        with self.done.open("a") as file:
            file.write(f"{scope['path']}\n")
        await Response(self.name.encode()).send(scope, receive, send)

    async def drained(self) -> None:
        self.stopping = True
        await self.told.wait()
        loop = asyncio.get_running_loop()
        while loop.time() - self.last < _QUIET_SECONDS:  # noqa: ASYNC110 - it is for nothing to happen
            await asyncio.sleep(0.01)


async def main(port: int, done: Path, name: str) -> None:
    copy = Copy(done, name)
    listener = listen("127.0.0.1", port)
    config = _Config(cast(Any, copy), http=_Protocol, lifespan="off", log_config=None)
    server = _Server(config, on_stopping=lambda: None)
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        await copy.drained()
        server.stop()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: ending.append(loop.create_task(end())))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.answering.wait()
    print("ready", listener.getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
