"""Why money goes back, in one place, so that an order, a message and a letter all say the same."""

from enum import Enum, StrEnum


class Reason(StrEnum):
    """Each is decided by whoever gives the money back, from what is so at that moment; none is guessed
    later from the order's state.
    """

    SEATS_GONE = "seats_gone"
    OFF_SALE = "off_sale"
    TOO_LATE = "too_late"
    ORDER_CANCELLED = "order_cancelled"
    BUYER_CANCELLED = "buyer_cancelled"
    ORGANIZER_REFUNDED = "organizer_refunded"
    EVENT_CANCELLED = "event_cancelled"
    WRONG_AMOUNT = "wrong_amount"
    BUYER_LIMIT = "buyer_limit"


_WORDS = {
    Reason.SEATS_GONE: "your payment came after the seats had gone",
    Reason.OFF_SALE: "your payment came after the organizer had taken these seats off sale",
    Reason.TOO_LATE: "your payment came long after the time in which this order could be paid",
    Reason.ORDER_CANCELLED: "this order was cancelled before your payment arrived",
    Reason.BUYER_CANCELLED: "you cancelled this order",
    Reason.ORGANIZER_REFUNDED: "the organizer refunded this order",
    Reason.EVENT_CANCELLED: "the event was cancelled",
    Reason.WRONG_AMOUNT: "the amount paid was not the amount of this order",
    Reason.BUYER_LIMIT: "your payment came late, when you had all the seats that one buyer may have",
}


def clause(reason: Reason) -> str:
    """For the middle of a sentence."""
    return _WORDS[reason]


class Money(Enum):
    """What is said of it."""

    NONE = ""
    COMING = " The money is on its way back to you."
    BACK = " The money has gone back to you."


def in_words(reason: Reason, money: Money = Money.COMING) -> str:
    """For whoever looks at the order."""
    words = _WORDS[reason]
    return f"{words[0].upper()}{words[1:]}.{money.value}"
