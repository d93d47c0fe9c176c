"""The first answer to an `Idempotency-Key`, stored so that a lost reply can be had again.

The answer is inserted in the transaction that did the work, so there is never the one without the other: a
client that repeats its request after a crash gets either the first answer or a first try. Where what is made
can tell the answer again, it is named by the use of the key (`IdempotencyContext.named`), and nothing else
is stored.
"""

import hashlib
from typing import Any

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import Duplicate, Unavailable
from houseful.kernel.pieces import Pieces
from houseful.kernel.ports import Clock, Coordination, Store, Transaction
from houseful.kernel.telemetry import request_id
from houseful.webapi.problems import ProblemError

STORED_MILLIS = 48 * 3600 * 1000
_RUNNING_SECONDS = 60.0
_KEY_LENGTH = 200
_DIGEST_BYTES = 20

REPLAYED = (("idempotent-replayed", "true"),)
"""The headers of a first answer that is given once more."""


class StoredResponse(Document, frozen=True, kw_only=True):
    """`id` names user, route and key; `request` is a digest of the body that it answers."""

    collection = "answers"
    indexes = (Index(("answered_at",)),)

    request: str
    status: int
    body: msgspec.Raw
    answered_at: Millis


class AlreadyAnswered(Exception):
    """This key has its answer already."""


class IdempotencyContext:
    """One use of a key. A use case calls `store` in the transaction that does what was asked, and returns
    the same outcome. Or it makes something that is `named` by the use; then it calls `must_be_first`, and
    the endpoint's `replay` tells the outcome from what was made.

    `status` is that of an outcome, `request` a digest of the body.
    """

    def __init__(self, id: str, request: str, clock: Clock, status: int = 200) -> None:
        self.id = id
        self.request = request
        self._clock = clock
        self._status = status
        self._stored: tuple[Any, bytes] | None = None

    def named(self, prefix: str) -> str:
        """An id for what this use makes: always the same one, so that it can't be made twice."""
        return f"{prefix}_{self.id[:32]}"

    def must_be_first(self, tx: Transaction) -> None:
        """Where a response was stored, a refusal say, the transaction fails with `Duplicate`."""
        tx.absent(StoredResponse, self.id)

    def store(self, tx: Transaction, outcome: Any) -> None:
        """Insert the outcome. Where the key has a response already the transaction fails with `Duplicate`."""
        body = msgspec.json.encode(outcome)
        tx.insert(self._document(self._status, body))
        self._stored = (outcome, body)

    def stored(self, outcome: Any) -> bytes | None:
        """What was stored of this very outcome; None where nothing was."""
        if self._stored is None or self._stored[0] is not outcome:
            return None
        return self._stored[1]

    async def check(self, tx: Transaction) -> None:
        """For a use case whose first transaction does not store the outcome. Raises `AlreadyAnswered`."""
        if await tx.get(StoredResponse, self.id) is not None:
            raise AlreadyAnswered

    async def store_afterwards(self, store: Store, status: int, body: bytes) -> None:
        async def work(tx: Transaction) -> None:
            tx.insert_or_ignore(self._document(status, body))

        await store.transact(work)

    def _document(self, status: int, body: bytes) -> StoredResponse:
        return StoredResponse(
            id=self.id,
            request=self.request,
            status=status,
            body=msgspec.Raw(body or b"null"),
            answered_at=self._clock.now(),
        )

    def check_request(self, first: str) -> None:
        """Raises `ProblemError` (422) where the key was first used for something else."""
        if first != self.request:
            raise ProblemError(
                422,
                "idempotency_key_reused",
                "This Idempotency-Key was used with another body. Use a new key for a new intent.",
                errors={"Idempotency-Key": "was used with another body"},
            )

    def replay(self, stored: StoredResponse) -> tuple[int, bytes]:
        """Raises `ProblemError` (422) where the key was first used for something else."""
        self.check_request(stored.request)
        return stored.status, b"" if stored.status == 204 else bytes(stored.body)


def digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()


def digest_of_pieces(body: Pieces) -> str:
    """As `digest` of all of them joined."""
    hashed = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for piece in body:
        hashed.update(piece)
    return hashed.hexdigest()


def context_of(
    user_id: str, method: str, path: str, key: str | None, request: str, clock: Clock, status: int = 200
) -> IdempotencyContext:
    """`request` is the digest of the body. Raises `ProblemError` (400) for a key that is missing or no
    good."""
    if key is None:
        raise ProblemError(
            400,
            "idempotency_key_missing",
            "Send an Idempotency-Key header: any unique text, the same one when you repeat this request.",
        )
    if not 1 <= len(key) <= _KEY_LENGTH or not key.isprintable():
        raise ProblemError(
            400, "idempotency_key_invalid", f"An Idempotency-Key is 1 to {_KEY_LENGTH} printable characters."
        )
    name = hashlib.blake2b(f"{user_id}\0{method}\0{path}\0{key}".encode(), digest_size=20).hexdigest()
    return IdempotencyContext(name, request, clock, status)


async def acquire(coordination: Coordination, context: IdempotencyContext) -> bool:
    """True while no other request with this key is running, as far as can be known; `store` is what makes it
    sure."""
    try:
        return await coordination.acquire(
            [f"once:{context.id}"], _owner(context), ttl_seconds=_RUNNING_SECONDS
        )
    except Unavailable:
        return True


def release(coordination: Coordination, context: IdempotencyContext) -> None:
    coordination.release([f"once:{context.id}"], _owner(context))


def _owner(context: IdempotencyContext) -> str:
    """The request: of two with one key, each is somebody else."""
    return request_id.get() or context.id


def is_copy(error: Duplicate) -> bool:
    return error.collection == StoredResponse.collection


async def purge_expired(store: Store, clock: Clock, *, batch: int = 500) -> int:
    """Delete what is older than 48 hours; how many."""
    old = await store.find(
        StoredResponse, {}, by="answered_at", until=clock.now() - STORED_MILLIS, limit=batch
    )

    async def work(tx: Transaction) -> None:
        for answer in (await tx.get_many(StoredResponse, [one.id for one in old])).values():
            tx.delete(answer)

    if old:
        await store.transact(work)
    return len(old)
