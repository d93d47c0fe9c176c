"""Installations that an earlier version made are opened by the present one, and nothing of them is lost."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.compatibility import sample
from tests.contract.mongo_engine import mongo_url
from tests.support.live_server import LiveServer
from tests.system.command_line import run_houseful
from tests.system.outside_client import Client

__all__ = ["mongo_url"]

Start = Callable[..., LiveServer]


def _signed_in(url: str, email: str, password: str) -> Client:
    client = Client(url)
    client.login(email, password)
    return client


def _works(start: Start, data: Path, known: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """People sign in, orders stand as they stood, tickets admit once, and what was on sale goes on."""
    password = known["password"]
    server = start(data=data, **settings)
    organizer = _signed_in(server.url, "oda@example.org", password)
    _signed_in(server.url, "ada@example.org", password).get("/api/users")
    for event_id, state in known["events"].items():
        organizer.event_that_is(event_id, state)
    for event in organizer.items("/api/events?mine=true"):
        found = organizer.items(f"/api/events?mine=true&q={quote(event['title'].upper())}")
        assert event["id"] in {one["id"] for one in found}
    for email, orders in known["orders"].items():
        buyer = _signed_in(server.url, email, password)
        assert {order["id"] for order in buyer.items("/api/orders")} == set(orders)
        for order_id, status in orders.items():
            buyer.order_that_is(order_id, status)
    gate = _signed_in(server.url, "gus@example.org", password)
    evening = known["evening"]
    said = {
        name: gate.scan(known[name], name, event_id=evening)["result"] for name in ("used", "unused", "void")
    }
    assert said == {"used": "already_used", "unused": "admitted", "void": "refunded"}
    assert gate.scan(known["unused"], "once more", event_id=evening)["result"] == "already_used"

    desk = f"/api/events/{evening}/orders"
    listed = {order["id"] for order in organizer.items(desk)}
    assert len(listed) > 3
    assert {order["id"] for order in organizer.items(f"{desk}?q=BEA%40exam")} == listed
    assert {organizer.get(f"{desk}/{id}")["history"][0]["event"] for id in listed} == {"placed"}

    bea = _signed_in(server.url, "bea@example.org", password)
    bought = bea.buy(evening, seats=["C-4"])
    shown = next(ticket["code"] for ticket in bea.tickets(bought["id"]))
    assert gate.scan(shown, "new", event_id=evening)["result"] == "admitted"
    not_used = list(known["orders"]["bea@example.org"])[1]
    bea.cancel(not_used).ok()
    bea.order_that_is(not_used, "refunded")
    organizer.call("POST", f"/api/events/{evening}/blocked-seats", {"unblock": ["B-10"]}).ok(204)
    bea.buy(evening, seats=["B-10"])
    bea.buy(evening, seats=["B-3"])  # its hold has lapsed
    drafts = (event_id for event_id, state in known["events"].items() if state == "draft")
    for draft in drafts:
        organizer.call("POST", f"/api/events/{draft}/publish").ok(202)
        organizer.event_that_is(draft, "on_sale")
    checked = run_houseful(["check"], {"HOUSEFUL_DATA": str(data), **settings})
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert server.stop() == 0
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("name", sample.names())
def test_a_data_folder(name: str, live: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    sample.unpack(sample.SAMPLES / name / "sqlite.tar.xz", data)
    _works(live, data, sample.knowledge(name)["sqlite"], {})


@pytest.mark.parametrize("name", sample.names())
def test_a_mongodb(name: str, live: Start, tmp_path: Path, mongo_url: str) -> None:
    data, installation = tmp_path / "data", f"s{uuid.uuid4().hex[:12]}"
    sample.unpack(sample.SAMPLES / name / "mongodb-folder.tar.xz", data)
    sample.restore(sample.SAMPLES / name / "mongodb.tar.xz", mongo_url, installation)
    settings = {"HOUSEFUL_STORE_URL": mongo_url, "HOUSEFUL_INSTALLATION": installation}
    _works(live, data, sample.knowledge(name)["mongodb"], settings)
