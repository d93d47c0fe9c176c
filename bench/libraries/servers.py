"""An HTTP request through a server: ours (uvicorn with our limits), plain uvicorn, and granian.

Behind each is the same ASGI application, which reads the body and answers with a little JSON. Each server is
a process of its own; CPU is that of its whole process tree.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
import uvloop
from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server as Granian

from bench.holds import cpu_seconds
from bench.libraries.pairs import Work, alternate, told
from bench.load import request
from bench.load import run as send
from engines.server import free_port
from houseful.adapters.http.server import listen, serve
from houseful.webapi.asgi import Receive, Scope, Send

AT_ONCE = (1, 64)
ROUNDS = 30
PIECES = 2_000
SERVERS = ("our server", "uvicorn", "granian")
_PATIENCE_SECONDS = 20.0


def main() -> None:
    with _started(SERVERS[0]) as ours, _started(SERVERS[1]) as plain, _started(SERVERS[2]) as rust:
        asyncio.run(_measure(dict(zip(SERVERS, (ours, plain, rust), strict=True))))


async def _measure(running: dict[str, tuple[int, int]]) -> None:
    requests = [request("POST", "/api/empty", b'{"seats":["A-1","A-2"]}', "a" * 300)] * PIECES
    for at_once in AT_ONCE:
        works: dict[str, Work] = {
            name: partial(_sent, port, requests, at_once) for name, (_, port) in running.items()
        }
        found = await alternate(
            works, rounds=ROUNDS, pieces=PIECES, cpu=lambda name: _tree_cpu(running[name][0])
        )
        print(told(f"a request, {at_once} at once", found), flush=True)


async def _sent(port: int, requests: list[bytes], at_once: int) -> None:
    result = await send(port, requests, at_once)
    assert result.statuses == {200: PIECES}, result.statuses


def _tree_cpu(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(_tree_cpu(int(child)) for child in children)


@contextmanager
def _started(name: str) -> Iterator[tuple[int, int]]:
    """Its process and its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.libraries.servers", name, str(port)])
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < deadline, f"{name} does not answer"
            time.sleep(0.1)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and answer."""
    assert scope["type"] == "http"
    more = True
    while more:
        message: MutableMapping[str, Any] = await receive()
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"done":true}'})


def _serve(name: str, port: int) -> None:
    if name == "granian":
        Granian(
            "bench.libraries.servers:app",
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGINL,
            workers=1,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        ).serve()
    elif name == "uvicorn":
        config = uvicorn.Config(
            cast(Any, app), host="127.0.0.1", port=port, http="httptools", loop="uvloop", ws="none",
            lifespan="off", interface="asgi3", log_config=None, access_log=False, proxy_headers=False,
            server_header=False,
        )  # fmt: skip
        uvicorn.Server(config).run()
    else:
        listener = listen("127.0.0.1", port)
        work = serve(app, listener, shutdown_seconds=1, on_ready=lambda: None, on_stopping=lambda: None)
        uvloop.run(work)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
