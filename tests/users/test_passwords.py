import asyncio
import threading
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from houseful.common.errors import Refusal, Unavailable
from houseful.users.domain import User
from houseful.users.passwords import OWASP, Passwords
from tests.users.support import ANN, CHEAP, HERE, PASSWORD, MakeWorld, World, identity, login, refused


class CountingHasher(PasswordHasher):
    """How many hashes were computed: what the time of an answer is made of."""

    def __init__(self) -> None:
        self.count = 0
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.count += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.count += 1
        return super().verify(hash, password)


async def test_an_address_without_an_account_costs_the_same_work(make_world: MakeWorld) -> None:
    hasher = CountingHasher()
    users = make_world(hasher, rate_limits="off").users
    costs = []
    for email in (ANN, ANN, "bob@example.com"):
        before = hasher.count
        await users.register(email=email, password=PASSWORD, name="Ann", peer=HERE)
        costs.append(hasher.count - before)
    for email in (ANN, "nobody@example.com", "not an address", ""):
        before = hasher.count
        assert await refused(login(users, email, "wrong password")) == "bad_credentials"
        costs.append(hasher.count - before)
    assert costs == [1] * 7


async def test_nobody_signs_in_to_no_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with the password behind the dummy hash."""
    monkeypatch.setattr(world.passwords, "_nobody", CHEAP.hash(PASSWORD))
    assert await refused(login(world.users, "nobody@example.com")) == "bad_credentials"


async def test_old_parameters_are_renewed_at_login(world: World) -> None:
    user = await world.users.create_user(ANN, PASSWORD, "Ann")
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = world.another_process(Passwords(world.ids, hasher=newer))
    session = await login(later)
    after = await world.store.get(User, user.id)
    assert after is not None
    assert extract_parameters(after.password_hash).memory_cost == 16
    assert after.password_version == user.password_version
    await later.refresh(session.refresh_token)
    await login(later)


async def test_parallel_logins_with_old_parameters_all_succeed(world: World) -> None:
    await world.users.create_user(ANN, PASSWORD, "Ann")
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = world.another_process(Passwords(world.ids, hasher=newer))
    pairs = await asyncio.gather(*(login(later) for _ in range(10)))
    for pair in pairs:
        await later.refresh(pair.refresh_token)


async def test_parameters_are_those_of_owasp(world: World) -> None:
    hash = await Passwords(world.ids, hasher=OWASP, workers=1).hash(PASSWORD)
    assert hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_equal_passwords_have_different_hashes(world: World) -> None:
    assert await world.passwords.hash(PASSWORD) != await world.passwords.hash(PASSWORD)


class StuckHasher(PasswordHasher):
    """Hashes when it is let."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.done = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        assert self.go.wait(60)
        self.done += 1
        return super().verify(hash, password)


async def test_a_flood_is_told_to_come_again_and_who_left_costs_nothing(world: World) -> None:
    hasher = StuckHasher()
    passwords = Passwords(world.ids, hasher=hasher, workers=1, most_waiting=5)
    waiting = [asyncio.ensure_future(passwords.verify(PASSWORD, None)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refusal:
        await passwords.verify(PASSWORD, None)
    assert (refusal.value.status, refusal.value.code) == (429, "too_busy")
    assert int(refusal.value.headers["retry-after"]) >= 1
    for impatient in waiting[1:]:
        impatient.cancel()
    await asyncio.gather(*waiting[1:], return_exceptions=True)
    hasher.go.set()
    assert await waiting[0] is False
    assert await passwords.verify(PASSWORD, None) is False
    assert hasher.done == 2


# Throttles


async def test_an_account_has_ten_attempts_then_one_in_six_seconds(make_world: MakeWorld) -> None:
    world = make_world()
    await world.users.create_user(ANN, PASSWORD, "Ann")
    for number in range(10):
        peer = f"203.0.113.{number}"
        assert await refused(login(world.users, password="wrong password", peer=peer)) == "bad_credentials"
    with pytest.raises(Refusal) as refusal:
        await login(world.users)
    assert (refusal.value.status, refusal.value.code) == (429, "too_many_attempts")
    assert refusal.value.headers["retry-after"] == "6"
    await world.clock.advance(6)
    await login(world.users)


async def test_an_address_has_ten_failures_over_all_accounts(make_world: MakeWorld) -> None:
    world = make_world()
    for number in range(10):
        assert await refused(login(world.users, f"u{number}@example.com")) == "bad_credentials"
    assert await refused(login(world.users, "u10@example.com")) == "too_many_attempts"
    await world.users.create_user(ANN, PASSWORD, "Ann")
    for _ in range(20):
        assert await refused(login(world.users)) == "too_many_attempts"
    await login(world.users, peer="198.51.100.1")  # and the account's own bucket has not suffered from it


async def test_a_venue_full_of_people_signs_in_behind_one_address(make_world: MakeWorld) -> None:
    world = make_world()
    for number in range(50):
        await world.users.create_user(f"u{number}@example.com", PASSWORD, "Ann")
    for number in range(50):
        await login(world.users, f"u{number}@example.com")


async def test_parallel_guesses_count(make_world: MakeWorld) -> None:
    world = make_world()
    await world.users.create_user(ANN, PASSWORD, "Ann")
    codes = await asyncio.gather(*(refused(login(world.users, password="wrong")) for _ in range(40)))
    assert codes.count("bad_credentials") <= 10
    assert codes.count("too_many_attempts") >= 30


async def test_nobody_is_kept_out_while_coordination_is_away(make_world: MakeWorld) -> None:
    world = make_world()
    await world.users.create_user(ANN, PASSWORD, "Ann")
    await world.coordination.close()
    with pytest.raises(Unavailable):
        await world.coordination.take("x", per_second=1, burst=1)
    for _ in range(30):
        await login(world.users)
    assert await refused(login(world.users, password="wrong")) == "bad_credentials"


async def test_rehearsals_are_not_throttled(world: World) -> None:
    for _ in range(80):
        assert await refused(login(world.users)) == "bad_credentials"


async def test_guessing_the_current_password_is_throttled(make_world: MakeWorld) -> None:
    world = make_world()
    who = identity(await world.users.create_user(ANN, PASSWORD, "Ann"))
    codes = [
        await refused(world.users.change_password(who, current=f"guess {n}", new="the new password"))
        for n in range(11)
    ]
    assert codes == ["bad_credentials"] * 10 + ["too_many_attempts"]
