"""The contract of `Store`: whatever many transactions do at once, there is an order that explains it."""

import asyncio
import random
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict
from houseful.kernel.ports import Store
from tests.contract.store_documents import Account, OpenStore, StoreContract, add, need


class HistoryContract(StoreContract):
    """Many transactions over few documents, each adding its name to the log of what it puts. Whatever the
    order was, the logs and what was seen of them must fit together."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_histories_are_possible(self, open_store: OpenStore, seed: int) -> None:
        chance = random.Random(seed)
        stores = [await open_store() for _ in range(1 + seed % 2)]
        names = ["a", "b", "c"]
        await add(stores[0], *[Account(id=name) for name in names], Account(id="taken"))
        history = _History()
        plans = [_Plan.draw(chance, f"t{n}", names) for n in range(150)]
        await asyncio.gather(*[history.run(chance.choice(stores), plan) for plan in plans])
        final = await stores[-1].get_many(Account, names)
        history.check({name: final[name].log for name in names})
        for store in stores:
            await store.close()


class _Plan(msgspec.Struct, frozen=True):
    name: str
    reads: list[str]
    puts: list[str]
    locks: list[str]
    pauses: list[int]
    end: str

    @classmethod
    def draw(cls, chance: random.Random, name: str, documents: Sequence[str]) -> "_Plan":
        reads = chance.sample(documents, chance.randint(1, len(documents)))
        changed = [document for document in reads if chance.random() < 0.6]
        locks = [document for document in changed if chance.random() < 0.2]
        puts = [document for document in changed if document not in locks]
        end = chance.choices(["commit", "refuse", "duplicate"], [8, 1, 2])[0]
        return cls(name, reads, puts, locks, [chance.choice([0, 0, 0, 1, 3]) for _ in reads], end)


class _History:
    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []
        self.committed: list[_Plan] = []
        self.failed: set[str] = set()

    async def run(self, store: Store, plan: _Plan) -> None:
        for attempt in range(200):
            name = f"{plan.name}.{attempt}"
            seen: dict[str, list[str]] = {}
            try:
                await self._once(store, plan, name, seen)
            except Conflict:
                self.failed.add(name)
                await asyncio.sleep(0.001 * (attempt % 5))
                continue
            except Duplicate:
                self.failed.add(name)
                return
            except DomainError:
                self.failed.add(name)
            else:
                self.committed.append(msgspec.structs.replace(plan, name=name))
            self.seen += seen.items()  # an answer: what it says must have been, and stay, true
            return
        raise AssertionError(f"{plan.name} never got through")

    async def _once(self, store: Store, plan: _Plan, name: str, seen: dict[str, list[str]]) -> None:
        async with store.begin() as tx:
            accounts = {}
            for document, pauses in zip(plan.reads, plan.pauses, strict=True):
                accounts[document] = await need(tx, document)
                seen[document] = accounts[document].log
                for _ in range(pauses):
                    await asyncio.sleep(0)
            for document in plan.locks:
                tx.lock(accounts[document])
            for document in plan.puts:
                tx.put(replace(accounts[document], log=[*accounts[document].log, name]))
            if plan.end == "duplicate":
                tx.insert(Account(id="taken"))
            if plan.end == "refuse":
                raise StateConflict("no", "No.")

    def check(self, final: dict[str, list[str]]) -> None:
        for document, log in final.items():
            assert sorted(log) == sorted(plan.name for plan in self.committed if document in plan.puts)
            assert not self.failed & set(log)
        for document, log in self.seen:
            assert log == final[document][: len(log)], "somebody was told what never was"
