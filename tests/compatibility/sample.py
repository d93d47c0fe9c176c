"""A sample: the data of an installation as an earlier version left it, and what its people know of it.

    python -m tests.compatibility.sample PYTHON NAME

starts the version that PYTHON (the interpreter of its environment) has installed, sells with it by the
public HTTP interface, and keeps what is left below `samples/NAME`: once on SQLite, once on MongoDB. The last
sales are made by `unsent.py`: their messages are still in the outbox. Samples are made when a version lands
and never changed.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.database import Database

from engines import PROGRAMS, mongo
from tests.system.command_line import clean_environment
from tests.system.outside_client import THREE_D_SECURE, Client

SAMPLES = Path(__file__).parent / "samples"
PASSWORD = "correct horse battery"
STAFF = {"ada@example.org": "admin", "oda@example.org": "organizer", "gus@example.org": "gate"}
BUYERS = ("bea@example.org", "Cem.Groß@example.org", "dee@example.org")
STARTS_AT = "2090-06-01T18:00:00Z"


def names() -> list[str]:
    return sorted(folder.name for folder in SAMPLES.iterdir())


def knowledge(name: str) -> dict[str, Any]:
    """What the people of the sample know: their orders, the codes of their tickets."""
    known: dict[str, Any] = json.loads((SAMPLES / name / "known.json").read_text())
    return known


def unpack(file: Path, folder: Path) -> None:
    with tarfile.open(file, "r:xz") as archive:
        archive.extractall(folder, filter="data")


def restore(file: Path, url: str, installation: str) -> None:
    """Put the databases of a sample into MongoDB, under the name of another installation."""
    with tarfile.open(file, "r:xz") as archive, MongoClient[dict[str, Any]](url) as client:
        for member in archive:
            service, collection = member.name.removesuffix(".bson").split("/")
            content = archive.extractfile(member)
            assert content is not None
            client[f"{installation}_{service}"][collection].insert_many(bson.decode_all(content.read()))


def _dump(url: str, installation: str, file: Path) -> None:
    with tarfile.open(file, "w:xz", preset=9) as archive, MongoClient[Any](url) as client:
        for service in ("events", "payments", "tickets", "users"):
            database: Database[Any] = client[f"{installation}_{service}"]
            for collection in sorted(database.list_collection_names()):
                content = b"".join(bson.encode(document) for document in database[collection].find())
                if content:
                    member = tarfile.TarInfo(f"{service}/{collection}.bson")
                    member.size = len(content)
                    archive.addfile(member, BytesIO(content))


def _pack(folder: Path, file: Path) -> None:
    with tarfile.open(file, "w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "lock" and "mail" not in path.relative_to(folder).parts:
                archive.add(path, path.relative_to(folder))


@contextmanager
def _serving(python: Path, environment: dict[str, str]) -> Iterator[str]:
    command = [str(python), "-m", "houseful", "up", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield (
            next(line for line in process.stdout if line.startswith("ready: "))
            .removeprefix("ready: ")
            .strip()
        )
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()


def _make(python: Path, folder: Path, **settings: str) -> dict[str, Any]:
    data = folder / "data"
    environment = clean_environment() | {"HOUSEFUL_DATA": str(data), "HOUSEFUL_RATE_LIMITS": "off"} | settings
    with _serving(python, environment) as url:
        for email, role in STAFF.items():
            command = [str(python), "-m", "houseful", "create-admin", "--email", email, "--role", role]
            subprocess.run(command, env=environment | {"HOUSEFUL_PASSWORD": PASSWORD}, check=True)
        known = _sell(url)
    late, cancelled = known.pop("late"), known.pop("cancelled")
    program = Path(__file__).with_name("unsent.py")
    arguments = [str(data), PASSWORD, late, known["evening"], cancelled]
    command = [str(python), str(program), *arguments]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    paid = done.stdout.splitlines()[-1]
    known["events"][late] = "on_sale"
    known["orders"]["bea@example.org"] |= {paid: "confirmed", cancelled: "refunded"}
    return known


def _signed_in(url: str, email: str) -> Client:
    client = Client(url)
    if email not in STAFF:
        client.register(email, PASSWORD, "Somebody")
    client.login(email, PASSWORD)
    return client


def _sell(url: str) -> dict[str, Any]:
    """An evening on sale with orders in many states, one sold out, one cancelled, one draft."""
    oda, gus = _signed_in(url, "oda@example.org"), _signed_in(url, "gus@example.org")
    bea, cem, dee = (_signed_in(url, email) for email in BUYERS)
    evening = oda.publish(_event("Wieczór w Łodzi"))
    confirmed = bea.buy(evening["id"], seats=["A-1", "A-2"])
    standing = bea.buy(evening["id"], best_available={"category": "Floor", "quantity": 2})
    cancelled = bea.buy(evening["id"], seats=["A-4"])
    refunded = cem.buy(evening["id"], seats=["A-3"])
    cem.cancel(refunded["id"]).ok()
    cem.order_that_is(refunded["id"], "refunded")
    waiting = dee.order(dee.hold(evening["id"], seats=["B-1"]).ok(201)["hold_id"]).ok(201)
    asked = dee.order(dee.hold(evening["id"], seats=["B-2"]).ok(201)["hold_id"]).ok(201)
    assert dee.pay(asked, THREE_D_SECURE).ok()["status"] == "requires_action"
    dee.hold(evening["id"], seats=["B-3"]).ok(201)
    oda.call("POST", f"/api/events/{evening['id']}/blocked-seats", {"block": ["B-10"]}).ok(204)
    used, unused = (ticket["code"] for ticket in bea.tickets(confirmed["id"]))
    assert gus.scan(used, "1", event_id=evening["id"])["result"] == "admitted"
    full = oda.publish({**_event("A Small Room"), "plan": _plan(1, 2), "areas": []})
    last = cem.buy(full["id"], seats=["A-1", "A-2"])
    oda.event_that_is(full["id"], "sold_out")
    off = oda.publish({**_event("Called Off"), "areas": []})
    returned = dee.buy(off["id"], seats=["A-1"])
    oda.call("POST", f"/api/events/{off['id']}/cancel").ok(202)
    dee.order_that_is(returned["id"], "refunded")
    draft, late = (
        oda.call("POST", "/api/events", {**_event(title), "areas": []}).ok(201)
        for title in ("Ænima", "Announced Late")
    )
    return {
        "password": PASSWORD,
        "events": {
            evening["id"]: "on_sale", full["id"]: "sold_out", off["id"]: "cancelled", draft["id"]: "draft",
        },
        "orders": {
            "bea@example.org": {confirmed["id"]: "confirmed", standing["id"]: "confirmed"},
            "Cem.Groß@example.org": {refunded["id"]: "refunded", last["id"]: "confirmed"},
            "dee@example.org": {
                waiting["id"]: "expired", asked["id"]: "expired", returned["id"]: "refunded",
            },
        },
        "evening": evening["id"],
        "cancelled": cancelled["id"],
        "late": late["id"],
        "used": used,
        "unused": unused,
        "void": cem.tickets(refunded["id"])[0]["code"],
    }  # fmt: skip


def _event(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": "Made by an earlier version.",
        "venue": "The Hall",
        "starts_at": STARTS_AT,
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "hold_seconds": 600,
        "max_seats_per_order": 10,
        "plan": _plan(3, 10),
        "prices": {"Premium": 5000, "Standard": 3000, "Floor": 2500},
        "areas": [{"zone": "Stalls", "name": "Floor", "category": "Floor", "capacity": 50}],
    }


def _plan(rows: int, seats: int) -> dict[str, Any]:
    categories = [("Premium", "#391B65"), ("Standard", "#184F19"), ("Floor", "#AC5B81")]
    return {
        "name": f"Hall of {rows} by {seats}",
        "categories": [{"name": name, "color": color} for name, color in categories],
        "zones": [
            {
                "name": "Stalls",
                "position": {"x": 0, "y": 0},
                "rows": [
                    {
                        "row_number": "ABC"[row],
                        "position": {"x": 0, "y": 30 * row},
                        "seats": [
                            {
                                "seat_guid": f"{'ABC'[row]}-{seat}",
                                "seat_number": str(seat),
                                "position": {"x": 25 * seat, "y": 0},
                                "category": "Standard" if row else "Premium",
                            }
                            for seat in range(1, seats + 1)
                        ],
                    }
                    for row in range(rows)
                ],
            }
        ],
        "size": {"width": 25 * (seats + 1), "height": 30 * rows},
    }


def main(python: Path, name: str) -> None:
    folder = SAMPLES / name
    folder.mkdir(parents=True)
    known: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        known["sqlite"] = _make(python, Path(scratch))
        _pack(Path(scratch) / "data", folder / "sqlite.tar.xz")
    engine = mongo.ReplicaSet.start(mongo.obtain(PROGRAMS))
    try:
        with tempfile.TemporaryDirectory() as scratch:
            settings = {"HOUSEFUL_STORE_URL": engine.url, "HOUSEFUL_INSTALLATION": "sample"}
            known["mongodb"] = _make(python, Path(scratch), **settings)
            _dump(engine.url, "sample", folder / "mongodb.tar.xz")
            _pack(Path(scratch) / "data", folder / "mongodb-folder.tar.xz")
    finally:
        engine.stop()
    (folder / "known.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
