"""The first answer to an `Idempotency-Key`, kept so that a lost reply can be had again.

The answer is inserted in the transaction that did the work, so there is never the one without the other: a
client that repeats its request after a crash gets either the first answer or a first try. Where what is made
can tell the answer again, it is named by the use of the key (`IdempotencyContext.named`), and nothing else
is kept.
"""

import hashlib
from typing import Any

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import Duplicate, ProblemError, Unavailable
from houseful.kernel.pieces import Pieces
from houseful.kernel.ports import Clock, Coordination, Store, Transaction
from houseful.kernel.telemetry import request_id

KEPT_MILLIS = 48 * 3600 * 1000
_RUNNING_SECONDS = 60.0
_KEY_LENGTH = 200
_DIGEST_BYTES = 20


class StoredResponse(Document, frozen=True, kw_only=True):
    """`id` names user, route and key; `request` is a digest of the body that it answers."""

    collection = "answers"
    indexes = (Index(("answered_at",)),)

    request: str
    status: int
    body: msgspec.Raw
    answered_at: Millis


class Answered(Exception):
    """This key has its answer already."""


class IdempotencyContext:
    """One use of a key. A use case calls `keep` in the transaction that does what was asked. Or it makes
    something that is `named` by the use; then it calls `must_be_first` and `tell` instead.
    """

    def __init__(self, id: str, request: str, clock: Clock) -> None:
        self.id = id
        self.request = request
        """A digest of the body."""
        self._clock = clock
        self.body: bytes | None = None
        """The answer, encoded."""

    def named(self, prefix: str) -> str:
        """An id for what this use makes: always the same one, so that it can't be made twice."""
        return f"{prefix}_{self.id[:32]}"

    def must_be_first(self, tx: Transaction) -> None:
        """Where an answer was kept, a refusal say, the transaction fails with `Duplicate`."""
        tx.absent(StoredResponse, self.id)

    def tell(self, answer: Any) -> None:
        """Answer without keeping it: the endpoint's `again` tells it from what was made."""
        self.body = msgspec.json.encode(answer)

    def keep(self, tx: Transaction, status: int, answer: Any) -> None:
        """Insert the answer. Where the key has one already the transaction fails with `Duplicate`."""
        self.body = msgspec.json.encode(answer)
        tx.insert(self._document(status, self.body))

    async def check(self, tx: Transaction) -> None:
        """For a use case whose first transaction does not keep the answer. Raises `Answered`."""
        if await tx.get(StoredResponse, self.id) is not None:
            raise Answered

    async def keep_afterwards(self, store: Store, status: int, body: bytes) -> None:
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

    def replay(self, kept: StoredResponse) -> tuple[int, bytes]:
        """Raises `ProblemError` (422) where the key was first used for something else."""
        self.check_request(kept.request)
        return kept.status, b"" if kept.status == 204 else bytes(kept.body)


def digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()


def digest_of_pieces(body: Pieces) -> str:
    """As `digest` of all of them joined."""
    hashed = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for piece in body:
        hashed.update(piece)
    return hashed.hexdigest()


def once(
    user_id: str, method: str, path: str, key: str | None, request: str, clock: Clock
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
    return IdempotencyContext(name, request, clock)


async def claim(coordination: Coordination, context: IdempotencyContext) -> bool:
    """True while no other request with this key is running, as far as can be known; `keep` is what makes it
    sure."""
    try:
        return await coordination.acquire(
            [f"once:{context.id}"], _owner(context), ttl_seconds=_RUNNING_SECONDS
        )
    except Unavailable:
        return True


def unclaim(coordination: Coordination, context: IdempotencyContext) -> None:
    coordination.release([f"once:{context.id}"], _owner(context))


def _owner(context: IdempotencyContext) -> str:
    """The request: of two with one key, each is somebody else."""
    return request_id.get() or context.id


def is_copy(error: Duplicate) -> bool:
    return error.collection == StoredResponse.collection


async def forget_old(store: Store, clock: Clock, *, batch: int = 500) -> int:
    """Delete what is older than 48 hours; how many."""
    old = await store.find(StoredResponse, {}, by="answered_at", until=clock.now() - KEPT_MILLIS, limit=batch)

    async def work(tx: Transaction) -> None:
        for answer in (await tx.get_many(StoredResponse, [one.id for one in old])).values():
            tx.delete(answer)

    if old:
        await store.transact(work)
    return len(old)
