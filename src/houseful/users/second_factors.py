"""A second factor for signing in: codes of an authenticator app (TOTP), and recovery codes."""

from typing import NamedTuple

import pyotp
from msgspec.structs import replace

from houseful.kernel.errors import DomainError, Forbidden, StateConflict, Unauthenticated
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users.account_email import Kind
from houseful.users.domain import User
from houseful.users.email_outbox import EmailOutbox
from houseful.users.login_attempts import FACTOR_CODES, Attempts
from houseful.users.passkey import AccountPasskeys
from houseful.users.password_changes import PasswordChanges
from houseful.users.second_factor import FactorKeys, SecondFactor, step_of

_ISSUER = "Houseful"


class Enrolment(NamedTuple):
    """What an authenticator app is told, as text and as the URI of a QR code."""

    secret: str
    uri: str


class SecondFactors:
    def __init__(
        self,
        store: Store,
        keys: FactorKeys,
        password_changes: PasswordChanges,
        outbox: EmailOutbox,
        attempts: Attempts,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._keys = keys
        self._password_changes = password_changes
        self._outbox = outbox
        self._attempts = attempts
        self._clock = clock
        self._ids = ids

    async def of(self, user_id: str) -> SecondFactor | None:
        """The one that counts."""
        factor = await self._store.get(SecondFactor, user_id)
        return factor if factor is not None and factor.confirmed_at is not None else None

    async def begin(self, who: Identity, current_password: str) -> Enrolment:
        """It does not count before a code confirms it. Raises `Forbidden`, `LimitReached`,
        `StateConflict`."""
        user = await self._password_changes.verify_current(who, current_password)
        new = SecondFactor(id=user.id, nonce=self._ids.new("fac"), created_at=self._clock.now())

        async def work(tx: Transaction) -> None:
            factor = await tx.get(SecondFactor, user.id)
            if factor is None:
                tx.insert(new)
            elif factor.confirmed_at is None:
                tx.put(new)
            else:
                raise StateConflict("second_factor_on", "The account has a second factor. Remove it first.")

        await self._store.transact(work)
        secret = self._keys.secret(new)
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=_ISSUER))

    async def confirm(self, who: Identity, code: str) -> list[str]:
        """From here on signing in needs it. The recovery codes, which nobody is told again.
        Raises `Forbidden`, `StateConflict`, `LimitReached`."""
        await self._attempts.take(f"factor:{who.user_id}", FACTOR_CODES)
        now = self._clock.now()

        async def work(tx: Transaction) -> list[str]:
            user = await tx.get(User, who.user_id)
            factor = await tx.get(SecondFactor, who.user_id)
            if user is None or factor is None or factor.confirmed_at is not None:
                raise StateConflict("no_second_factor", "There is no second factor to confirm. Begin again.")
            step = step_of(self._keys.secret(factor), _typed(code), now)
            if step is None:
                raise _wrong("code")
            codes = self._keys.recovery_codes(factor)
            digests = tuple(self._keys.recovery_digest(factor, one) for one in codes)
            tx.put(replace(factor, confirmed_at=now, last_step=step, recovery=digests))
            self._outbox.queue(tx, Kind.SECOND_FACTOR_ON, user.email, user_id=user.id)
            return codes

        return await self._store.transact(work)

    async def remove(self, who: Identity, current_password: str, code: str) -> None:
        """Raises `Forbidden`, `LimitReached`. Where there is none, nothing happens."""
        user = await self._password_changes.verify_current(who, current_password)
        factor = await self.of(user.id)
        if factor is None:
            return
        if not await self._takes(factor, code):
            raise _wrong("code")

        async def work(tx: Transaction) -> None:
            current = await tx.get(SecondFactor, user.id)
            if current is not None and current.nonce == factor.nonce:
                tx.delete(current)
                self._outbox.queue(tx, Kind.SECOND_FACTOR_OFF, user.email, user_id=user.id)

        await self._store.transact(work)

    async def check(self, user_id: str, code: str | None) -> None:
        """For who has shown the password. Raises `Unauthenticated` (`second_factor_required` without a code,
        which says whether there is a passkey; `second_factor_wrong`) where the account has a second factor,
        and `LimitReached`."""
        factor = await self.of(user_id)
        if factor is None:
            return
        if code is None:
            raise Unauthenticated(
                "second_factor_required",
                "Type the code of your authenticator app, or a recovery code: send it as second_factor_code.",
                passkey=await self._store.get(AccountPasskeys, user_id) is not None,
            )
        if not await self._takes(factor, code):
            wrong = {"second_factor_code": "is not right."}
            raise Unauthenticated("second_factor_wrong", "The code is not right.", errors=wrong)

    async def check_owner(self, user_id: str, code: str | None) -> None:
        """As `check`, for who is signed in: with the same codes raises `Forbidden`. Raises `LimitReached`."""
        try:
            await self.check(user_id, code)
        except Unauthenticated as error:
            raise Forbidden(error.code, error.detail, errors=error.errors) from error

    async def _takes(self, factor: SecondFactor, code: str) -> bool:
        """Whether it is a code of this factor, and was not used before; it is now."""
        await self._attempts.take(f"factor:{factor.id}", FACTOR_CODES)
        now = self._clock.now()

        async def work(tx: Transaction) -> bool:
            current = await tx.get(SecondFactor, factor.id)
            if current is None or current.nonce != factor.nonce:
                return False
            step = step_of(self._keys.secret(current), _typed(code), now)
            if step is not None and step > current.last_step:
                tx.put(replace(current, last_step=step))
                return True
            digest = self._keys.recovery_digest(current, code)
            if digest not in current.recovery:
                return False
            left = tuple(one for one in current.recovery if one != digest)
            tx.put(replace(current, recovery=left))
            return True

        return await self._store.transact(work)


def _typed(code: str) -> str:
    return "".join(code.split())


def _wrong(field: str) -> DomainError:
    return Forbidden("second_factor_wrong", "The code is not right.", errors={field: "is not right."})
