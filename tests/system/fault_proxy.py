"""A proxy between the services and the gateway that does to requests what a network may."""

from collections.abc import Callable, MutableMapping
from typing import Any

from houseful.kernel.errors import Unavailable
from houseful.kernel.webhook_signature import HEADER
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.problems import problem, service_unavailable
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection, Response
from tests.support.deployment import Deployment, Reply

WEBHOOKS = "/api/tickets/webhooks/payments"
_KEPT_HEADERS = ("content-type", HEADER)


def nothing(path: str) -> bool:
    return False


def is_the_gateways(path: str) -> bool:
    """What the ticket service asks of the payment gateway (and no buyer does)."""
    if not path.startswith("/api/payments/intents"):
        return False
    return path.rpartition("/")[2] in ("intents", "details", "capture", "cancel", "refunds")


class FaultProxy:
    """An application in front of the gateway.

    `down` says of a path whether nothing gets through to it, `lost` whether the work is done and the answer
    lost. While `catches` is set, webhooks end here: acknowledged, and kept in `caught`.
    """

    def __init__(self, gateway: App) -> None:
        self._gateway = gateway
        self.caught: list[tuple[bytes, dict[str, str]]] = []
        self.mend()

    def mend(self) -> None:
        """As new."""
        self.down: Callable[[str], bool] = nothing
        self.lost: Callable[[str], bool] = nothing
        self.catches = False
        self.caught = []
        self.cut = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if self.down(path):
            self.cut += 1
            raise AbortConnection
        if self.lost(path):
            self.cut += 1
            await self._gateway(scope, receive, _nowhere)
            raise AbortConnection
        if self.catches and path == WEBHOOKS:
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
            self.caught.append((await _whole(receive), kept))
            await Response(b"", 204).send(scope, receive, send)
            return
        await self._gateway(scope, receive, send)

    async def at_a_port(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application behind a real port: cutting is done to the connection."""
        try:
            await self(scope, receive, send)
        except AbortConnection:
            scope["extensions"][ABORT_EXTENSION]()
        except Unavailable:
            await problem(service_unavailable()).send(scope, receive, send)

    async def deliver(self, deployment: Deployment, index: int = 0) -> Reply:
        """A webhook that was caught, just as it came."""
        body, headers = self.caught[index]
        return await deployment.call("POST", WEBHOOKS, body, headers=headers)


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AbortConnection
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _nowhere(message: MutableMapping[str, Any]) -> None:
    pass
