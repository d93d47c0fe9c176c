"""`python -m tests.system.one_more_endpoint …` is `houseful …` of a later version: the events service has one
endpoint more."""

from houseful.cli import main
from houseful.events import MANIFEST
from houseful.events.service import EventsService
from houseful.webapi.endpoint import Endpoint

PATH = "/api/events/endpoint-of-a-later-version"


async def one_more(events: EventsService) -> None:
    """One more endpoint."""


if __name__ == "__main__":
    more = (*MANIFEST.endpoints, Endpoint("POST", PATH, one_more))
    object.__setattr__(MANIFEST, "endpoints", more)  # it is frozen, and known to modules by then
    main()
