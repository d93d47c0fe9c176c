import asyncio
import threading
from collections.abc import Awaitable
from typing import Any

import altcha
import pytest
from argon2 import PasswordHasher, extract_parameters

from houseful.kernel.errors import DomainError, Forbidden, Unavailable
from houseful.users.domain import User
from houseful.users.passwords import OWASP, Passwords
from houseful.webapi.problems import status_of
from tests.support.cheap_passwords import CHEAP, USUAL
from tests.unit.users.support import ANN, HERE, PASSWORD, Harness, MakeHarness, identity, login, refused


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


async def test_an_address_without_an_account_costs_the_same_work(make_harness: MakeHarness) -> None:
    hasher = CountingHasher()
    users = make_harness(hasher, rate_limits="off").users
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


async def test_nobody_signs_in_to_no_account(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with the password behind the dummy hash."""
    monkeypatch.setattr(harness.passwords, "_nobody", CHEAP.hash(PASSWORD))
    assert await refused(login(harness.users, "nobody@example.com")) == "bad_credentials"


async def test_old_parameters_are_renewed_at_login(harness: Harness) -> None:
    user = await harness.users.create_user(ANN, PASSWORD, "Ann")
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = harness.another_process(Passwords(harness.ids, hasher=newer))
    session = await login(later)
    after = await harness.store.get(User, user.id)
    assert after is not None
    assert extract_parameters(after.password_hash).memory_cost == 16
    assert after.password_version == user.password_version
    await later.sessions.refresh(session.refresh_token)
    await login(later)


async def test_parallel_logins_with_old_parameters_all_succeed(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = harness.another_process(Passwords(harness.ids, hasher=newer))
    pairs = await asyncio.gather(*(login(later) for _ in range(10)))
    for pair in pairs:
        await later.sessions.refresh(pair.refresh_token)


async def test_parameters_are_those_of_owasp(harness: Harness) -> None:
    hash = await Passwords(harness.ids, hasher=OWASP, workers=1).hash(PASSWORD, whose=HERE)
    assert hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert USUAL is OWASP


async def test_equal_passwords_have_different_hashes(harness: Harness) -> None:
    hashes = [await harness.passwords.hash(PASSWORD, whose=HERE) for _ in range(2)]
    assert hashes[0] != hashes[1]


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


async def test_a_flood_is_told_to_come_again_and_who_left_costs_nothing(harness: Harness) -> None:
    hasher = StuckHasher()
    passwords = Passwords(harness.ids, hasher=hasher, workers=1, most_waiting=4)
    waiting = [asyncio.ensure_future(passwords.verify(PASSWORD, None, whose=HERE)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(DomainError) as refusal:
        await passwords.verify(PASSWORD, None, whose=HERE)
    assert (status_of(refusal.value), refusal.value.code) == (429, "too_busy")
    assert (refusal.value.retry_after_seconds or 0) >= 1
    for impatient in waiting[1:]:
        impatient.cancel()
    await asyncio.gather(*waiting[1:], return_exceptions=True)
    hasher.go.set()
    assert await waiting[0] is False
    assert await passwords.verify(PASSWORD, None, whose=HERE) is False
    assert hasher.done == 2


class WritingHasher(PasswordHasher):
    """Writes down whose turn it is."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.order: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        assert self.go.wait(60)
        self.order.append(str(password))
        return super().verify(hash, password)

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.order.append(str(password))
        return super().hash(password, salt=salt)


async def test_networks_take_turns_and_who_registers_does_not_keep_others_waiting(harness: Harness) -> None:
    hasher = WritingHasher()
    passwords = Passwords(harness.ids, hasher=hasher, workers=1)
    hasher.order.clear()
    wanted: list[Awaitable[Any]] = [passwords.verify("first", None, whose="crowd")]
    wanted += [passwords.hash(f"new {n}", whose="crowd", new_account=True) for n in range(20)]
    wanted += [passwords.verify(f"crowd {n}", None, whose="crowd") for n in range(20)]
    wanted += [passwords.verify(f"family {n}", None, whose="family") for n in range(2)]
    calls = [asyncio.ensure_future(one) for one in wanted]
    await asyncio.sleep(0)
    hasher.go.set()
    await asyncio.gather(*calls)
    assert hasher.order[:6] == ["first", "crowd 0", "family 0", "crowd 1", "family 1", "crowd 2"]
    places = [place for place, who in enumerate(hasher.order) if who.startswith("new")]
    assert sum(place < 22 for place in places) == 2, "one of eight"
    assert len(hasher.order) == 43


async def test_a_turn_is_not_lost_with_who_had_it(harness: Harness) -> None:
    hasher = StuckHasher()
    passwords = Passwords(harness.ids, hasher=hasher, workers=1)
    calls = [asyncio.ensure_future(passwords.verify(PASSWORD, None, whose=HERE)) for _ in range(3)]
    await asyncio.sleep(0)
    passwords._give_turn()  # as the first one does, and in the same turn of the loop the second goes
    calls[1].cancel()
    hasher.go.set()
    assert await asyncio.wait_for(calls[2], 60) is False


# Throttles


async def test_right_passwords_cost_nothing(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for number in range(200):
        await harness.users.create_user(f"u{number}@example.com", PASSWORD, "Ann")
    await asyncio.gather(*(login(harness.users, f"u{number}@example.com") for number in range(200)))
    for _ in range(40):
        await login(harness.users, "u0@example.com")
    await asyncio.gather(*(login(harness.users, "u0@example.com") for _ in range(20)))


async def test_who_guesses_at_one_account_has_ten_attempts_then_one_in_six_seconds(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    for _ in range(10):
        assert await refused(login(harness.users, password="wrong password")) == "bad_credentials"
    with pytest.raises(DomainError) as refusal:
        await login(harness.users, password="wrong password")
    assert (status_of(refusal.value), refusal.value.code) == (429, "too_many_attempts")
    assert 6 <= (refusal.value.retry_after_seconds or 0) <= 12
    await login(harness.users, peer="198.51.100.1")  # the owner, elsewhere
    await harness.clock.advance(6)
    await login(harness.users)


async def test_guesses_from_many_networks_make_the_owner_wait_and_do_not_keep_him_out(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    for number in range(30):
        peer = f"203.0.113.{number // 10}"
        assert await refused(login(harness.users, password="wrong password", peer=peer)) == "bad_credentials"
    owner = asyncio.ensure_future(login(harness.users, peer="198.51.100.1"))
    guesses = [
        asyncio.ensure_future(refused(login(harness.users, password="wrong", peer=f"198.51.100.{number}")))
        for number in range(2, 30)
    ]
    await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
    assert not owner.done()
    while not owner.done():
        await harness.clock.advance(1)
    assert (await owner).user.email == ANN
    while not all(guess.done() for guess in guesses):
        await harness.clock.advance(10)
    codes = [await guess for guess in guesses]
    assert codes.count("too_many_attempts") >= 20


async def test_who_guesses_at_many_accounts_hears_of_it_late_and_keeps_nobody_out(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    for number in range(60):
        assert await refused(login(harness.users, f"u{number}@example.com")) == "bad_credentials"
    late = asyncio.ensure_future(refused(login(harness.users, "late@example.com")))
    while not harness.clock.sleepers:  # noqa: ASYNC110 - the clock tells nobody
        await asyncio.sleep(0.001)
    assert not late.done()
    for _ in range(20):
        await login(harness.users)
    await harness.clock.advance(5)
    assert await late == "bad_credentials"


async def test_a_venue_registers_in_minutes_and_more_than_that_is_work(make_harness: MakeHarness) -> None:
    harness = make_harness()

    async def register(number: int, work: str | None = None) -> None:
        email = f"u{number}@example.com"
        await harness.users.register(email=email, password=PASSWORD, name="Ann", peer=HERE, work=work)

    for number in range(500):
        await register(number)
    with pytest.raises(Forbidden) as refusal:
        await register(500)
    challenge = altcha.Challenge.from_dict(refusal.value.extra["challenge"])
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    work = altcha.Payload(challenge, solution).to_base64()
    assert await refused(register(501, work)) == "proof_of_work_required", "it is another address's"
    await register(500, work)
    await harness.clock.advance(2)
    await register(501)


async def test_one_session_is_not_refreshed_without_end(make_harness: MakeHarness) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    token = (await login(harness.users)).refresh_token
    for _ in range(30):
        token = (await harness.users.sessions.refresh(token)).refresh_token
    assert await refused(harness.users.sessions.refresh(token)) == "too_many_attempts"
    await harness.clock.advance(1)
    await harness.users.sessions.refresh(token)


async def test_parallel_guesses_count(make_harness: MakeHarness) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    codes = await asyncio.gather(*(refused(login(harness.users, password="wrong")) for _ in range(40)))
    assert codes.count("bad_credentials") <= 10
    assert codes.count("too_many_attempts") >= 30


async def test_nobody_is_kept_out_while_coordination_is_away(make_harness: MakeHarness) -> None:
    harness = make_harness()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    await harness.coordination.close()
    with pytest.raises(Unavailable):
        await harness.coordination.take("x", per_second=1, burst=1)
    for _ in range(30):
        await login(harness.users)
    assert await refused(login(harness.users, password="wrong")) == "bad_credentials"


async def test_rehearsals_are_not_throttled(harness: Harness) -> None:
    for _ in range(80):
        assert await refused(login(harness.users)) == "bad_credentials"


async def test_guessing_the_current_password_is_throttled(make_harness: MakeHarness) -> None:
    harness = make_harness()
    who = identity(await harness.users.create_user(ANN, PASSWORD, "Ann"))
    codes = [
        await refused(
            harness.users.password_changes.change(who, current=f"guess {n}", new="the new password")
        )
        for n in range(11)
    ]
    assert codes == ["bad_credentials"] * 10 + ["too_many_attempts"]
