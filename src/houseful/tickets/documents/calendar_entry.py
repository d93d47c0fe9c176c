"""The event's date for a buyer's calendar, as an iCalendar object."""

from datetime import UTC, datetime

from houseful.kernel.documents import Millis
from houseful.kernel.ports import CalendarDate
from houseful.tickets.documents.event_time import doors_and_end
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.tickets import TicketState
from houseful.tickets.schemas import TicketView


def calendar_entry(
    show: Show,
    order_id: str,
    tickets: list[TicketView],
    organizer: str,
    now: Millis,
    *,
    moved: str | None = None,
) -> CalendarDate:
    """iCalendar (RFC 5545, 5546), in UTC so that every calendar shows the right moment. Tickets that are all
    taken back cancel the date that was told before; `tickets` has one at least. Each reschedule raises the
    sequence; `moved` says in words from where.
    """
    import icalendar

    cancelled = show.state is ShowState.CANCELLED or all(
        ticket.status is TicketState.REFUNDED for ticket in tickets
    )
    method = "CANCEL" if cancelled else "PUBLISH"
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Houseful//Tickets//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    entry = icalendar.Event()
    starts_at = datetime.fromtimestamp(show.starts_at / 1000, UTC)
    entry.add("uid", f"{order_id}@houseful")
    latest = show.latest_reschedule
    entry.add("sequence", (0 if latest is None else latest.number) + cancelled)
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    entry.add("organizer", f"mailto:{organizer}")
    entry.add("dtstamp", datetime.fromtimestamp(now / 1000, UTC))
    entry.add("dtstart", starts_at)
    entry.add("dtend", datetime.fromtimestamp(show.is_over_at / 1000, UTC))
    entry.add("summary", show.title)
    entry.add("location", show.venue)
    entry.add(
        "description",
        "\n".join([*(ticket.seat.label for ticket in tickets), *filter(None, (doors_and_end(show), moved))]),
    )
    calendar.add_component(entry)
    return CalendarDate(method=method, content=bytes(calendar.to_ical()))
