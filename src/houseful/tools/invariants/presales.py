"""Presales: access codes and the accounts that have used them."""

from collections import Counter

from houseful.tickets.domain.presales import AccessCode, PresaleAccess
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def uses_of_codes(installation: Installation) -> Snapshot:
    """C18: an access code is used by no more accounts than it may be, and counts each of them."""
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no access codes yet")
    used: Counter[str] = Counter()
    violations = []
    # Accounts first: a code that is used during the snapshot counts more accounts than were seen.
    async for access in all_documents(store, PresaleAccess):
        used.update(access.code_ids)
        if len(set(access.code_ids)) < len(access.code_ids):
            violations.append(Violation("C18", access.id, "has used a code twice"))
    codes = 0
    async for code in all_documents(store, AccessCode):
        codes += 1
        accounts = used.pop(code.id, 0)
        if accounts > code.max_uses or code.uses > code.max_uses:
            most = max(accounts, code.uses)
            violations.append(
                Violation("C18", code.id, f"was used by {most} accounts, and {code.max_uses} may")
            )
        elif accounts > code.uses:
            violations.append(
                Violation("C18", code.id, f"counts {code.uses} uses, and {accounts} accounts have used it")
            )
    violations += [Violation("C18", id, "was used and does not exist") for id in used]
    return Snapshot(violations, f"{codes:,} access codes")
