"""deploy/debezium: what stands in for the relay makes the records that the relay would.

docs/outbox-debezium.md says with which versions it was tried on real engines; this keeps the file in step
with the code.
"""

import json
from typing import Any

from houseful.adapters.kafka.records import headers_of
from houseful.adapters.mongodb.outbox import OUTBOX, stored_message
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Envelope
from houseful.messages import AvailabilityChanged
from houseful.settings import SERVICES, Settings
from tests.unit.deploy.files import text

SERVICE = "tickets"
_TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def connector() -> dict[str, str]:
    loaded = json.loads(text(f"deploy/debezium/{SERVICE}.json"))
    assert set(loaded) == {"name", "config"}
    assert all(isinstance(value, str) for value in loaded["config"].values())
    return dict(loaded["config"])


def transform(name: str) -> dict[str, str]:
    start = f"transforms.{name}."
    return {key.removeprefix(start): value for key, value in connector().items() if key.startswith(start)}


def placed() -> list[tuple[str, str, str]]:
    """(field, "header" or "envelope", name) of each."""
    listed = transform("outbox")["collection.fields.additional.placement"].split(",")
    return [(field, place, name) for field, place, name in (one.split(":") for one in listed)]


def row() -> dict[str, Any]:
    message = AvailabilityChanged(event_id="evt_1", sold_out=True)
    return stored_message(message, _TRACE, SystemClock(), SystemIds())


def test_every_field_that_it_names_is_in_the_outbox() -> None:
    outbox = transform("outbox")
    names = {value for key, value in outbox.items() if key.startswith("collection.field.")}
    assert names | {field for field, _, _ in placed()} <= set(row())
    assert outbox["collection.field.event.key"] == "aggregateid"
    assert outbox["collection.field.event.payload"] == "payload"
    assert isinstance(row()["payload"], str), "it is passed on as it is"


def test_a_record_has_every_header_that_the_relays_has() -> None:
    stored = row()
    relays = headers_of(
        Envelope(
            id=stored["_id"], source=SERVICE, type=stored["type"], aggregatetype=stored["aggregatetype"],
            key=stored["aggregateid"], seq=1, time=stored["created_at"], traceparent=_TRACE, data=b"{}",
        )
    )  # fmt: skip
    headers = {name: str(stored[field]) for field, place, name in placed() if place == "header"}
    headers["ce_seq"] = "1"
    kept = {name: "" for field, place, name in placed() if place == "envelope"}
    assert kept == {"time": ""}
    added = transform("version")
    kept[added["static.field"]] = added["static.value"]
    moved = transform("move")
    assert set(moved["fields"].split(",")) == set(kept)
    headers |= {
        header: kept[field]
        for field, header in zip(moved["fields"].split(","), moved["headers"].split(","), strict=True)
    }
    for name in ("source", "content"):
        headers[transform(name)["header"]] = transform(name)["value.literal"]
    wanted = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in relays}
    time = wanted.pop("ce_time")
    assert headers.pop("ce_time") == ""  # written by the transform `time`
    assert transform("time")["format"] == "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"
    assert len(time) == len("2026-12-31T20:00:00.000Z")
    assert headers == wanted


def test_the_transforms_follow_each_other() -> None:
    order = connector()["transforms"].split(",")
    named = {key.split(".")[1] for key in connector() if key.startswith("transforms.")}
    assert set(order) == named
    assert order[0] == "outbox"
    assert max(order.index("version"), order.index("time")) < order.index("move") < order.index("body")
    assert transform("body")["field"] == "payload"


def test_it_reads_this_services_outbox_into_this_services_topic() -> None:
    installation = Settings().installation
    assert SERVICE in SERVICES
    assert connector()["collection.include.list"] == f"{installation}_{SERVICE}.{OUTBOX}"
    assert transform("outbox")["route.topic.replacement"] == f"{installation}.{SERVICE}"
    assert transform("source")["value.literal"] == SERVICE
    assert connector()["skipped.operations"] == "u,d,t", "a row that is marked or forgotten is no message"
    assert text(f"deploy/debezium/{SERVICE}.json").count(SERVICE) == 5, "as docs/outbox-debezium.md says"
