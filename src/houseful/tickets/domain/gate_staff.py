"""Who may scan for an event.

Its organizer and administrators always. As soon as its organizer has named gate staff, nobody else but those;
as long as nobody is named, every gate account of the installation, since its operator made them.
"""

from typing import ClassVar

import msgspec

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import StateConflict, not_found
from houseful.kernel.roles import Identity, Role
from houseful.tickets.domain.shows import Show

MOST_STAFF = 200


class Member(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    email: str
    name: str
    added_at: Millis


class GateStaff(Document, frozen=True, kw_only=True):
    """The accounts that an event's organizer has named; `id` is the event's."""

    collection: ClassVar[str] = "gate_staff"

    members: tuple[Member, ...] = ()


def may_scan(who: Identity, show: Show, staff: GateStaff | None) -> bool:
    if is_supervisor(who, show):
        return True
    if staff is not None and staff.members:
        return any(member.user_id == who.user_id for member in staff.members)
    return who.has(Role.GATE)


def is_supervisor(who: Identity, show: Show) -> bool:
    return who.has(Role.ADMIN) or who.user_id == show.organizer_id


def named(staff: GateStaff, member: Member) -> GateStaff:
    """Naming somebody again changes nothing. Raises `StateConflict` for more than can be."""
    if any(one.user_id == member.user_id for one in staff.members):
        return staff
    if len(staff.members) >= MOST_STAFF:
        raise StateConflict("too_many_staff", f"An event has at most {MOST_STAFF} gate accounts.")
    return msgspec.structs.replace(staff, members=(*staff.members, member))


def without(staff: GateStaff, user_id: str) -> GateStaff:
    """Raises `NotFound` for somebody who is not named."""
    members = tuple(one for one in staff.members if one.user_id != user_id)
    if len(members) == len(staff.members):
        raise not_found("member")
    return msgspec.structs.replace(staff, members=members)
