"""Routes as data: a gateway follows what the services offer, and refuses what can't be."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.gateway import InternalIngress, ManagementEndpoints, RouteRenewal, Routing
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceResponse
from houseful.manifests import MANIFESTS
from houseful.settings import Settings
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.responses import EVENT_STREAM
from houseful.webapi.routes import ROUTES_PATH, Rate, Route, RouteOffer
from tests.unit.gateway.harness import Harness, Recorder, endpoint

THINGS = (Route("GET", "/api/things/{thing_id}"),)
OTHERS = (Route("GET", "/api/others"),)
MORE = (*THINGS, Route("POST", "/api/things/{thing_id}/parts", needs_account=True, rate=Rate(1, 2)))


class Offering:
    """A service's answer at `/routes`."""

    def __init__(self, body: object = None, status: int = 200) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.away = False

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        assert (method, path) == ("GET", ROUTES_PATH)
        if self.away:
            raise Unavailable("nobody is there")
        return ServiceResponse(self.status, {}, self.body)


def offer(routes: object = MORE, **changes: object) -> dict[str, object]:
    return {"format": 1, "services": {"things": routes}} | changes


@pytest.fixture
def routing() -> Routing:
    return Routing({"things": (Recorder(), THINGS), "others": (Recorder(), OTHERS)})


async def renewed(routing: Routing, *offers: Offering) -> None:
    for one in offers:
        await RouteRenewal(routing, {"things": one}, ManualClock()).renew()


async def test_a_service_with_one_more_endpoint_is_reached_through_the_same_gateway() -> None:
    harness = Harness()
    front = harness.gateway(endpoint("GET", "/api/things/{thing_id}"))
    assert (await front.call("POST", "/api/things/1/parts")).status == 404
    await renewed(harness.routing, Offering(offer()))
    assert (await front.call("POST", "/api/things/1/parts")).status == 200
    assert harness.recorder.scopes[-1]["path"] == "/api/things/1/parts"
    assert (await front.call("GET", "/api/things/1")).status == 200
    await renewed(harness.routing, Offering(offer(THINGS)))
    assert (await front.call("POST", "/api/things/1/parts")).status == 404


async def test_what_a_service_offers_is_what_a_gateway_in_its_process_knows() -> None:
    for manifest in MANIFESTS:
        ingress = InternalIngress(
            {manifest.name: (Recorder(), manifest.routes)},
            settings=Settings(),
            management=ManagementEndpoints([], {}),
        )
        routing = Routing({manifest.name: (Recorder(), ())})
        await RouteRenewal(routing, {manifest.name: AsgiClient(ingress)}, ManualClock()).renew()
        assert not routing.replace(manifest.name, manifest.routes), "it knows them already"


def test_all_services_fit_together() -> None:
    Routing({one.name: (Recorder(), one.routes) for one in MANIFESTS})


@pytest.mark.parametrize(
    ("declared", "route"),
    [
        ({}, Route("GET", "/api/x")),
        ({"who": USER, "rate": Rate(5, 20)}, Route("GET", "/api/x", needs_account=True, rate=Rate(5, 20))),
        ({"public": False}, Route("GET", "/api/x", public=False)),
        ({"media_type": EVENT_STREAM}, Route("GET", "/api/x", streams=True)),
    ],
)
def test_a_route_is_its_endpoints(declared: dict[str, Any], route: Route) -> None:
    one: Endpoint = endpoint("GET", "/api/x", **declared)
    assert one.route == route
    assert msgspec.json.decode(msgspec.json.encode(route), type=Route) == route


async def test_fields_of_a_later_version_are_ignored(routing: Routing) -> None:
    later = {"method": "GET", "path": "/api/things/new", "needs_account": True, "colour": "red"}
    await renewed(routing, Offering(offer([later], since="tomorrow")))
    assert routing.find("/api/things/new") is not None
    assert routing.find("/api/things/1") is None


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Offering(offer([Route("GET", "/api/others")])), "two routes for GET /api/others"),
        (Offering(offer([Route("GET", "/api/things"), Route("GET", "/api/things")])), "two routes"),
        (Offering(offer([Route("GET", "/metrics")])), "paths of services begin with"),
        (Offering(offer([Route("TRACE", "/api/things")])), "no method of a service"),
        (Offering(offer([Route("GET", "/api/things", rate=Rate(0, 1))])), "a rate has to let"),
        (Offering(offer(format=2)), "format is 2; this gateway reads 1"),
        (Offering({"format": 1, "services": {"others": []}}), "routes of others only"),
        (Offering({"services": {}}), "missing required field `format`"),
        (Offering(b"<html>"), "malformed"),
        (Offering(offer(), status=500), "the answer is 500"),
    ],
)
async def test_an_offer_that_can_not_be_changes_nothing_and_is_logged_once(
    routing: Routing, caplog: pytest.LogCaptureFixture, bad: Offering, why: str
) -> None:
    renewal = RouteRenewal(routing, {"things": bad}, ManualClock())
    with caplog.at_level(logging.WARNING):
        await renewal.renew()
        await renewal.renew()
    [record] = [one for one in caplog.records if one.message == "routes refused"]
    assert record.__dict__["service"] == "things"
    assert why in record.__dict__["error"]
    assert routing.find("/api/things/1") is not None
    found = routing.find("/api/others")
    assert found is not None
    assert found["GET"].service == "others"


async def test_services_of_the_version_before_and_those_that_are_away_keep_their_routes(
    routing: Routing, caplog: pytest.LogCaptureFixture
) -> None:
    away = Offering(offer())
    away.away = True
    await renewed(routing, Offering(offer()), away, Offering({"code": "no_such_path"}, status=404))
    assert routing.find("/api/things/1/parts") is not None
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


async def test_an_offer_names_the_services_of_the_process() -> None:
    ingress = InternalIngress(
        {"things": (Recorder(), THINGS), "others": (Recorder(), OTHERS)},
        settings=Settings(),
        management=ManagementEndpoints([], {}),
    )
    response = await AsgiClient(ingress).request("GET", ROUTES_PATH)
    assert msgspec.json.decode(response.body, type=RouteOffer) == RouteOffer(
        1, {"things": THINGS, "others": OTHERS}
    )


async def test_clients_do_not_see_what_services_offer() -> None:
    front = Harness().gateway()
    reply = await front.call("GET", ROUTES_PATH)
    assert b"services" not in reply.content
