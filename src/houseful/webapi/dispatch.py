"""The ASGI application of a service's endpoints: find the endpoint, check who asks and what, call, answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from houseful.kernel.errors import Duplicate, ProblemError, Transient, invalid
from houseful.kernel.ports import Clock, Coordination, Store, Transaction, Workers
from houseful.kernel.telemetry import REFUSALS, get_logger
from houseful.kernel.waiting import later
from houseful.webapi import idempotency, validation
from houseful.webapi.auth import Identity, TokenVerifier, bearer
from houseful.webapi.endpoint import (
    USER,
    AbortConnection,
    Endpoint,
    Input,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    Stream,
    headers_of,
    not_authenticated,
    peer,
    problem,
    read,
    read_body,
    read_pieces,
    service_unavailable,
)
from houseful.webapi.idempotency import Answered, IdempotencyContext, StoredResponse
from houseful.webapi.large_bodies import LargeBodies
from houseful.webapi.routing import RouteTable

log = get_logger(__name__)

_REPLAYED = (("idempotent-replayed", "true"),)


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
    ) -> None:
        self._name = name
        self._large_bodies = LargeBodies(workers)
        self._service = service
        self._store = store
        self._coordination = coordination
        self._clock = clock
        self._verifier = verifier
        self._routes: RouteTable[Endpoint] = RouteTable()
        for endpoint in endpoints:
            self._routes.add(endpoint.method, endpoint.path, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except ProblemError as refusal:
            REFUSALS.labels(self._name, refusal.code).inc()
            answer = problem(refusal)
        except Transient as error:
            log.warning(
                "unavailable", extra={"service": self._name, "path": scope["path"], "error": str(error)}
            )
            answer = problem(service_unavailable())
        except (AbortConnection, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug", extra={"service": self._name, "path": scope["path"]})
            answer = problem(
                ProblemError(
                    500,
                    "internal_error",
                    "This is a fault of ours; it has been recorded with the request id.",
                )
            )
        await answer.send(scope, receive, send)

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
        who = await self._who(headers, endpoint)
        query = _query(endpoint.query, scope["query_string"])
        path = {name: unquote(value) for name, value in escaped.items()}
        if LargeBodies.is_one(endpoint, headers):
            user_id = who.user_id if who is not None else peer(scope)
            with self._large_bodies.admitted(user_id):
                pieces = await read_pieces(receive, headers, endpoint.body_bytes)
                body, digest = await self._large_bodies.read(endpoint, pieces, user_id)
                del pieces
                call = Request(body, b"", query, path, headers, who, peer(scope), None)
                return await self._called(endpoint, call, scope["path"], digest)
        raw = await read_body(receive, headers, endpoint.body_bytes) if method != "GET" else b""
        reads = endpoint.body is not None and not endpoint.raw
        body = read(endpoint.body, endpoint.prepare, raw) if reads else None
        call = Request(body, raw, query, path, headers, who, peer(scope), None)
        return await self._called(endpoint, call, scope["path"])

    async def _called(
        self, endpoint: Endpoint, call: Request[Any], path: str, digest: str | None = None
    ) -> Response | Stream:
        """`digest` is the body's, where it is known already."""
        if endpoint.idempotent or (endpoint.repeatable and "idempotency-key" in call.headers):
            return await self._answer_once(endpoint, call, path, digest or idempotency.digest(call.raw))
        answer = _rendered(await endpoint.handle(self._service, call), endpoint.status)
        if isinstance(answer, Stream) and call.who is not None:
            answer.chunks = self._while_it_holds(answer.chunks, call.who)
        return answer

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

    async def _who(self, headers: Mapping[str, str], endpoint: Endpoint) -> Identity | None:
        reads_token = endpoint.public and endpoint.reads_token
        token = bearer(headers.get("authorization")) if reads_token else None
        who = await self._verifier.identity(token) if token is not None else None
        if endpoint.who is None:
            return who
        if who is None:
            raise not_authenticated()
        if endpoint.who is not USER and endpoint.who.isdisjoint(who.roles):
            needed = " or ".join(sorted(endpoint.who))
            raise ProblemError(403, "forbidden", f"This needs the role {needed}.")
        return who

    async def _answer_once(self, endpoint: Endpoint, call: Request[Any], path: str, digest: str) -> Response:
        key = call.headers.get("idempotency-key")
        context = call.once = idempotency.once(
            call.user.user_id, endpoint.method, path, key, digest, self._clock
        )
        if not await idempotency.claim(self._coordination, context):
            # It may be answered all the same, by a process that died since, or has just let go.
            if (copy := await self._replay(endpoint, call, context)) is not None:
                return copy
            raise ProblemError(
                409,
                "still_running",
                "A request with this Idempotency-Key is still running. Try again in a moment.",
                headers=later(1),
            )
        try:
            return await self._first_answer(endpoint, call, context)
        finally:
            idempotency.unclaim(self._coordination, context)

    async def _first_answer(
        self, endpoint: Endpoint, call: Request[Any], context: IdempotencyContext
    ) -> Response:
        """The answer is kept in the transaction that does what was asked. So a repetition fails at that, or
        is refused for what the first one did, and only then is the first answer looked for."""
        try:
            await endpoint.handle(self._service, call)
        except ProblemError as refusal:
            if refusal.status in (401, 403, 429) or refusal.status >= 500:
                raise
            return await self._replay(endpoint, call, context) or await self._kept_refusal(refusal, context)
        except (Duplicate, Answered) as error:
            copy = (
                None
                if isinstance(error, Duplicate) and not idempotency.is_copy(error)
                else await self._replay(endpoint, call, context)
            )
            if copy is None:
                raise
            return copy
        assert context.body is not None, f"{endpoint.path} is declared idempotent and keeps no answer"
        return Response(context.body, endpoint.status)

    async def _kept_refusal(self, refusal: ProblemError, context: IdempotencyContext) -> Response:
        REFUSALS.labels(self._name, refusal.code).inc()
        answer = problem(refusal)
        await context.keep_afterwards(self._store, answer.status, answer.body)
        return answer

    async def _replay(
        self, endpoint: Endpoint, call: Request[Any], context: IdempotencyContext
    ) -> Response | None:
        """The first answer, where there is one. Read again where it was seen in a transaction that failed: of
        another request with this key, say, that was about to do the same again."""

        async def read(tx: Transaction) -> tuple[Any, StoredResponse | None]:
            tx.expect(StoredResponse, [context.id])
            told = None if endpoint.again is None else await endpoint.again(self._service, call, tx)
            return told, await tx.get(StoredResponse, context.id)

        told, kept = await self._store.transact(read)
        if told is not None:
            return Response(msgspec.json.encode(told), endpoint.status, headers=_REPLAYED)
        if kept is None:
            return None
        status, body = context.replay(kept)
        media_type = "application/json" if status < 400 else "application/problem+json"
        return Response(body, status, media_type, _REPLAYED)


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
