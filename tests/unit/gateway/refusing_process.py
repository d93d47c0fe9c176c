"""A service as a process of its own that refuses every body by the head of its request: `python -m` this."""

import asyncio

from houseful.adapters.http.server import listen, serve
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.problems import ProblemError, problem
from houseful.webapi.responses import Response


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/readyz":
        await Response(b"{}").send(scope, receive, send)
        return
    refusal = ProblemError(413, "body_too_large", "Too large.", headers={"connection": "close"})
    await problem(refusal).send(scope, receive, send)


async def main() -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await serve(
        refuse,
        listener,
        shutdown_seconds=1,
        on_ready=lambda: print(port, flush=True),
        on_stopping=lambda: None,
    )


if __name__ == "__main__":
    asyncio.run(main())
