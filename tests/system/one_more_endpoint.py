"""`python -m tests.system.one_more_endpoint …` is `houseful …` of a later version: the events service has one
endpoint more."""

from dataclasses import replace

from houseful import manifests
from houseful.events.service import EventsService
from houseful.webapi.endpoint import Endpoint

PATH = "/api/events/endpoint-of-a-later-version"


async def one_more(events: EventsService) -> None:
    """One more endpoint."""


if __name__ == "__main__":
    manifests.MANIFESTS = tuple(
        replace(one, endpoints=(*one.endpoints, Endpoint("POST", PATH, one_more)))
        if one.name == "events"
        else one
        for one in manifests.MANIFESTS
    )
    from houseful.cli import main

    main()
