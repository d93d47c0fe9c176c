"""Orders: both tables, and every state that news in any order can lead to."""

from collections.abc import Iterator
from itertools import product

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import SoldSeat
from houseful.tickets.domain import order_notices, orders, refunds
from houseful.tickets.domain.ordered_seats import OrderedSeat
from houseful.tickets.domain.orders import (
    CREATE_MILLIS,
    LATE_MILLIS,
    PAYMENT_TRANSITIONS,
    TRANSITIONS,
    Due,
    Order,
    OrderState,
    PaymentState,
)
from houseful.tickets.domain.refund_reasons import Money, Reason, clause, in_words
from houseful.webapi.problems import status_of

S, P = OrderState, PaymentState
NOW, DEADLINE = 1_000_000, 1_600_000
WHY = Reason.BUYER_CANCELLED

# What the rules say, written down a second time: a row that is added or lost by mistake shows here.
ALLOWED = {
    (S.AWAITING_PAYMENT, S.PROCESSING),
    (S.AWAITING_PAYMENT, S.CONFIRMED),
    (S.AWAITING_PAYMENT, S.EXPIRED),
    (S.AWAITING_PAYMENT, S.CANCELLED),
    (S.AWAITING_PAYMENT, S.REFUNDING),
    (S.PROCESSING, S.AWAITING_PAYMENT),
    (S.PROCESSING, S.CONFIRMED),
    (S.PROCESSING, S.EXPIRED),
    (S.PROCESSING, S.CANCELLED),
    (S.PROCESSING, S.REFUNDING),
    (S.EXPIRED, S.CONFIRMED),
    (S.EXPIRED, S.REFUNDING),
    (S.EXPIRED, S.CANCELLED),
    (S.CANCELLED, S.REFUNDING),
    (S.CONFIRMED, S.REFUNDING),
    (S.REFUNDING, S.REFUNDED),
}
PAYMENT_ALLOWED = {
    (P.NONE, P.OPEN),
    (P.NONE, P.CANCELED),
    (P.OPEN, P.AUTHORIZED),
    (P.OPEN, P.CANCELED),
    (P.AUTHORIZED, P.CAPTURED),
    (P.AUTHORIZED, P.VOIDED),
    (P.CAPTURED, P.REFUNDED),
}

ENDS = {
    (S.CONFIRMED, P.CAPTURED),
    (S.EXPIRED, P.CANCELED),
    (S.CANCELLED, P.CANCELED),
    (S.REFUNDED, P.VOIDED),
    (S.REFUNDED, P.REFUNDED),
}
"""Where an order may come to rest: its money is taken if and only if its seats are sold."""

FREE_ENDS = {(S.CONFIRMED, P.NONE), (S.REFUNDED, P.NONE)}


def placed(total_minor: int = 8000) -> Order:
    return Order(
        id="ord_1",
        event_id="evt_1",
        user_id="usr_1",
        hold_id="hold_1",
        request="key",
        seats=(OrderedSeat(3, "A-4", "Premium", total_minor),),
        total_minor=total_minor,
        currency="EUR",
        buyer_name="Bea",
        buyer_email="bea@example.org",
        created_at=NOW,
        expires_at=DEADLINE,
        look_at=NOW + CREATE_MILLIS,
    )


def waiting() -> Order:
    return orders.intent_made(placed(), "pi_1", "secret")


def sold() -> Order:
    return orders.settled(orders.confirmed(waiting(), NOW), Due.CAPTURE, NOW)


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_of_states_is_in_the_table_or_an_error(before: OrderState, after: OrderState) -> None:
    order = msgspec.structs.replace(placed(), state=before)
    if (before, after) in ALLOWED:
        assert orders.transition(order, after, detail="why").detail == "why"
    else:
        with pytest.raises(ValueError, match=f"{before} can't become {after}"):
            orders.transition(order, after)


@pytest.mark.parametrize(("before", "after"), list(product(P, P)))
def test_every_pair_of_payments_is_in_the_table_or_an_error(
    before: PaymentState, after: PaymentState
) -> None:
    order = msgspec.structs.replace(placed(), payment=before)
    if (before, after) in PAYMENT_ALLOWED:
        assert orders.transition_payment(order, after).payment is after
    else:
        with pytest.raises(ValueError, match=f"{before} can't become {after}"):
            orders.transition_payment(order, after)


def test_the_tables_are_complete_and_every_state_leads_to_an_end() -> None:
    assert set(TRANSITIONS) == set(S)
    assert set(PAYMENT_TRANSITIONS) == set(P)
    assert {state for state in S if not TRANSITIONS[state]} == {S.REFUNDED}
    assert {state for state in P if not PAYMENT_TRANSITIONS[state]} == {P.CANCELED, P.VOIDED, P.REFUNDED}


def of_two_seats() -> Order:
    seats = (OrderedSeat(3, "A-4", "Premium", 5000), OrderedSeat(4, "A-5", "Standard", 3000))
    return msgspec.structs.replace(placed(), seats=seats)


Key = tuple[OrderState, PaymentState, Due | None, bool, tuple[bool, ...]]


def key(order: Order) -> Key:
    parts = tuple(part.is_settled for part in order.part_refunds)
    return order.state, order.payment, order.due, order.look_at is None, parts


def after_any_news(order: Order) -> Iterator[Order]:
    """What everything that can happen to an order makes of it. The conditions are those of the settlement."""
    if orders.needs_intent(order):
        yield orders.intent_made(order, "pi_1", "secret")
    for moment in (NOW, DEADLINE - 1, DEADLINE, DEADLINE + LATE_MILLIS, DEADLINE + 10 * LATE_MILLIS):
        yield orders.expire_unopened(order, moment)
        yield orders.on_deadline(order, moment)
        yield orders.cancelled(order, WHY, moment)
    yield orders.processing(order, NOW)
    yield orders.declined(order, "declined")
    if order.payment is P.OPEN:
        yield orders.intent_ended(order)
        yield orders.returned(order, WHY, NOW)
        if order.state is not S.CANCELLED and order.due is not Due.CANCEL:
            yield orders.confirmed(order, NOW)
    if order.state is S.CONFIRMED and len(order.seats) > 1:
        yield refunds.part_refunded(order, [3], NOW)
    if order.open_part is not None:
        yield refunds.part_settled(order, order.open_part, NOW)
    for done in (Due.CAPTURE, Due.VOID, Due.REFUND, Due.CANCEL):
        yield orders.settled(order, done, NOW)
    yield orders.found_captured(order, NOW)


def explored(*starts: Order) -> tuple[dict[Key, Order], dict[Key, set[Key]]]:
    """Every kind of state that is reachable, one order of each, and what it can become."""
    found = {key(order): order for order in starts}
    ways: dict[Key, set[Key]] = {}
    queue = list(starts)
    while queue:
        order = queue.pop()
        ways[key(order)] = set()
        for changed in after_any_news(order):
            ways[key(order)].add(key(changed))
            if key(changed) not in found:
                found[key(changed)] = changed
                queue.append(changed)
    return found, ways


@pytest.mark.parametrize("start", [placed(), of_two_seats()])
def test_whatever_is_open_has_a_time_to_be_looked_at(start: Order) -> None:
    found, _ = explored(start)
    assert len(found) > 15
    for order in found.values():
        if (order.state, order.payment) not in ENDS or order.due is not None or order.open_part is not None:
            assert order.look_at is not None, order


@pytest.mark.parametrize("start", [placed(), of_two_seats()])
def test_orders_come_to_rest_only_where_money_and_seats_agree(start: Order) -> None:
    found, _ = explored(start)
    assert {(state, payment) for state, payment, _, rests, _ in found if rests} == ENDS
    assert all(due is None and all(settled) for _, _, due, rests, settled in found if rests)
    for order in found.values():
        assert order.total_minor + order.part_refunds_minor == start.total_minor


@pytest.mark.parametrize("start", [placed(), of_two_seats()])
def test_from_everywhere_there_is_a_way_to_an_end(start: Order) -> None:
    found, ways = explored(start)
    good = {one for one in found if one[3]}
    while more := {one for one in found if one not in good and ways[one] & good}:
        good |= more
    assert good == set(found)


def test_no_news_changes_what_has_ended_but_a_cancellation() -> None:
    found, ways = explored(placed())
    for one, order in found.items():
        if one[3]:
            exits = ways[one] - {one}
            assert exits == (
                {key(orders.cancelled(order, WHY, NOW))} if order.state is S.CONFIRMED else set()
            )


def test_a_free_order_needs_no_payment() -> None:
    free = orders.confirmed_free(placed(0), NOW)
    assert (free.state, free.payment, free.due, free.look_at) == (S.CONFIRMED, P.NONE, None, None)
    found, _ = explored(free)
    assert {(order.state, order.payment) for order in found.values()} == FREE_ENDS


def test_the_deadline_is_exact() -> None:
    assert orders.on_deadline(waiting(), DEADLINE - 1) is not None
    assert orders.on_deadline(waiting(), DEADLINE - 1).state is S.AWAITING_PAYMENT
    expired = orders.on_deadline(waiting(), DEADLINE)
    assert (expired.state, expired.look_at) == (S.EXPIRED, DEADLINE + LATE_MILLIS)


def test_an_expired_order_is_payable_for_a_while_then_its_intent_is_ended() -> None:
    expired = orders.on_deadline(waiting(), DEADLINE)
    assert orders.on_deadline(expired, DEADLINE + LATE_MILLIS - 1) is expired
    ending = orders.on_deadline(expired, DEADLINE + LATE_MILLIS)
    assert ending.due is Due.CANCEL
    ended = orders.settled(ending, Due.CANCEL, NOW)
    assert (ended.state, ended.payment, ended.look_at) == (S.EXPIRED, P.CANCELED, None)
    assert orders.confirmed(expired, DEADLINE + 5).state is S.CONFIRMED


def test_an_order_whose_payment_never_opened_lapses_and_is_still_settled_with_the_gateway() -> None:
    lapsed = orders.expire_unopened(placed(), DEADLINE)
    assert (lapsed.state, lapsed.due) == (S.EXPIRED, Due.CREATE)
    assert orders.expire_unopened(placed(), DEADLINE - 1).state is S.AWAITING_PAYMENT
    made = orders.intent_made(lapsed, "pi_1", "secret")
    assert (made.due, made.look_at) == (None, DEADLINE + LATE_MILLIS)  # nobody cancelled it: it is only late
    cancelled = orders.intent_made(orders.cancelled(lapsed, WHY, NOW), "pi_1", "secret")
    assert (cancelled.state, cancelled.due) == (S.CANCELLED, Due.CANCEL)


def test_the_bank_decides_while_it_thinks() -> None:
    thinking = orders.processing(waiting(), NOW)
    later = orders.on_deadline(thinking, DEADLINE + 10 * LATE_MILLIS)
    assert later.state is S.PROCESSING
    assert later.look_at is not None
    assert later.look_at > DEADLINE + 10 * LATE_MILLIS


def test_late_news_changes_nothing() -> None:
    assert orders.processing(sold(), NOW) == sold()
    assert orders.declined(sold(), "no") == sold()
    assert orders.settled(sold(), Due.CAPTURE, NOW) == sold()
    assert orders.settled(sold(), Due.REFUND, NOW) == sold()


def test_a_decline_is_told_and_may_be_tried_again() -> None:
    declined = orders.declined(waiting(), "card_declined")
    assert (declined.state, declined.detail, declined.look_at) == (
        S.AWAITING_PAYMENT,
        "card_declined",
        DEADLINE,
    )
    again = orders.declined(orders.processing(waiting(), NOW), "card_declined")
    assert (again.state, again.look_at) == (S.AWAITING_PAYMENT, DEADLINE)
    assert orders.confirmed(again, NOW).detail is None


def test_a_capture_on_its_way_is_settled_before_it_is_refunded() -> None:
    cancelled = orders.cancelled(orders.confirmed(waiting(), NOW), WHY, NOW)
    assert (cancelled.state, cancelled.due) == (S.REFUNDING, Due.CAPTURE)
    captured = orders.settled(cancelled, Due.CAPTURE, NOW)
    assert (captured.due, captured.look_at) == (Due.REFUND, NOW)
    assert orders.settled(captured, Due.REFUND, NOW).state is S.REFUNDED


def test_cancelling_twice_is_once() -> None:
    for order in (placed(), waiting(), sold()):
        cancelled = orders.cancelled(order, WHY, NOW)
        assert orders.cancelled(cancelled, WHY, NOW + 1) is cancelled


def test_pauses_grow_to_five_minutes_and_no_further() -> None:
    order = waiting()
    pauses = []
    for _ in range(40):
        order = orders.postpone(order, NOW)
        assert order.look_at is not None
        pauses.append(order.look_at - NOW)
    assert pauses[:4] == [5_000, 10_000, 20_000, 40_000]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300_000


@pytest.mark.parametrize(
    ("due", "status", "captured", "refunded", "done"),
    [
        (Due.CAPTURE, "succeeded", 0, 0, False),
        (Due.CAPTURE, "succeeded", 5, 0, True),
        (Due.VOID, "succeeded", 0, 0, False),
        (Due.VOID, "canceled", 0, 0, True),
        (Due.CANCEL, "requires_payment_method", 0, 0, False),
        (Due.CANCEL, "canceled", 0, 0, True),
        (Due.REFUND, "succeeded", 5, 0, False),
        (Due.REFUND, "succeeded", 5, 5, True),
        (Due.REFUND_PART, "succeeded", 5, 0, False),
        (Due.REFUND_PART, "succeeded", 5, 2, True),
        (Due.CREATE, "requires_payment_method", 0, 0, True),
    ],
)
def test_what_a_refusal_may_mean_has_been_done_already(
    due: Due, status: str, captured: int, refunded: int, done: bool
) -> None:
    assert orders.is_done(due, status, captured, refunded) is done
    assert not orders.is_done(Due.REFUND_PART, "succeeded", 5, 2, paid_back_minor=2)


def test_a_part_that_went_back_is_told_of_once() -> None:
    bought = orders.settled(
        orders.confirmed(orders.intent_made(of_two_seats(), "pi_1", "secret"), NOW), Due.CAPTURE, NOW
    )
    part = refunds.part_refunded(bought, [3], NOW)
    assert (part.due, part.look_at, part.total_minor) == (Due.REFUND_PART, NOW, 3000)
    settled = refunds.part_settled(part, 0, NOW)
    assert (settled.due, settled.look_at, settled.paid_back_minor) == (None, None, 5000)
    assert refunds.part_settled(settled, 0, NOW) is settled


def test_until_when_a_buyer_may_cancel() -> None:
    refunds.check_cancel(sold(), refundable_until=NOW, used=False, now=NOW - 1)
    for used, now in ((True, NOW - 1), (False, NOW)):
        with pytest.raises(DomainError) as refusal:
            refunds.check_cancel(sold(), refundable_until=NOW, used=used, now=now)
        assert (status_of(refusal.value), refusal.value.code) == (409, "cancel_closed")
    refunds.check_cancel(waiting(), refundable_until=0, used=False, now=NOW)  # nothing to give back yet
    refunded = orders.cancelled(sold(), WHY, NOW)
    refunds.check_cancel(refunded, refundable_until=0, used=True, now=NOW)  # it is on its way already


def test_only_what_is_open_or_confirmed_can_be_cancelled() -> None:
    found, _ = explored(placed())
    for order in found.values():
        assert orders.can_be_cancelled(order) is (orders.cancelled(order, WHY, NOW) is not order)


def test_messages_tell_the_frozen_prices() -> None:
    seats = (SoldSeat(seat_id="A-4", category="Premium", price_minor=8000),)
    confirmation = order_notices.confirmation(sold(), 77)
    assert (confirmation.confirmed_at, confirmation.total_minor, confirmation.seats) == (77, 8000, seats)
    refund = order_notices.refund_notice(orders.cancelled(sold(), Reason.EVENT_CANCELLED, NOW), 78)
    assert (refund.refunded_at, refund.total_minor, refund.seats) == (78, 8000, seats)
    assert refund.reason == "event_cancelled"
    returned = order_notices.return_notice(orders.returned(waiting(), Reason.SEATS_GONE, NOW), 79)
    assert (returned.order_id, returned.returned_at, returned.total_minor) == ("ord_1", 79, 8000)
    assert returned.reason == "seats_gone"


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_words_of_its_own(reason: Reason) -> None:
    assert sum(clause(other) == clause(reason) for other in Reason) == 1
    assert clause(reason)[1:] in in_words(reason)
    assert "money" not in in_words(reason, Money.NONE)
