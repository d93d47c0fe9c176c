"""The order desk's acts as the audit log shows them: what a note says stays in the order's history."""

from houseful.tickets.domain.order_acts import STAFF, Act, OrderAct
from houseful.webapi.audit import AuditEntry, Detail, History, Lookup

_WITH_REASON = frozenset({Act.SEATS_REFUNDED, Act.REFUNDED, Act.CANCELLED})


def _entry(act: OrderAct) -> AuditEntry | None:
    if act.actor not in STAFF:
        return None
    details: dict[str, Detail] = {}
    if act.act in _WITH_REASON:
        details = {"reason": act.text, "seats": len(act.seats), "amount_minor": act.amount_minor}
    elif act.act is Act.LET_IN:
        details = {"reason": act.text}
    elif act.email_kind:
        details = {"email_kind": act.email_kind}
    return AuditEntry(
        id=act.id,
        at=act.at,
        actor_id=act.user_id,
        role=act.actor,
        act=f"order.{act.act}",
        object=f"order:{act.order_id}",
        details=details,
        request_id=act.request_id,
    )


def _of_object(object: str) -> Lookup | None:
    kind, _, order_id = object.partition(":")
    return Lookup({"order_id": order_id}) if kind == "order" else None


ORDER_ACTS = History(
    OrderAct,
    all=Lookup({}, "staff_at"),
    of_actor=lambda user_id: Lookup({"staff_id": user_id}, "staff_at"),
    of_object=_of_object,
    entry=_entry,
)
