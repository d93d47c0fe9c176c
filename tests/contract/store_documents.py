"""Documents of the store's contract, ways to change them, and the fixture that every part of it uses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar, TypeVar

import pytest
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index
from houseful.kernel.errors import Conflict
from houseful.kernel.ports import OutboxRow, Store, Transaction
from houseful.messages import InventoryReady

T = TypeVar("T")


OpenStore = Callable[[], Awaitable[Store]]


class Account(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "accounts"

    balance: int = 0
    log: list[str] = []


class Item(Document, frozen=True, kw_only=True):
    collection: ClassVar[str] = "items"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("shelf", "rank")),
        Index(("shelf", "kind", "rank")),
        Index(("fragile",)),
        Index(("rank",)),
    )

    shelf: str = "a"
    kind: str | None = None
    rank: int | None = None
    fragile: bool = False
    parts: dict[str, list[int]] = {}


class Ticket(Document, frozen=True, kw_only=True):
    """`live_seat` is None once the ticket is void."""

    collection: ClassVar[str] = "tickets"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("event", "live_seat"), unique=True),)

    event: str = "e"
    live_seat: str | None = None


class Book(Document, frozen=True, kw_only=True):
    """`title_key` is computed."""

    collection: ClassVar[str] = "books"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("shelf", "title_key")),)

    title: str
    shelf: str = "a"

    @property
    def title_key(self) -> str:
        return self.title.casefold()


DOCUMENTS: tuple[type[Document], ...] = (Account, Item, Ticket, Book)


def ready(event_id: str, seats_total: int = 1) -> InventoryReady:
    return InventoryReady(event_id=event_id, seats_total=seats_total)


async def add(store: Store, *documents: Document) -> None:
    async with store.begin() as tx:
        for document in documents:
            tx.insert(document)


async def need(reader: Store | Transaction, id: str) -> Account:
    account = await reader.get(Account, id)
    assert account is not None
    return account


async def insist(store: Store, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """However long others are in the way. `transact` gives up at some time, and is right to."""
    while True:
        try:
            return await store.transact(work)
        except Conflict:
            await asyncio.sleep(0)


async def rows(store: Store) -> list[OutboxRow]:
    return [row async for row in store.outbox.rows()]


async def change(store: Store, id: str, balance: int) -> None:
    async with store.begin() as tx:
        tx.put(replace(await need(tx, id), balance=balance))


def add_one(id: str) -> Callable[[Transaction], Awaitable[None]]:
    async def work(tx: Transaction) -> None:
        account = await need(tx, id)
        tx.put(replace(account, balance=account.balance + 1))

    return work


class StoreContract:
    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        store = await open_store()
        yield store
        await store.close()
