"""A server with an application of the test, on a port of its own."""

import asyncio
from typing import Any

from houseful.adapters.http.server import listen, serve
from houseful.webapi.responses import Response
from tests.support.patience import PATIENCE_SECONDS


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await Response(f"{scope['path']} {len(body)}".encode(), media_type="text/plain").send(
        scope, receive, send
    )


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def said(self, sent: bytes) -> bytes:
        """All that comes back until the server closes the connection."""
        reader, writer = await self.connect()
        writer.write(sent)
        try:
            return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


class Running:
    def __init__(self, app: Any, **named: Any) -> None:
        self.app = app
        self.named = named
        self.stopping = 0
        self.listener = listen("127.0.0.1", 0)

    async def __aenter__(self) -> Server:
        ready = asyncio.Event()

        def on_stopping() -> None:
            self.stopping += 1

        self.task = asyncio.create_task(
            serve(
                self.app,
                self.listener,
                shutdown_seconds=1,
                on_ready=ready.set,
                on_stopping=on_stopping,
                **self.named,
            )
        )
        await ready.wait()
        return Server(self.listener.getsockname()[1])

    async def __aexit__(self, *exc: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.listener.close()
