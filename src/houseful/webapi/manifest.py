"""What a service is: a manifest that the wiring reads, and the platform that the wiring hands to it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from houseful.kernel.documents import Document
from houseful.kernel.ports import (
    Clock,
    Coordination,
    Ids,
    Mailer,
    PaymentGateway,
    ServiceClient,
    Store,
    Transaction,
    Workers,
)
from houseful.messages import Message
from houseful.settings import Secrets, Settings
from houseful.webapi.audit import History
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.routes import Route

S = TypeVar("S")


@dataclass(frozen=True)
class Platform:
    """Everything that a service may use. `store` is its own; the rest is shared within the process."""

    settings: Settings
    secrets: Secrets
    store: Store
    coordination: Coordination
    clock: Clock
    ids: Ids
    client: ServiceClient
    payment_gateway: PaymentGateway
    mailer: Mailer
    workers: Workers


@dataclass(frozen=True)
class Manifest(Generic[S]):
    """One screen that says what a service stores, offers, handles and runs.

    `handlers` apply a message inside the transaction that records it as applied. `jobs` run for as long as
    the process does and are cancelled at its end; a job that raises is started again after a pause.
    `histories` hold acts of staff besides the audit log.
    """

    name: str
    documents: tuple[type[Document], ...]
    build: Callable[[Platform], S]
    endpoints: tuple[Endpoint, ...]
    handlers: Mapping[type[Message], Callable[[S, Transaction, Any], Awaitable[None]]]
    jobs: tuple[Callable[[S], Awaitable[None]], ...]
    histories: tuple[History, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """What a gateway has to know of the endpoints."""
        return tuple(endpoint.route for endpoint in self.endpoints)
