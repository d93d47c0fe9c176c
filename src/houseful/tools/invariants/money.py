"""Money: payments, and the orders that they pay for."""

from collections import defaultdict

from houseful.kernel.documents import Millis
from houseful.payments.domain import Intent, State
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents

_LOST = frozenset({Reason.SEATS_GONE, Reason.TOO_LATE, Reason.OFF_SALE})


async def payments_in_time(installation: Installation) -> Snapshot:
    """C16: whoever paid in time has the seats. No payment that the gateway authorised before the deadline of
    its order, by the gateway's clock, was given back as too late or ended with the order.
    """
    tickets, payments = installation.stores.get("tickets"), installation.stores.get("payments")
    if tickets is None or payments is None:
        return Snapshot([], "no payments yet")
    authorized_at: dict[str, Millis] = {}
    async for intent in all_documents(payments, Intent):
        if intent.authorized_at is not None:
            authorized_at[intent.id] = intent.authorized_at
    violations = []
    async for order in all_documents(tickets, Order):
        at = authorized_at.get(order.intent_id or "")
        if at is None or at >= order.expires_at:
            continue
        ended = order.state is OrderState.EXPIRED and order.payment is not PaymentState.OPEN
        if ended or order.reason in _LOST:
            early = order.expires_at - at
            violations.append(
                Violation(
                    "C16",
                    order.id,
                    f"its payment {order.intent_id} was authorised {early} ms before its deadline, and it is "
                    f"{order.state}: {order.reason or 'nobody paid in time'}",
                )
            )
    return Snapshot(violations, f"{len(authorized_at):,} authorised payments")


async def money(installation: Installation) -> Snapshot:
    """C2: captured − refunded = the totals of confirmed orders. What went back in part is not in a total.

    No authorisation stays open unsettled, and no cancelled order has a payment that could still be made.
    """
    intents: dict[str, list[Intent]] = defaultdict(list)
    orders: dict[str, Order] = {}
    if (store := installation.stores.get("payments")) is not None:
        async for intent in all_documents(store, Intent):
            intents[intent.reference].append(intent)
    if (store := installation.stores.get("tickets")) is not None:
        async for order in all_documents(store, Order):
            orders[order.id] = order
    violations = []
    kept_minor = 0
    for order_id in orders.keys() | intents.keys():
        own = intents.get(order_id, [])
        kept_minor += sum(intent.captured_minor - intent.refunded_minor for intent in own)
        found = _unknown_payment(own) if order_id not in orders else _payment(orders[order_id], own)
        if found:
            violations.append(Violation("C2", order_id, "; ".join(found)))
    return Snapshot(
        violations,
        f"{len(orders):,} orders, {sum(map(len, intents.values())):,} payments, {kept_minor} minor units",
    )


def _unknown_payment(intents: list[Intent]) -> list[str]:
    """Other merchants may use the processor too. A payment for a missing order of ours is lost money."""
    return [
        f"{intent.id} took {intent.captured_minor - intent.refunded_minor} for an order that does not exist"
        for intent in intents
        if intent.captured_minor != intent.refunded_minor and intent.reference.startswith("ord_")
    ]


def _payment(order: Order, intents: list[Intent]) -> list[str]:
    wrong = []
    kept = sum(intent.captured_minor - intent.refunded_minor for intent in intents)
    if len(intents) > 1:
        wrong.append(f"has {len(intents)} payments: {', '.join(intent.id for intent in intents)}")
    others = [intent.id for intent in intents if order.intent_id is not None and intent.id != order.intent_id]
    if others:
        wrong.append(f"is paid by {order.intent_id}, and there is {', '.join(others)} for it too")
    if order.intent_id is not None and not intents:
        wrong.append(f"its payment {order.intent_id} does not exist")
    settled = order.due is None
    due_minor = _totals_while_parts_go_back(order)
    open_minor = sum(intent.open_minor for intent in intents)
    if order.state is OrderState.CONFIRMED:
        if kept != order.total_minor and settled:
            wrong.append(f"is confirmed for {order.total_minor} and {kept} were taken")
        if not settled and kept not in (0, *due_minor):
            wrong.append(f"is confirmed for {order.total_minor} and {kept} were taken so far")
        if not settled and kept + open_minor not in due_minor:
            wrong.append(
                f"is confirmed for {order.total_minor}, {kept} were taken and {open_minor} are reserved"
            )
    elif settled and kept != 0:
        wrong.append(f"is {order.state} and {kept} were taken and not given back")
    elif not settled and kept not in (0, *due_minor):
        wrong.append(f"is {order.state} for {order.total_minor} and {kept} were taken")
    if settled and open_minor and order.payment not in (PaymentState.OPEN, PaymentState.NONE):
        wrong.append(f"is {order.state}, its payment {order.payment}, and {open_minor} are still reserved")
    if settled and order.state is OrderState.CANCELLED:
        payable = [intent.id for intent in intents if intent.state not in (State.CANCELED, State.CAPTURED)]
        wrong += [f"is cancelled and its payment {id} can still be paid" for id in payable]
    return wrong


def _totals_while_parts_go_back(order: Order) -> tuple[int, ...]:
    """What may be kept for an order: its total and the parts that are still to go back, with or without the
    one that is asked for now.
    """
    open_minor = order.part_refunds_minor - order.paid_back_minor
    next_minor = 0 if order.open_part is None else order.part_refunds[order.open_part].amount_minor
    return (order.total_minor + open_minor, order.total_minor + open_minor - next_minor)
