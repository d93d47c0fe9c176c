"""The email about an order, as text and as HTML. Nothing in it is fetched from anywhere."""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from houseful.kernel.money import written
from houseful.messages import Reschedule
from houseful.tickets.documents import event_time
from houseful.tickets.documents.poster import poster_style
from houseful.tickets.domain.emails import shown_name
from houseful.tickets.domain.refund_reasons import clause
from houseful.tickets.domain.shows import Show
from houseful.tickets.schemas import OrderView

if TYPE_CHECKING:  # it takes a while to import, and a start does not need it
    from jinja2 import Template

_PROOF = (
    "Is this address yours, and did you order this? Say so once, and what you order later comes here too. "
    "Else do nothing: nobody can have more letters sent to you."
)


class Written(NamedTuple):
    subject: str
    text: str
    html: str


def compose(
    kind: str,
    show: Show,
    order: OrderView,
    places: list[str],
    link: str,
    *,
    named: bool = True,
    proof: str | None = None,
    move: Reschedule | None = None,
) -> Written:
    """About an order that was confirmed, refunded or returned, or about seats of it that were refunded: then
    its total is theirs. Strangers are not `named`. `proof` is the link
    that proves the address, where that is still to be done. `move` is what a rescheduled event's is about.
    """
    subject, opening = _words(kind, show, order) if move is None else _moved_words(show, move)
    more = [] if move is None else _more_of_move(show, move)
    name = shown_name(order.buyer.name) if named else ""
    greeting = f"Hello {name}" if name else "Hello"
    total, time = written(order.total_minor, order.currency), event_time.local_time(show)
    times = event_time.doors_and_end(show)
    seats = "\n".join(f"  {place}" for place in places)
    text = "".join(f"{paragraph}\n\n" for paragraph in (f"{greeting},", opening, *more))
    text += f"{show.title}\n{time}\n" + (f"{times}\n" if times else "") + f"{show.venue}\n\n{seats}\n\n"
    text += f"Total: {total}\nOrder: {order.id}\n{link}\n"
    if proof is not None:
        text += f"\n{_PROOF}\n{proof}\n"
    html = _template().render(
        subject=subject,
        poster=poster_style(show.id),
        show=show,
        order=order,
        time=time,
        times=times,
        greeting=greeting,
        opening=opening[0].upper() + opening[1:],
        more=more,
        places=places,
        total=total,
        link=link,
        proof=proof,
        proof_words=_PROOF,
    )
    return Written(subject, text, html)


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("houseful.tickets")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("order_email.html")


def _words(kind: str, show: Show, order: OrderView) -> tuple[str, str]:
    """Subject and what happened."""
    money = ""
    if order.total_minor:
        money = f" {written(order.total_minor, order.currency)} is on its way back to you."
    return {
        "confirmed": (
            f"Your tickets: {show.title}",
            "your seats are booked. The tickets are attached; each code admits one person, once.",
        ),
        "refunded": (
            f"Refunded: {show.title}",
            f"{_why(order, 'your order was taken back')}; its tickets are no longer valid.{money}",
        ),
        "part_refunded": (
            f"Some seats refunded: {show.title}",
            "the organizer refunded these seats; their tickets are no longer valid. Your other tickets stay "
            f"valid.{money}",
        ),
        "returned": (
            f"Payment returned: {show.title}",
            f"{_why(order, 'your payment could not be taken')}.{money}",
        ),
    }[kind]


def _moved_words(show: Show, move: Reschedule) -> tuple[str, str]:
    """Subject and what happened: from when and where to when and where."""
    before, after = (event_time.in_words(at, show.timezone) for at in (move.from_starts_at, move.starts_at))
    if move.from_starts_at == move.starts_at:
        subject, moved = f"New place: {show.title}", f"from {move.from_venue} to {move.venue}"
    else:
        place = f", {move.from_venue}," if move.from_venue != move.venue else ""
        new_place = f", {move.venue}" if move.from_venue != move.venue else ""
        subject, moved = f"New date: {show.title}", f"from {before}{place} to {after}{new_place}"
    return subject, f"the event that you have tickets for was moved {moved}."


def _more_of_move(show: Show, move: Reschedule) -> list[str]:
    until = event_time.in_words(move.return_until, show.timezone)
    return [
        f"The organizer says:\n{move.message}",
        "Your tickets stay valid: their codes are the same. They are attached once more, as they are now. If "
        f"that does not suit you, you can return the whole order until {until}: cancel it on its page, and "
        "all that you paid goes back to you.",
    ]


def _why(order: OrderView, otherwise: str) -> str:
    """An order of an older version does not say why."""
    return otherwise if order.reason is None else clause(order.reason)
