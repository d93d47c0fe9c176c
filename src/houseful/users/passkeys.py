"""Passkeys: made by who is signed in, named, removed, and used in the place of a password or of a code."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from houseful.kernel.errors import Duplicate, StateConflict, Unauthenticated, not_found
from houseful.kernel.network_addresses import network
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users import webauthn_ceremonies as ceremonies
from houseful.users.account_email import Kind
from houseful.users.domain import User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.login_attempts import Attempts, account_digest
from houseful.users.passkey import (
    PASSKEYS_MOST,
    AccountPasskeys,
    Challenge,
    Challenges,
    Passkey,
    RelyingParty,
    UsedChallenge,
    challenge_invalid,
    use_challenge,
)
from houseful.users.password_changes import PasswordChanges, wrong_current
from houseful.users.second_factors import SecondFactors

T = TypeVar("T")

SIGN_IN = "sign in"
_PURGE_BATCH = 500

Credential = dict[str, Any]
"""An answer of a browser, in WebAuthn's own JSON."""


class Passkeys:
    def __init__(
        self,
        store: Store,
        party: RelyingParty,
        challenges: Challenges,
        password_changes: PasswordChanges,
        second_factors: SecondFactors,
        outbox: EmailOutbox,
        attempts: Attempts,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self.party = party
        self._store = store
        self._challenges = challenges
        self._password_changes = password_changes
        self._second_factors = second_factors
        self._outbox = outbox
        self._attempts = attempts
        self._clock = clock
        self._ids = ids

    async def of(self, user_id: str) -> tuple[Passkey, ...]:
        return (await self._of(user_id)).passkeys

    async def _of(self, user_id: str) -> AccountPasskeys:
        return await self._store.get(AccountPasskeys, user_id) or AccountPasskeys(id=user_id)

    async def begin(self, who: Identity, current_password: str, factor_code: str | None) -> dict[str, Any]:
        """What a browser is to be told to make a passkey. It signs in without a code, so making one takes a
        code where there is a second factor. Raises `Forbidden`, `LimitReached`, `StateConflict`."""
        self.party.check()
        user = await self._password_changes.verify_current(who, current_password)
        existing = await self.of(user.id)
        _check_room(existing)
        await self._second_factors.check_owner(user.id, factor_code)
        challenge = self._challenges.new(_making(who, user), self._clock.now())
        return await asyncio.to_thread(
            ceremonies.creation_options,
            self.party,
            challenge,
            user_id=user.id,
            email=user.email,
            name=user.name,
            existing=existing,
        )

    async def add(self, who: Identity, name: str, credential: Credential) -> Passkey:
        """Raises `StateConflict`, `Invalid`."""
        self.party.check()
        now = self._clock.now()
        known = await self._store.get(User, who.user_id)
        if known is None:
            raise not_found("user")
        answered = ceremonies.answered_challenge(credential)
        challenge = self._challenges.read(_making(who, known), answered, now)
        made = await asyncio.to_thread(ceremonies.verify_new, self.party, answered, credential)
        passkey = Passkey(
            id=self._ids.new("psk"),
            name=name.strip(),
            credential=made.credential,
            public_key=made.public_key,
            sign_count=made.sign_count,
            synced=made.synced,
            created_at=now,
        )

        async def work(tx: Transaction) -> Passkey:
            user = await tx.get(User, who.user_id)
            if user is None or user.password_version != known.password_version:
                raise wrong_current()
            tx.lock(user)  # what takes passkeys off puts or deletes the user, so that one of the two fails
            await use_challenge(tx, challenge)
            before = await tx.get(AccountPasskeys, user.id)
            passkeys = before.passkeys if before is not None else ()
            _check_room(passkeys)
            after = AccountPasskeys(id=user.id, passkeys=(*passkeys, passkey))
            if before is None:
                tx.insert(after)
            else:
                tx.put(after)
            self._outbox.queue(tx, Kind.PASSKEY_ADDED, user.email, user_id=user.id)
            return passkey

        return await self._used_once(work)

    async def rename(self, who: Identity, passkey_id: str, name: str) -> Passkey:
        """Raises `NotFound`."""

        async def work(tx: Transaction) -> Passkey:
            found = await tx.get(AccountPasskeys, who.user_id)
            if found is None:
                raise not_found("passkey")
            renamed = replace(found.by_id(passkey_id), name=name.strip())
            tx.put(found.with_passkey(renamed))
            return renamed

        return await self._store.transact(work)

    async def remove(self, who: Identity, passkey_id: str, current_password: str) -> None:
        """It signs nobody in any more. Raises `Forbidden`, `LimitReached`, `NotFound`."""
        user = await self._password_changes.verify_current(who, current_password)

        async def work(tx: Transaction) -> None:
            found = await tx.get(AccountPasskeys, user.id)
            if found is None:
                raise not_found("passkey")
            removed = found.by_id(passkey_id)
            left = tuple(one for one in found.passkeys if one.id != removed.id)
            if left:
                tx.put(replace(found, passkeys=left))
            else:
                tx.delete(found)
            self._outbox.queue(tx, Kind.PASSKEY_REMOVED, user.email, user_id=user.id)

        await self._store.transact(work)

    async def sign_in_options(self) -> dict[str, Any]:
        """The same for everybody. Raises `StateConflict` where browsers have no passkeys for us."""
        self.party.check()
        challenge = self._challenges.new(SIGN_IN, self._clock.now())
        return await asyncio.to_thread(ceremonies.request_options, self.party, challenge)

    async def owner(self, credential: Credential, peer: str, *, expected: str | None = None) -> User:
        """Whose passkey has answered; of `expected` alone, where an account is named. Raises
        `Unauthenticated` (`passkey_wrong`), whatever is wrong about it; `StateConflict`
        (`challenge_invalid`), `Invalid`, `LimitReached`."""
        self.party.check()
        answered = ceremonies.answered_challenge(credential)
        challenge = self._challenges.read(SIGN_IN, answered, self._clock.now())
        user_id = _user_id(credential)
        owner: User | None = None

        async def verify() -> bool:
            nonlocal owner
            if expected is None or expected == user_id:
                owner = await self._verified(user_id, answered, challenge, credential)
            return owner is not None

        if not await self._attempts.judge(f"passkey:{account_digest(user_id)}", network(peer), verify):
            raise Unauthenticated(
                "passkey_wrong", "This passkey does not sign in here. Use another one, or the password."
            )
        assert owner is not None, "no passkey verifies without an account"
        return owner

    async def _verified(
        self, user_id: str, answered: bytes, challenge: Challenge, credential: Credential
    ) -> User | None:
        known = (await self._of(user_id)).by_credential(credential["id"])
        if known is None:
            return None
        sign_count = await asyncio.to_thread(ceremonies.verify_use, self.party, answered, known, credential)
        if sign_count is None:
            return None
        now = self._clock.now()

        async def work(tx: Transaction) -> User | None:
            user = await tx.get(User, user_id)
            found = await tx.get(AccountPasskeys, user_id)
            current = found.by_credential(known.credential) if found is not None else None
            if user is None or found is None or current is None or current.sign_count != known.sign_count:
                return None  # it was removed, or used, while we verified
            await use_challenge(tx, challenge)
            tx.put(found.with_passkey(replace(current, sign_count=sign_count, last_used_at=now)))
            return user

        return await self._used_once(work)

    async def _used_once(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        try:
            return await self._store.transact(work)
        except Duplicate as error:  # another request used the challenge at this moment
            raise challenge_invalid() from error

    async def purge_expired(self) -> int:
        """Delete a batch of used challenges that have expired; how many."""
        old = await self._store.find(
            UsedChallenge, {}, by="expires_at", until=self._clock.now(), limit=_PURGE_BATCH
        )

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(UsedChallenge, [one.id for one in old])
            for one in found.values():
                tx.delete(one)
            return len(found)

        return await self._store.transact(work) if old else 0


def _making(who: Identity, user: User) -> str:
    """The purpose of a challenge for a new passkey: of this session, under this password."""
    return f"new passkey of {user.id}, {who.session_id}, {user.password_version}"


def _user_id(credential: Credential) -> str:
    """Whose a passkey says it is; nobody's where that is no text."""
    handle: str = credential["response"].get("userHandle") or ""
    try:
        return base64.urlsafe_b64decode(f"{handle}==").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _check_room(existing: tuple[Passkey, ...]) -> None:
    if len(existing) >= PASSKEYS_MOST:
        raise StateConflict(
            "passkeys_most", f"An account can have {PASSKEYS_MOST} passkeys. Remove one that you do not use."
        )
