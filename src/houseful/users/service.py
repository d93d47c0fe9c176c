"""What the users service does: one method per use case, each one transaction."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from houseful.kernel import email_addresses
from houseful.kernel.documents import Millis
from houseful.kernel.errors import (
    Duplicate,
    Unauthenticated,
    Unavailable,
    not_found,
)
from houseful.kernel.network_addresses import network
from houseful.kernel.ports import Clock, Coordination, Ids, Mailer, ServiceClient, Store, Transaction
from houseful.kernel.roles import Identity, Role
from houseful.kernel.telemetry import get_logger
from houseful.settings import Secrets, Settings
from houseful.users import domain
from houseful.users.account_email import Kind, Links
from houseful.users.accounts import Accounts, check_admin, keep_admins
from houseful.users.address_changes import AddressChanges
from houseful.users.audit_trail import AuditTrail
from houseful.users.domain import User
from houseful.users.email_outbox import EMAILS_AT_ONCE, EmailOutbox
from houseful.users.erasures import ERASED_AT_ONCE, Erasures
from houseful.users.exports import Exports
from houseful.users.login_attempts import (
    EMAILS_TO_ADDRESS,
    Attempts,
    address_bucket,
)
from houseful.users.passkey import Challenges, RelyingParty, take_off_passkeys
from houseful.users.passkeys import Passkeys
from houseful.users.password_changes import PasswordChanges
from houseful.users.passwords import Passwords
from houseful.users.revocations import Endings
from houseful.users.second_factor import FactorKeys, take_off
from houseful.users.second_factors import SecondFactors
from houseful.users.sessions import Sessions
from houseful.users.sign_ins import SignIns
from houseful.users.tokens import AccessTokens, RefreshCookie, RefreshTokens
from houseful.users.verification import Verification
from houseful.webapi.audit import COMMAND_LINE, Actor, AuditLog, actor_of
from houseful.webapi.idempotency import purge_expired
from houseful.webapi.manifest import Platform
from houseful.webapi.proof_of_work import REGISTRATION, ProofOfWork
from houseful.webapi.revoked_tokens import Ending

log = get_logger(__name__)

_DUPLICATES_AT_MOST = 5
_FORGET_PAUSE_SECONDS = 3600.0


class Registered(NamedTuple):
    id: str
    email: str
    name: str


class Users:
    """The use cases. Safe to be called concurrently, and by several processes on one store."""

    def __init__(
        self,
        *,
        settings: Settings,
        secrets: Secrets,
        store: Store,
        coordination: Coordination,
        clock: Clock,
        ids: Ids,
        mailer: Mailer,
        client: ServiceClient,
        passwords: Passwords | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._audit = AuditLog(clock, ids)
        limited = settings.rate_limits == "on"
        self._attempts = Attempts(coordination, clock, limited=limited)
        self._work = ProofOfWork(secrets.raw("session_key"), coordination, clock, limited=limited)
        self._passwords = passwords or Passwords(ids)
        self._access = AccessTokens(secrets.raw("token_key"), seconds=settings.access_token_seconds)
        refresh = RefreshTokens(secrets.raw("session_key"))
        self._endings = Endings(store, coordination, clock)
        self.sessions = Sessions(store, self._access, refresh, self._endings, self._attempts, clock, ids)
        self.accounts = Accounts(store, clock, ids)
        self.cookie = RefreshCookie(settings.base_url)
        links = Links(secrets.raw("session_key"))
        self.email_outbox = EmailOutbox(
            store, self.accounts, mailer, links, clock, ids, base_url=settings.base_url
        )
        self.password_changes = PasswordChanges(
            store,
            self.accounts,
            self._passwords,
            self.email_outbox,
            links,
            self._endings,
            self._attempts,
            clock,
        )
        self.address_changes = AddressChanges(
            store, self.password_changes, self.email_outbox, links, self._endings, self._attempts, clock
        )
        self.second_factors = SecondFactors(
            store,
            FactorKeys(secrets.raw("session_key")),
            self.password_changes,
            self.email_outbox,
            self._attempts,
            clock,
            ids,
        )
        self.passkeys = Passkeys(
            store,
            RelyingParty.at(settings.base_url),
            Challenges(secrets.raw("session_key"), ids),
            self.password_changes,
            self.second_factors,
            self.email_outbox,
            self._attempts,
            clock,
            ids,
        )
        self.sign_ins = SignIns(
            store,
            self.accounts,
            self._passwords,
            self.second_factors,
            self.passkeys,
            self.sessions,
            self._attempts,
            clock,
            ids,
            session_days=settings.session_days,
        )
        self.erasures = Erasures(
            store,
            client,
            self.password_changes,
            self.second_factors,
            self.email_outbox,
            self._endings,
            clock,
        )
        self.audit_trail = AuditTrail(client)
        self.exports = Exports(store, client, self._attempts, clock)
        self.verification = Verification(store, self.email_outbox, links, self._attempts, clock)

    @classmethod
    def build(cls, platform: Platform) -> "Users":
        return cls(
            settings=platform.settings,
            secrets=platform.secrets,
            store=platform.store,
            coordination=platform.coordination,
            clock=platform.clock,
            ids=platform.ids,
            mailer=platform.mailer,
            client=platform.client,
        )

    def now(self) -> Millis:
        return self._clock.now()

    @property
    def published_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) that verifies access tokens."""
        return self._access.published

    async def register(
        self, *, email: str, password: str, name: str, peer: str, work: str | None = None
    ) -> Registered:
        """A new account, and an email to verify its address. Where the address has an account already, the
        answer looks the same and takes as long; nothing is changed, and the email says so.

        `work` is the solution of a challenge. Raises `Invalid` by field, `Forbidden`
        (`proof_of_work_required`).
        """
        found, name = email_addresses.address(email), domain.person(name)
        password = domain.new_password(password, found.email)
        origin = network(peer)
        await self._work.require(REGISTRATION, found.key, peer=peer, solution=work)
        hash = await self._passwords.hash(password, whose=origin, new_account=True)
        user = self.accounts.new(found, name, hash)
        writes = await self._attempts.allows(address_bucket(found.key), EMAILS_TO_ADDRESS)
        known = await self.accounts.by_address(found.key)
        reserved = known is None and await self.accounts.holder(found.key) is not None

        async def write(tx: Transaction) -> None:
            is_new = known is None and not reserved
            if is_new:
                tx.insert(user)
            if writes:  # as much is written of a reserved address, of which nobody is told
                kind = Kind.VERIFY if is_new else Kind.ALREADY_REGISTERED
                whose = known or user
                self.email_outbox.queue(tx, kind, whose.email, user_id="" if reserved else whose.id)

        try:
            await self._store.transact(write)
        except Duplicate:  # somebody registered it just now, and gets the email
            log.info("registration of an address that has an account")
        return Registered(user.id, user.email, user.name)

    async def me(self, who: Identity) -> User:
        """Raises `Unauthenticated` where the token is of another installation's user."""
        user = await self._store.get(User, who.user_id)
        if user is None:
            raise Unauthenticated("token_invalid", "This access token's user does not exist.")
        return user

    async def gate_account(self, email: str) -> User:
        """Raises `NotFound` where no account with the role gate has this address."""
        user = await self.accounts.by_address(email_addresses.searched(email))
        if user is None or Role.GATE not in user.roles:
            raise not_found("account")
        return user

    async def set_roles(self, user_id: str, roles: Iterable[Role], *, by: Identity) -> User:
        """The user's access tokens end; the next refresh gives one with these roles. Raises
        `NotFound`;
        `StateConflict` where an admin would lose the own role, so that there is always one left;
        `Forbidden` where who asks is no admin any more, whatever the access token still says."""
        roles = list(roles)

        async def work(tx: Transaction) -> tuple[User, list[Ending]]:
            await check_admin(tx, by)
            user = await tx.get(User, user_id)
            if user is None:
                raise not_found("user")
            after = domain.with_roles(user, roles)
            tx.put(after)
            await keep_admins(tx, after, by=by.user_id)
            await self._record_roles(tx, actor_of(by), user, after)
            return after, self._ended_by(tx, user, after)

        after, ended = await self._store.transact(work)
        await self._endings.tell(*ended)
        return after

    async def _record_roles(self, tx: Transaction, by: Actor, before: User, after: User) -> None:
        if before.roles != after.roles:
            was: list[str] = list(before.roles)
            now: list[str] = list(after.roles)
            await self._audit.record(
                tx, by, "account.roles_changed", f"account:{after.id}", before=was, after=now
            )

    def _ended_by(self, tx: Transaction, before: User, after: User) -> list[Ending]:
        same = before.tokens_version == after.tokens_version
        return [] if same else [self._endings.of_user(tx, after)]

    async def create_user(self, email: str, password: str, name: str, roles: Iterable[Role] = ()) -> User:
        """For the operator: the account with at least these roles and this password, new or not.

        An account that exists keeps its name; where its password is another one, all its sessions end. Its
        address counts as verified. Raises `Invalid`.
        """
        found, roles = email_addresses.address(email), list(roles)
        password = domain.new_password(password, found.email)
        hash = await self._passwords.hash(password, whose=found.key)
        new = domain.with_roles(self.accounts.new(found, domain.person(name), hash), roles)
        new = domain.verified(new, self._clock.now())
        for _ in range(_DUPLICATES_AT_MOST):
            known = await self.accounts.by_address(found.key)
            try:
                if known is None:
                    return await self._add(new)
                same = await self._passwords.verify(password, known.password_hash, whose=found.key)
                return await self._raise(known, roles, new.password_hash, same_password=same)
            except Duplicate:
                continue  # somebody registered the address, or became the first admin, just now
        raise Unavailable(f"accounts come and go too fast to make one for {found.email}")

    async def _add(self, new: User) -> User:
        async def work(tx: Transaction) -> User:
            tx.insert(new)
            await keep_admins(tx, new, by=None)
            roles: list[str] = list(new.roles)
            await self._audit.record(tx, COMMAND_LINE, "account.created", f"account:{new.id}", roles=roles)
            return new

        return await self._store.transact(work)

    async def _raise(self, known: User, roles: Iterable[Role], hash: str, *, same_password: bool) -> User:
        async def work(tx: Transaction) -> tuple[User, list[Ending]]:
            user = await tx.get(User, known.id)
            if user is None:
                raise not_found("user")
            after = domain.verified(domain.with_roles(user, (*user.roles, *roles)), self._clock.now())
            if not same_password or user.password_version != known.password_version:
                after = domain.with_password(after, hash, self._clock.now())
                # The operator helps who has lost everything, the account to somebody else included.
                had_factor = await take_off(tx, after.id)
                passkeys = await take_off_passkeys(tx, after.id)
                await self._audit.record(
                    tx,
                    COMMAND_LINE,
                    "account.password_set",
                    f"account:{user.id}",
                    second_factor_removed=had_factor,
                    passkeys_removed=passkeys,
                )
                self.email_outbox.queue(tx, Kind.PASSWORD_CHANGED, after.email, user_id=after.id)
            tx.put(after)
            await keep_admins(tx, after, by=None)
            await self._record_roles(tx, COMMAND_LINE, user, after)
            return after, self._ended_by(tx, user, after)

        after, ended = await self._store.transact(work)
        await self._endings.tell(*ended)
        return after

    async def ended_tokens(self, since: Millis) -> list[Ending]:
        """What ended access tokens since then, as long as it matters."""
        return await self._endings.since(since)

    async def purge_expired(self) -> None:
        """The job; until cancelled."""
        while True:
            while (
                await self.sessions.purge_expired()
                or await self._endings.purge_expired()
                or await self.email_outbox.purge_expired()
                or await self.address_changes.purge_expired()
                or await self.passkeys.purge_expired()
                or await purge_expired(self._store, self._clock)
            ):
                pass
            await self._clock.sleep(_FORGET_PAUSE_SECONDS)

    async def erase_accounts(self) -> None:
        """The job; until cancelled."""
        while True:
            if self._settings.sweepers == "off" or await self.erasures.erase_due() < ERASED_AT_ONCE:
                await self._clock.sleep(self._settings.sweep_seconds)

    async def send_emails(self) -> None:
        """The job; until cancelled."""
        while True:
            if self._settings.sweepers == "off" or await self.email_outbox.send_due() < EMAILS_AT_ONCE:
                await self._clock.sleep(self._settings.sweep_seconds)
