"""An endpoint: a row of a service's table, and the handler that its types come from.

`dispatch.ServiceApp` is the ASGI application made of a service's endpoints. What a body may be is its msgspec
Struct, unknown fields refused; every error leaves as a problem document.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.responses import EVENT_STREAM
from houseful.webapi.routes import Rate, Route
from houseful.webapi.signatures import EndpointError, Signature, check_context, check_replay, read_signature

BODY_BYTES = 256 * 1024
PLAN_BYTES = 32 * 1024 * 1024

ANYONE: frozenset[Role] | None = None
USER: frozenset[Role] = frozenset(Role)
ORGANIZER = frozenset({Role.ORGANIZER, Role.ADMIN})
GATE = frozenset({Role.GATE, Role.ORGANIZER, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})

JSON = "application/json"
Replay = Callable[[Any, Transaction, IdempotencyContext], Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """`handle(service, …)` answers; its signature says what it takes and gives (see `signatures`), and the
    first line of its docstring is the summary. Raises `EndpointError` where row and handler do not fit.

    `who` is None for anyone (a token is looked at if there is one), else the roles of which the client needs
    one. With `reads_token` False an access token is not even looked at: where one gets a token, an expired
    one must not be in the way.

    `prepare(body)` makes what the handler gets in the body's place. Of a large body it is made in another
    process, and only what it returns comes back: that is to be small.

    `idempotent` wants an `Idempotency-Key`; `repeatable` honours one that is sent. The handler stores its
    outcome with the context that it is given, in the transaction of its work, and returns it.

    `rate` limits an account at this endpoint alone; without one it counts with the account's other calls.

    `status` is that of an outcome, `or_status` another one that the handler may give.

    `line_pass`: the gateway looks at the pass of the event's line, where the event of the path has one.

    `asks_for_work`: the handler may raise `proof_of_work_required`.

    `administration`: the handler's first parameter is the service's `Administration`, not the service itself.

    `replay(service, transaction, context)` is for an idempotent endpoint whose answer can be told from what
    it made, and is not stored besides: the first answer, or None where nothing was made.
    """

    method: str
    path: str
    handle: Callable[..., Awaitable[Any]]
    status: int = 200
    or_status: int | None = None
    who: frozenset[Role] | None = ANYONE
    idempotent: bool = False
    repeatable: bool = False
    replay: Replay | None = None
    prepare: Callable[[Any], Any] | None = None
    body_bytes: int = BODY_BYTES
    media_type: str = JSON
    public: bool = True
    reads_token: bool = True
    rate: Rate | None = None
    line_pass: bool = False
    asks_for_work: bool = False
    administration: bool = False
    signature: Signature = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            signature = self._checked_signature()
        except EndpointError as error:
            handler = f"{self.handle.__module__}.{self.handle.__qualname__}"
            raise EndpointError(f"{self.method} {self.path}: {handler} {error}") from error
        object.__setattr__(self, "signature", signature)
        if signature.returns_nothing:
            object.__setattr__(self, "status", 204)

    def _checked_signature(self) -> Signature:
        signature = read_signature(self.handle, self.path, prepare=self.prepare)
        if signature.body is not None and self.method == "GET":
            raise EndpointError("takes a body, and GET has none")
        if signature.streams and self.media_type == JSON:
            raise EndpointError("returns a stream; the endpoint has to say its media_type")
        check_context(signature, idempotent=self.idempotent, repeatable=self.repeatable)
        if (self.idempotent or self.repeatable) and self.who is None:
            raise EndpointError("is for anyone, and an Idempotency-Key belongs to a user")
        if self.replay is not None:
            if not self.idempotent:
                raise EndpointError("has a replay, and the endpoint is not declared idempotent")
            check_replay(signature, self.replay)
        return signature

    @property
    def route(self) -> Route:
        """What a gateway has to know."""
        return Route(
            method=self.method,
            path=self.path,
            needs_account=self.who is not None,
            public=self.public,
            streams=self.media_type == EVENT_STREAM,
            rate=self.rate,
            line_pass=self.line_pass,
        )

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handle) or self.handle.__name__).split("\n")[0]
