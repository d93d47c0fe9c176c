"""Acts of staff in every service, as an administrator sees them: one log, health, messages and emails that
got stuck."""

from typing import Any

import pytest

from houseful.administration.api import PAYLOAD_MOST
from houseful.kernel.documents import Document
from houseful.kernel.ports import Envelope
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.messaging import DeadLetter, Parked, ParkedMessage
from houseful.tickets.domain.emails import QueuedEmail
from houseful.webapi.audit import AuditActor
from tests.support.deployment import PASSWORD, Deployment


class Staff:
    def __init__(self, deployment: Deployment, admin: str, organizer: str) -> None:
        self.deployment = deployment
        self.admin = admin
        self.organizer = organizer

    async def do(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        token = more.pop("token", self.organizer)
        return (await self.deployment.call(method, path, body, token=token, **more)).ok()

    async def log(self, query: str = "") -> list[Any]:
        """The newest first, without what the operator did."""
        page = (await self.deployment.call("GET", f"/api/audit?limit=200{query}", token=self.admin)).ok()
        assert page["missing"] == []
        return [entry for entry in page["items"] if entry["actor"]["role"] != "operator"]

    async def acts(self, query: str = "") -> list[str]:
        """The oldest first."""
        return [entry["act"] for entry in await self.log(query)][::-1]

    async def insert(self, service: str, *documents: Document) -> None:
        async with self.deployment.app.stores[service].begin() as tx:
            for document in documents:
                tx.insert(document)


@pytest.fixture
async def staff(deployment: Deployment) -> Staff:
    admin = await deployment.user("ada", Role.ADMIN)
    return Staff(deployment, admin, await deployment.user("organizer", Role.ORGANIZER))


async def test_what_an_organizer_does_with_an_event_is_in_the_log(staff: Staff) -> None:
    deployment = staff.deployment
    on_sale_at = rfc3339(deployment.app.clock.now() + 24 * 3_600_000)
    draft = await deployment.draft(staff.organizer)
    await staff.do("DELETE", f"/api/events/{draft['id']}")
    event_id = await deployment.event(staff.organizer, on_sale_at=on_sale_at)
    event = f"/api/events/{event_id}"
    await staff.do("PATCH", event, {"title": "Another Evening"})
    await staff.do("PATCH", event, {"title": "Another Evening"})  # which changes nothing
    await staff.do("POST", f"{event}/blocked-seats", {"block": ["A-1"]})
    opens_at = rfc3339(deployment.app.clock.now() + 3_600_000)
    presale = await staff.do("POST", f"{event}/presales", {"name": "Members", "opens_at": opens_at})
    presales = f"{event}/presales/{presale['id']}"
    await staff.do("PATCH", presales, {"name": "Friends"})
    await staff.do("POST", f"{presales}/codes", {"codes": [{"code": "SECRET-CODE-1", "max_uses": 1}]})
    [code] = (await staff.do("GET", f"{presales}/codes"))["items"]
    await staff.do("DELETE", f"{presales}/codes/{code['id']}")
    await deployment.user("gil", Role.GATE)
    [member] = (await staff.do("POST", f"{event}/gate-staff", {"email": "gil@example.org"}))["items"]
    await staff.do("DELETE", f"{event}/gate-staff/{member['user_id']}")
    await staff.do("POST", f"{event}/cancel")
    assert await staff.acts(f"&object=event:{event_id}") == [
        "event.created", "event.published", "event.changed", "seats.blocked", "presale.added",
        "presale.changed", "access_codes.given_out", "access_code.revoked", "gate_staff.named",
        "gate_staff.removed", "event.cancelled",
    ]  # fmt: skip
    assert await staff.acts(f"&object=event:{draft['id']}") == ["event.created", "event.deleted"]
    entries = await staff.log()
    assert {(entry["actor"]["email"], entry["actor"]["role"]) for entry in entries} == {
        ("organizer@example.org", "organizer")
    }
    assert all(entry["request_id"] for entry in entries)
    assert "SECRET-CODE" not in str(entries)
    [changed] = await staff.log("&act=event.changed")
    assert changed["details"] == {"fields": ["title"]}


async def test_acts_of_the_desk_and_the_control_room_are_read_from_their_histories(staff: Staff) -> None:
    deployment = staff.deployment
    event_id, buyer = await deployment.event(staff.organizer), await deployment.user()
    order = await deployment.buy(buyer, event_id, 3)
    path = f"/api/events/{event_id}/orders/{order['id']}"
    await staff.do("POST", f"{path}/notes", {"text": "Comes in a wheelchair"}, token=staff.admin)
    await staff.do("POST", f"{path}/refund", {"reason": "ill"})
    line = await deployment.event(staff.organizer, line={"mode": "on"}, on_sale_at=rfc3339(
        deployment.app.clock.now() + 3_600_000))  # fmt: skip

    async def has_line() -> bool:
        return (await deployment.call("GET", f"/api/events/{line}/line")).status == 200

    await deployment.until(has_line)
    await staff.do("POST", f"/api/events/{line}/control", {"action": "message", "message": "Soon"})
    assert await staff.acts(f"&object=order:{order['id']}") == ["order.noted", "order.refunded"]
    refunded, noted = await staff.log("&act=order")
    assert refunded["details"] == {"reason": "ill", "seats": 3, "amount_minor": order["total_minor"]}
    assert (refunded["actor"]["role"], noted["actor"]["role"]) == ("organizer", "admin")
    assert (noted["details"], noted["actor"]["email"]) == ({}, "ada@example.org")
    assert refunded["request_id"]
    [message] = await staff.log("&act=line")
    assert (message["object"], message["details"]) == (f"event:{line}", {"message": "Soon"})
    assert message["actor"]["email"] == "organizer@example.org"
    assert message["request_id"]
    mine = noted["actor"]["id"]
    assert {entry["actor"]["id"] for entry in await staff.log(f"&actor={mine}")} == {mine}


async def test_an_erased_account_leaves_the_log_without_its_address(staff: Staff) -> None:
    deployment = staff.deployment
    draft = await deployment.draft(staff.organizer)
    await staff.do("PATCH", f"/api/events/{draft['id']}", {"title": "Another"})
    before = await staff.log()
    await staff.do("DELETE", "/api/me", {"current_password": PASSWORD})
    user_id = before[0]["actor"]["id"]

    async def is_erased() -> bool:
        actor = await deployment.app.stores["events"].get(AuditActor, user_id)
        return actor is not None and actor.erased

    await deployment.until(is_erased)
    after = await staff.log()
    for entry in before:
        entry["actor"]["email"] = None
    assert after == before
    for service in ("users", "tickets", "line"):

        async def is_known(service: str = service) -> bool:
            return await deployment.app.stores[service].get(AuditActor, user_id) is not None

        await deployment.until(is_known)


def stuck(seq: int) -> ParkedMessage:
    envelope = Envelope(
        id="msg_1", source="events", type="houseful.EventChanged.v1", aggregatetype="event", key="evt_9",
        seq=seq, time=0, traceparent=None, data=b'{"title":"' + b"x" * PAYLOAD_MOST + b'"}',
    )  # fmt: skip
    return ParkedMessage(
        id=f"event:evt_9:{seq}", parked="event:evt_9", seq=seq, envelope=envelope, topic="events",
        partition=0, offset=7,
    )  # fmt: skip


async def test_parked_messages_are_read_and_tried_again(staff: Staff) -> None:
    parked = Parked(id="event:evt_9", reason="boom", since=1000, state="parked", attempts=5, messages=1)
    await staff.insert("tickets", parked, stuck(3))
    messages = "/api/messages/tickets"
    [listed] = (await staff.do("GET", f"{messages}/parked", token=staff.admin))["items"]
    assert (listed["id"], listed["state"], listed["reason"]) == ("event:evt_9", "parked", "boom")
    shown = await staff.do("GET", f"{messages}/parked/event:evt_9", token=staff.admin)
    [queued] = shown["queued"]
    assert (queued["seq"], queued["type"], queued["offset"]) == (3, "houseful.EventChanged.v1", 7)
    assert len(queued["payload"]) == PAYLOAD_MOST
    health = await staff.do("GET", "/api/health/tickets", token=staff.admin)
    assert (health["parked"], health["checks"]["jobs"]) == (1, "ready")
    path, body = f"{messages}/parked/event:evt_9/unpark", {"reason": "fixed the hall"}
    for _ in range(2):
        assert await staff.do("POST", path, body, token=staff.admin, key="k1") == {"id": "event:evt_9"}
    [entry] = await staff.log("&act=messages")
    assert (entry["act"], entry["object"]) == ("messages.unparked", "parked_key:event:evt_9")
    assert entry["details"] == {"reason": "fixed the hall", "accept_gap": False, "was": "boom"}
    call = staff.deployment.call
    (await call("POST", f"{messages}/parked/x/unpark", body, token=staff.admin)).refused(
        404, "parked_key_not_found"
    )
    refused = (await call("POST", path, {"reason": ""}, token=staff.admin)).refused(422, "validation_failed")
    assert set(refused["errors"]) == {"reason"}


async def test_dead_letters_and_replays(staff: Staff) -> None:
    letter = DeadLetter(
        id="dl_1", topic="events", partition=0, offset=3, envelope=None, raw=b"?", error="no headers", at=5
    )
    await staff.insert("tickets", letter)
    messages = "/api/messages/tickets"
    [listed] = (await staff.do("GET", f"{messages}/dead", token=staff.admin))["items"]
    assert (listed["id"], listed["error"], listed["message"]) == ("dl_1", "no headers", None)
    call = staff.deployment.call
    retried = await call("POST", f"{messages}/dead/dl_1/retry", {"reason": "x"}, token=staff.admin)
    retried.refused(409, "not_understood")
    event_id = await staff.deployment.event(staff.organizer)
    body = {"reason": "tickets lost one", "aggregate": f"event:{event_id}"}
    for _ in range(2):
        sent = await staff.do("POST", "/api/messages/events/replay", body, token=staff.admin, key="r1")
        assert sent == {"messages": 1}
    [entry] = await staff.log("&act=messages")
    assert (entry["service"], entry["object"]) == ("events", f"event:{event_id}")
    assert entry["details"]["messages"] == 1
    bad = await call(
        "POST", "/api/messages/events/replay", {"reason": "x", "aggregate": "y"}, token=staff.admin
    )
    assert set(bad.refused(422, "validation_failed")["errors"]) == {"aggregate"}


async def test_an_email_about_an_order_is_sent_again(staff: Staff) -> None:
    deployment = staff.deployment
    event_id, buyer = await deployment.event(staff.organizer), await deployment.user()
    order = await deployment.buy(buyer, event_id)
    failed = QueuedEmail(
        id=f"refunded:{order['id']}", kind="refunded", order_id=order["id"], event_id=event_id, due_at=None,
        tries=3, error="mailbox full", failed_at=1000,
    )  # fmt: skip
    await staff.insert("tickets", failed)
    [listed] = (await staff.do("GET", "/api/emails/orders?state=failed", token=staff.admin))["items"]
    assert (listed["id"], listed["reason"], listed["to"]) == (failed.id, "mailbox full", "bea@example.org")
    assert (listed["state"], listed["tries"], listed["since"]) == ("refused", 3, rfc3339(1000))
    path = f"/api/emails/orders/{failed.id}/send"
    for _ in range(2):
        sent = await staff.do("POST", path, token=staff.admin, key="e1")
        assert (sent["state"], sent["reason"], sent["tries"]) == ("due", None, 0)
    [entry] = await staff.log("&act=order")
    assert (entry["act"], entry["object"]) == ("order.resent", f"order:{order['id']}")
    assert entry["details"] == {"email_kind": "refunded"}
    waiting = QueuedEmail(
        id=f"returned:{order['id']}", kind="returned", order_id=order["id"], event_id=event_id, due_at=None,
        failed_at=1000, waits_for="rcp_1",
    )  # fmt: skip
    await staff.insert("tickets", waiting)
    call = staff.deployment.call
    for id, status, code in (
        (waiting.id, 409, "address_not_proven"),
        ("x", 404, "email_not_found"),
    ):
        refused = await call("POST", f"/api/emails/orders/{id}/send", token=staff.admin)
        refused.refused(status, code)
    (await call("GET", "/api/emails/orders", token=staff.organizer)).refused(403, "forbidden")
