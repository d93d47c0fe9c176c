"""The rules: the transition table, cards, and webhooks' attempts."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel.errors import DomainError
from houseful.payments import domain
from houseful.payments.domain import Card, Intent, State
from houseful.payments.webhook_deliveries import DeliveryStatus, tried, webhook
from houseful.webapi.problems import status_of
from tests.unit.payments.harness import ANSWER_LOST, CHALLENGED, DECLINED, GOOD, POOR, SLOW

NOW = 1_800_000_000_000  # January 2027


def intent(state: State = State.UNPAID, **fields: Any) -> Intent:
    paid = 900 if state in (State.AUTHORIZED, State.CAPTURED) else 0
    fields = {
        "authorized_minor": paid,
        "captured_minor": 900 if state is State.CAPTURED else 0,
        "next_at": NOW if state is State.PROCESSING else None,
        "challenge_secret": "s" if state is State.CHALLENGED else None,
    } | fields
    return Intent(
        id="pi_1",
        client_secret="c",
        amount_minor=900,
        currency="EUR",
        reference="ord_1",
        created_at=NOW,
        state=state,
        **fields,
    )


def card(number: str = GOOD, exp: str = "12/40", cvc: str = "123") -> Card:
    return Card(number, exp, cvc)


def confirmed(was: Intent, number: str = GOOD) -> domain.Change:
    return domain.confirm(was, card(number), NOW, 5000, "secret")


PAYABLE = (State.UNPAID, State.CHALLENGED)


@pytest.mark.parametrize(
    ("number", "state", "event", "error"),
    [
        (GOOD, State.AUTHORIZED, "payment_intent.succeeded", None),
        (ANSWER_LOST, State.AUTHORIZED, "payment_intent.succeeded", None),
        (DECLINED, State.UNPAID, "payment_intent.payment_failed", "card_declined"),
        (POOR, State.UNPAID, "payment_intent.payment_failed", "insufficient_funds"),
        ("4000056655665556", State.UNPAID, "payment_intent.payment_failed", "card_declined"),
        (CHALLENGED, State.CHALLENGED, "payment_intent.requires_action", None),
        (SLOW, State.PROCESSING, "payment_intent.processing", None),
    ],
)
@pytest.mark.parametrize("was", PAYABLE)
def test_each_card_does_what_it_is_for(
    was: State, number: str, state: State, event: str, error: str | None
) -> None:
    change = confirmed(intent(was, last_error="card_declined"), number)
    now = change.intent
    assert (now.state, change.event, now.last_error) == (state, event, error)
    assert now.authorized_minor == (900 if state is State.AUTHORIZED else 0)
    assert now.next_at == (NOW + 5000 if state is State.PROCESSING else None)
    assert now.challenge_secret == ("secret" if state is State.CHALLENGED else None)
    assert (now.attempts, now.card_brand, now.card_last4) == (1, "visa", number[-4:])


@pytest.mark.parametrize("was", [State.PROCESSING, State.AUTHORIZED, State.CAPTURED])
@pytest.mark.parametrize("number", [GOOD, DECLINED, SLOW, CHALLENGED])
def test_what_is_paid_stays_as_it_is(was: State, number: str) -> None:
    assert confirmed(intent(was), number) == domain.Change(intent(was))


@pytest.mark.parametrize("number", [GOOD, DECLINED, SLOW, CHALLENGED])
@pytest.mark.parametrize("authorized_minor", [0, 900])
def test_what_is_canceled_is_never_paid(number: str, authorized_minor: int) -> None:
    with pytest.raises(DomainError) as refused:
        confirmed(intent(State.CANCELED, authorized_minor=authorized_minor), number)
    assert (status_of(refused.value), refused.value.code) == (409, "intent_not_payable")


def test_the_table_is_kept_by_every_action() -> None:
    """Each action in each state: what the table has, or nothing changes and it is refused or ignored."""
    actions: dict[domain.Action, Callable[[Intent], domain.Change]] = {
        domain.Action.CAPTURE: domain.capture,
        domain.Action.CANCEL: domain.cancel,
        domain.Action.REFUND: lambda one: domain.refund(one, 900),
    }
    for state in State:
        for action, do in actions.items():
            goal = domain.TRANSITIONS.get((state, action))
            if goal is not None:
                change = do(intent(state))
                assert (change.intent.state, change.event) == (goal, domain.EVENTS[action])
            elif (state, action) == (State.CANCELED, domain.Action.CANCEL):
                assert do(intent(state)) == domain.Change(intent(state))
            else:
                with pytest.raises(DomainError) as refused:
                    do(intent(state))
                assert status_of(refused.value) == 409
                assert refused.value.extra == {"intent_status": domain.STATUS[state]}


def test_no_state_is_without_an_exit_but_the_last_ones() -> None:
    exits = {state for (state, _), goal in domain.TRANSITIONS.items() if goal is not state}
    assert set(State) - exits == {State.CAPTURED, State.CANCELED}


def test_money_is_given_back_by_cancelling_or_refunding() -> None:
    voided = domain.cancel(intent(State.AUTHORIZED)).intent
    assert (voided.voided, voided.open_minor, voided.captured_minor) == (True, 0, 0)
    assert not domain.cancel(intent()).intent.voided
    half = domain.refund(intent(State.CAPTURED), 400).intent
    assert half.refunded_minor == 400
    assert domain.refund(half, 500).intent.refunded_minor == 900
    for amount in (501, 0, -1):
        with pytest.raises(DomainError) as refused:
            domain.refund(half, amount)
        assert (refused.value.code, refused.value.extra) == ("refund_too_large", {"refundable_minor": 500})


def test_a_delayed_payment_settles_when_it_is_due() -> None:
    waiting = intent(State.PROCESSING, next_at=NOW + 1)
    assert domain.settle(waiting, NOW).event is None
    settled = domain.settle(waiting, NOW + 1).intent
    assert (settled.state, settled.next_at, settled.authorized_minor) == (State.AUTHORIZED, None, 900)


def test_a_delayed_payment_that_was_canceled_never_settles() -> None:
    canceled = domain.cancel(intent(State.PROCESSING)).intent
    assert canceled.next_at is None
    assert domain.settle(canceled, NOW + 10**9) == domain.Change(canceled)


def test_the_first_answer_to_a_challenge_counts() -> None:
    approved = domain.challenged(intent(State.CHALLENGED), approved=True, now=NOW).intent
    assert approved.state is State.AUTHORIZED
    assert domain.challenged(approved, approved=False, now=NOW) == domain.Change(approved)
    refused = domain.challenged(intent(State.CHALLENGED), approved=False, now=NOW).intent
    assert (refused.state, refused.last_error) == (State.UNPAID, "authentication_failed")
    assert domain.challenged(refused, approved=True, now=NOW) == domain.Change(refused)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("number", ""),
        ("number", "42424242424"),
        ("number", "4242424242424241"),
        ("number", "4242-4242-4242-4242"),
        ("number", "42424242424242424242"),
        ("number", "４２４２４２４２４２４２４２４２"),
        ("exp", "1/40"),
        ("exp", "13/40"),
        ("exp", "00/40"),
        ("exp", "12-40"),
        ("exp", "12/2040"),
        ("exp", "+1/40"),
        ("exp", "12/26"),
        ("cvc", "12"),
        ("cvc", "12345"),
        ("cvc", "12a"),
        ("cvc", "²²²"),
    ],
)
def test_a_card_that_cannot_be_is_refused_by_field(field: str, wrong: str) -> None:
    assert domain.card_errors(card(), NOW) == {}
    assert set(domain.card_errors(msgspec.structs.replace(card(), **{field: wrong}), NOW)) == {
        f"card.{field}"
    }


def test_a_card_is_good_to_the_end_of_its_month() -> None:
    january_2027 = card(exp="01/27")
    assert domain.card_errors(january_2027, 1_801_439_999_999) == {}
    assert domain.card_errors(january_2027, 1_801_440_000_000) == {
        "card.exp": "is past: the card has expired"
    }


def test_spaces_in_a_number_do_not_matter_and_it_is_never_shown() -> None:
    spaced = card("4000 0000 0000 0341")
    assert domain.card_errors(spaced, NOW) == {}
    assert domain.outcome(spaced).answer_lost
    assert f"{spaced}" == f"{spaced!r}" == "Card(•••• 0341)"
    assert b"4000000000000341" not in msgspec.json.encode(confirmed(intent(), "4000000000000341").intent)


@given(st.from_regex(r"[0-9]{11,18}", fullmatch=True))
def test_luhn_knows_one_digit_in_ten(body: str) -> None:
    assert sum(domain.luhn_holds(body + digit) for digit in "0123456789") == 1


def test_webhook_attempts_back_off_and_end_after_three_days() -> None:
    delivery = webhook("whe_1", "payment_intent.succeeded", intent(), NOW)
    assert delivery.at > NOW, "claimed by whoever made it"
    now, pauses = NOW, []
    while delivery.status is DeliveryStatus.PENDING:
        delivery = tried(delivery, False, now)
        pauses.append(delivery.at - now)
        now = delivery.at
    assert delivery.status is DeliveryStatus.GIVEN_UP
    assert 500 <= pauses[0] <= 1000
    assert 1000 <= pauses[1] <= 2000
    assert max(pauses) <= 300_000
    assert NOW + 3 * 86_400_000 - 300_000 <= now <= NOW + 3 * 86_400_000
    spread = {tried(webhook(f"whe_{n}", "e", intent(), NOW), False, NOW).at for n in range(50)}
    assert len(spread) > 25, "webhooks that failed together do not come back together"


def test_the_webhook_says_how_the_payment_stands() -> None:
    body = msgspec.json.decode(webhook("whe_1", "charge.refunded", intent(State.CAPTURED), NOW).body)
    assert body == {
        "id": "whe_1",
        "type": "charge.refunded",
        "created": "2027-01-15T08:00:00.000Z",
        "data": {
            "intent": {
                "id": "pi_1",
                "reference": "ord_1",
                "status": "succeeded",
                "amount_minor": 900,
                "currency": "EUR",
                "captured_minor": 900,
                "refunded_minor": 0,
                "last_error": None,
                "authorized_at": None,
            }
        },
    }


def test_the_ledger_adds_up_by_reference() -> None:
    ledger: dict[str, domain.Totals] = {}
    half_back = domain.refund(intent(State.CAPTURED), 400).intent
    domain.count_in(
        ledger, [intent(State.AUTHORIZED), half_back, domain.cancel(intent(State.AUTHORIZED)).intent]
    )
    domain.count_in(ledger, [msgspec.structs.replace(intent(), reference="ord_2")])
    assert ledger == {
        "ord_1": domain.Totals(captured_minor=900, refunded_minor=400, open_minor=900),
        "ord_2": domain.Totals(),
    }
