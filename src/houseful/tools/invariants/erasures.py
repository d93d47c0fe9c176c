"""Erased accounts."""

from collections.abc import Sequence

from houseful.kernel.ports import Store
from houseful.manifests import MANIFESTS
from houseful.tickets.domain.erasures import Erasure, is_erased
from houseful.tickets.domain.gate_staff import GateStaff
from houseful.tickets.domain.order_acts import OrderAct, erased_act
from houseful.tickets.domain.orders import Order
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents
from houseful.users.account_email import AccountEmail
from houseful.users.domain import ErasedAccount, FormerAddress, Session, User
from houseful.users.passkey import AccountPasskeys
from houseful.users.second_factor import SecondFactor
from houseful.webapi.audit import AUDIT_DOCUMENTS, AuditActor

_PAGE = 1000
_AUDITED = frozenset(
    manifest.name for manifest in MANIFESTS if set(AUDIT_DOCUMENTS) <= set(manifest.documents)
)


async def erased_accounts(installation: Installation) -> Snapshot:
    """C17: an erased account is gone, and where its erasure is through, nothing tells whose it was."""
    users, tickets = installation.stores.get("users"), installation.stores.get("tickets")
    violations: list[Violation] = []
    through: list[str] = []
    count = 0
    if users is not None:
        async for account in all_documents(users, ErasedAccount):
            count += 1
            through += [account.id] if account.due_at is None else []
            if left := await _left_in_users(users, account):
                violations.append(Violation("C17", account.id, f"is erased, and there is {', '.join(left)}"))
    if tickets is not None:
        erased = {one.id async for one in all_documents(tickets, Erasure) if one.due_at is None}
        violations += await _left_in_tickets(tickets, erased)
    for name, store in installation.stores.items():
        if name in _AUDITED:
            violations += await _left_in_audit(name, store, through)
    return Snapshot(violations, f"{count:,} erased accounts")


async def _left_in_audit(service: str, store: Store, erased: Sequence[str]) -> list[Violation]:
    """The log knows the account by its id alone."""
    violations = []
    for start in range(0, len(erased), _PAGE):
        actors = await store.get_many(AuditActor, erased[start : start + _PAGE])
        violations += [
            Violation("C17", id, f"is erased, and the audit log of {service} has its address")
            for id, actor in actors.items()
            if actor.addresses
        ]
    return violations


async def _left_in_users(users: Store, account: ErasedAccount) -> list[str]:
    left = ["the account"] if await users.get(User, account.id) is not None else []
    for kind in (SecondFactor, AccountPasskeys):
        left += [f"one of its {kind.collection}"] if await users.get(kind, account.id) is not None else []
    if account.due_at is None:
        left += [
            f"one of its {kind.collection}"
            for kind in (Session, AccountEmail, FormerAddress)
            if await users.find(kind, {"user_id": account.id}, limit=1)
        ]
    return left


async def _left_in_tickets(tickets: Store, erased: set[str]) -> list[Violation]:
    violations = []
    for user_id in sorted(erased):
        after: tuple[int, str] | None = None
        while True:
            page = await tickets.find(Order, {"user_id": user_id}, by="created_at", after=after, limit=_PAGE)
            for order in page:
                if (told := await _told_of(tickets, order)) is not None:
                    violations.append(
                        Violation("C17", order.id, f"{told} its buyer, and the account {user_id} is erased")
                    )
            if len(page) < _PAGE:
                break
            after = (page[-1].created_at, page[-1].id)
    if erased:
        async for staff in all_documents(tickets, GateStaff):
            violations += [
                Violation("C17", staff.id, f"names {member.user_id} for its gate, and the account is erased")
                for member in staff.members
                if member.user_id in erased
            ]
    return violations


async def _told_of(tickets: Store, order: Order) -> str | None:
    if not is_erased(order):
        return "names"
    acts = await tickets.find(OrderAct, {"order_id": order.id}, limit=_PAGE)
    return "has in its history" if any(erased_act(act) != act for act in acts) else None
