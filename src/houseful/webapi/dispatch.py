"""The ASGI application of a service's endpoints: find the endpoint, check who asks and what, call, answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from houseful.kernel.errors import DomainError, Duplicate, Transient, invalid
from houseful.kernel.ports import Clock, Coordination, Store, Transaction, Workers
from houseful.kernel.roles import Identity
from houseful.kernel.telemetry import REFUSALS, get_logger
from houseful.kernel.waiting import later
from houseful.webapi import http_spans, idempotency, validation
from houseful.webapi.asgi import IDENTITY, Receive, Scope, Send, headers_of, peer
from houseful.webapi.auth import TokenVerifier, bearer
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.idempotency import AlreadyAnswered, IdempotencyContext, StoredResponse
from houseful.webapi.large_bodies import LargeBodies
from houseful.webapi.problems import ProblemError, not_authenticated, problem, service_unavailable, status_of
from houseful.webapi.requests import Input, Request, read, read_body, read_pieces
from houseful.webapi.responses import AbortConnection, Response, Stream
from houseful.webapi.routing import RouteTable

log = get_logger(__name__)


class ServiceApp:
    """The ASGI application of one service's endpoints."""

    def __init__(
        self,
        name: str,
        service: Any,
        endpoints: Sequence[Endpoint],
        *,
        store: Store,
        coordination: Coordination,
        clock: Clock,
        verifier: TokenVerifier,
        workers: Workers,
        administration: Any = None,
    ) -> None:
        self._name = name
        self._large_bodies = LargeBodies(workers)
        self._service = service
        self._administration = administration
        self._store = store
        self._coordination = coordination
        self._clock = clock
        self._verifier = verifier
        self._routes: RouteTable[Endpoint] = RouteTable()
        for endpoint in endpoints:
            self._routes.add(endpoint.method, endpoint.path, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with http_spans.service_span(scope, self._name) as span:
            response = await self._response(scope, receive)
            if span is not None:
                http_spans.describe(span, scope, status=response.status, route=scope.get("route"))
            await response.send(scope, receive, send)

    async def respond(self, scope: Scope, receive: Receive) -> Response | Stream:
        """The same for a caller in this process, which gets the response itself."""
        with http_spans.service_span(scope, self._name) as span:
            response = await self._response(scope, receive)
            if span is not None:
                http_spans.describe(span, scope, status=response.status, route=scope.get("route"))
            return response

    async def _response(self, scope: Scope, receive: Receive) -> Response | Stream:
        try:
            return await self._answer(scope, receive)
        except DomainError as refusal:
            REFUSALS.labels(self._name, refusal.code).inc()
            return problem(refusal)
        except Transient as error:
            log.warning(
                "unavailable", extra={"service": self._name, "path": scope["path"], "error": str(error)}
            )
            return problem(service_unavailable())
        except (AbortConnection, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug", extra={"service": self._name, "path": scope["path"]})
            return problem(
                ProblemError(
                    500,
                    "internal_error",
                    "This is a fault of ours; it has been recorded with the request id.",
                )
            )

    async def _answer(self, scope: Scope, receive: Receive) -> Response | Stream:
        found = self._routes.find(scope["path"])
        if found is None:
            raise ProblemError(404, "no_such_path", f"There is nothing at {scope['path']}.")
        methods, escaped = found
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        endpoint = methods.get(method)
        if endpoint is None:
            allowed = ", ".join(sorted(methods))
            raise ProblemError(
                405, "method_not_allowed", f"Here one may {allowed}.", headers={"allow": allowed}
            )
        scope["route"] = endpoint.path
        headers = headers_of(scope)
        who = await self._who(scope, headers, endpoint)
        signature = endpoint.signature
        query = _query(signature.query, scope["query_string"])
        arguments: dict[str, Any] = {name: unquote(value) for name, value in escaped.items()}
        if "query" in signature.named:
            arguments["query"] = query
        if LargeBodies.is_one(endpoint, headers):
            user_id = who.user_id if who is not None else peer(scope)
            with self._large_bodies.admitted(user_id):
                pieces = await read_pieces(receive, headers, endpoint.body_bytes)
                arguments["body"], digest = await self._large_bodies.read(endpoint, pieces, user_id)
                del pieces
                request = Request(headers, who, peer(scope), b"")
                return await self._called(endpoint, request, arguments, scope["path"], digest)
        raw = await read_body(receive, headers, endpoint.body_bytes) if method != "GET" else b""
        if signature.body is not None:
            arguments["body"] = raw if signature.raw else read(signature.body, endpoint.prepare, raw)
        request = Request(headers, who, peer(scope), raw)
        return await self._called(endpoint, request, arguments, scope["path"])

    async def _called(
        self,
        endpoint: Endpoint,
        request: Request,
        arguments: dict[str, Any],
        path: str,
        digest: str | None = None,
    ) -> Response | Stream:
        """`digest` is the body's, where it is known already."""
        named = endpoint.signature.named
        if "request" in named:
            arguments["request"] = request
        if "context" in named:
            if endpoint.idempotent or "idempotency-key" in request.headers:
                digest = digest or idempotency.digest(request.raw)
                return await self._answer_once(endpoint, request, arguments, path, digest)
            arguments["context"] = None
        response = _rendered(await endpoint.handle(self._of(endpoint), **arguments), endpoint.status)
        if isinstance(response, Stream) and request.who is not None:
            response.chunks = self._while_it_holds(response.chunks, request.who)
        return response

    def _of(self, endpoint: Endpoint) -> Any:
        return self._administration if endpoint.administration else self._service

    async def _while_it_holds(self, chunks: AsyncIterator[bytes], who: Identity) -> AsyncIterator[bytes]:
        """A stream ends with the access token that it was asked for with, where that is ended before its
        time."""
        try:
            async for chunk in chunks:
                if self._verifier.has_ended(who):
                    return
                yield chunk
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    async def _who(self, scope: Scope, headers: Mapping[str, str], endpoint: Endpoint) -> Identity | None:
        who: Identity | None = None
        if endpoint.public and endpoint.reads_token:
            who = scope.get(IDENTITY)
            token = bearer(headers.get("authorization")) if who is None else None
            if token is not None:
                who = await self._verifier.identity(token)
        if endpoint.who is None:
            return who
        if who is None:
            raise not_authenticated()
        if endpoint.who is not USER and endpoint.who.isdisjoint(who.roles):
            needed = " or ".join(sorted(endpoint.who))
            raise ProblemError(403, "forbidden", f"This needs the role {needed}.")
        return who

    async def _answer_once(
        self, endpoint: Endpoint, request: Request, arguments: dict[str, Any], path: str, digest: str
    ) -> Response:
        context = idempotency.context_of(
            request.user.user_id,
            endpoint.method,
            path,
            request.headers.get("idempotency-key"),
            digest,
            self._clock,
            endpoint.status,
        )
        if not await idempotency.acquire(self._coordination, context):
            # It may be answered all the same, by a process that died since, or has just let go.
            if (first := await self._replay(endpoint, context)) is not None:
                return first
            raise ProblemError(
                409,
                "still_running",
                "A request with this Idempotency-Key is still running. Try again in a moment.",
                headers=later(1),
            )
        try:
            return await self._first_answer(endpoint, arguments, context)
        finally:
            idempotency.release(self._coordination, context)

    async def _first_answer(
        self, endpoint: Endpoint, arguments: dict[str, Any], context: IdempotencyContext
    ) -> Response:
        """The outcome is stored in the transaction that does what was asked. So a repetition fails at that,
        or is refused for what the first one did, and only then is the first answer looked for. A handler that
        returns a `Response` has looked itself: it knows from what is there which request has made it."""
        try:
            outcome = await endpoint.handle(self._of(endpoint), **arguments, context=context)
        except DomainError as refusal:
            status = status_of(refusal)
            if status in (401, 403, 429) or status >= 500:
                raise
            return await self._replay(endpoint, context) or await self._stored_refusal(refusal, context)
        except (Duplicate, AlreadyAnswered) as error:
            if isinstance(error, Duplicate) and not idempotency.is_copy(error):
                raise
            first = await self._replay(endpoint, context)
            if first is None:
                raise
            return first
        if isinstance(outcome, Response):
            return outcome
        body = msgspec.json.encode(outcome) if endpoint.replay is not None else context.stored(outcome)
        if body is None:
            raise RuntimeError(f"{endpoint.handle.__qualname__} returned another outcome than it stored")
        return Response(body, endpoint.status)

    async def _stored_refusal(self, refusal: DomainError, context: IdempotencyContext) -> Response:
        REFUSALS.labels(self._name, refusal.code).inc()
        response = problem(refusal)
        await context.store_afterwards(self._store, response.status, response.body)
        return response

    async def _replay(self, endpoint: Endpoint, context: IdempotencyContext) -> Response | None:
        """The first answer, where there is one. Read again where it was seen in a transaction that failed: of
        another request with this key, say, that was about to do the same again."""

        async def look_up(tx: Transaction) -> tuple[Any, StoredResponse | None]:
            tx.expect(StoredResponse, [context.id])
            told = None if endpoint.replay is None else await endpoint.replay(self._service, tx, context)
            return told, await tx.get(StoredResponse, context.id)

        told, stored = await self._store.transact(look_up)
        if told is not None:
            return Response(msgspec.json.encode(told), endpoint.status, headers=idempotency.REPLAYED)
        if stored is None:
            return None
        status, body = context.replay(stored)
        media_type = "application/json" if status < 400 else "application/problem+json"
        return Response(body, status, media_type, idempotency.REPLAYED)


def _query(kind: type[Input], query_string: bytes) -> Any:
    """Strictly: a date is no number, and what is given twice is not guessed at. Raises `ProblemError`
    (422)."""
    given = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True) if query_string else []
    texts = dict(given)
    if len(texts) < len(given):
        twice = {
            name: "is given twice" for name, count in Counter(one for one, _ in given).items() if count > 1
        }
        raise invalid(twice, "The query needs a correction.")
    values = validation.typed(kind, texts) if texts else texts
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise invalid(
            validation.of_query(kind, values) or {"query": "is not what is asked for here"},
            "The query needs a correction.",
        ) from error


def _rendered(result: Any, status: int) -> Response | Stream:
    if isinstance(result, (Response, Stream)):
        return result
    if result is None:
        return Response(b"", 204)
    return Response(msgspec.json.encode(result), status)
