"""What a gate's device fetches: the list for checks without a network, and how the doors do."""

from collections.abc import Sequence

from houseful.tickets import gate_views
from houseful.tickets.check_in_api import not_staff
from houseful.tickets.domain.shows import Show
from houseful.tickets.gate_views import GateListView, GateNameView, GateView
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import GATE, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page


class GateListQuery(Input, frozen=True, kw_only=True):
    """`after` is the `next` of the last answer; without it the list begins anew."""

    after: str | None = None


class GateNamesQuery(Input, frozen=True, kw_only=True):
    cursor: str | None = None


async def gate_list(tickets: Tickets, request: Request, event_id: str, query: GateListQuery) -> GateListView:
    """Which tickets of an event are used, checked out or void; then what has changed."""
    show = await _gate_show(tickets, request, event_id)
    page, next, more = await tickets.gate.listed(show, query.after)
    return gate_views.list_view(page, next, more=more)


async def gate(tickets: Tickets, request: Request, event_id: str) -> GateView:
    """Who came in and went out, by gate and minute, and conflicts of gates without a network."""
    show = await _gate_show(tickets, request, event_id)
    figures = await tickets.gate.figures(show)
    return gate_views.gate_view(show, figures, await tickets.inventory.layout(show.id))


async def gate_names(
    tickets: Tickets, request: Request, event_id: str, query: GateNamesQuery
) -> Page[GateNameView]:
    """Tickets by their buyers' names, for who has no ticket at hand."""
    show = await _gate_show(tickets, request, event_id)
    named, cursor = await tickets.gate.named(show, query.cursor)
    layout = await tickets.inventory.layout(show.id)
    return Page([gate_views.name_view(ticket, name, layout) for ticket, name in named], cursor)


async def _gate_show(tickets: Tickets, request: Request, event_id: str) -> Show:
    show, _, may_scan = await tickets.gate.show(event_id, request.user)
    if not may_scan:
        raise not_staff(show)
    return show


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint("GET", "/api/events/{event_id}/gate", gate, who=GATE),
    Endpoint("GET", "/api/events/{event_id}/gate-list", gate_list, who=GATE),
    Endpoint("GET", "/api/events/{event_id}/gate-names", gate_names, who=GATE),
)
