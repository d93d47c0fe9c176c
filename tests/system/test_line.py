"""Buying through a line, in one process: nobody holds a seat who was not called."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import running
from houseful.gateway.app import Gateway
from houseful.kernel.errors import Unavailable
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.line.domain import audit
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Visit
from houseful.line.service import LineService
from houseful.manifests import MANIFESTS
from houseful.settings import load_settings
from houseful.tickets.use_cases.holding import Holding
from houseful.webapi.line_passes import LinePasses
from tests.support.deployment import Deployment
from tests.system.line_sale import MINUTE, Sale


@pytest.fixture
def sale(manual_deployment: Deployment) -> Sale:
    return Sale(manual_deployment)


async def test_a_buyer_goes_from_the_lobby_to_the_seat(sale: Sale) -> None:
    await sale.announce()
    token = await sale.deployment.user("anna")
    (await sale.post("", token)).refused(409, "line_closed")
    await sale.phase("lobby", advance_seconds=1)
    first = (await sale.post("", token, key="join")).ok(201)
    again = (await sale.post("", token)).ok(200)
    repeated = await sale.post("", token, key="join")
    assert first == again == repeated.ok(201)
    assert repeated.headers["idempotent-replayed"] == "true"
    assert first["number"] is None
    await sale.join("berta")
    sealed = await sale.phase("sealed", advance_seconds=1)
    opened = await sale.phase("open", advance_seconds=1)
    token = await sale.deployment.user("anna")
    place = (await sale.deployment.call("GET", f"/api/events/{sale.event_id}/line/me", token=token)).ok()
    assert place["number"] in (1, 2)
    told = (await sale.deployment.call("GET", f"/api/events/{sale.event_id}/line/audit")).ok()
    assert audit.contradictions(audit.read(json.dumps(told).encode())) == []
    assert (told["root"], told["commitment"]) == (sealed["root"], sealed["commitment"])
    assert (sealed["seed"], opened["seed"], opened["number_seconds"]) == (None, told["seed"], 1)
    given = await sale.line_pass(token)
    (await sale.hold(token)).refused(403, "line_required")
    (await sale.hold(token, given)).ok(201)
    exported = (await sale.deployment.call("GET", "/api/me/export", token=token)).ok()
    [held] = exported["parts"]["line-places"]
    assert (held["event_id"], held["entrant"]) == (sale.event_id, place["entrant"])


async def test_no_other_pass_holds_a_seat(sale: Sale) -> None:
    """L7, at the gateway and again in tickets."""
    await sale.announce()
    await sale.phase("lobby", advance_seconds=1)
    for name in ("anna", "berta"):
        await sale.join(name)
    await sale.phase("open", advance_seconds=1)
    anna, berta = await sale.deployment.user("anna"), await sale.deployment.user("berta")
    given = await sale.line_pass(anna)
    head, claims, signature = given.split(".")
    signer = sale.deployment.app.services["line"].tokens
    now = sale.clock.now()
    me = jwt.decode(given, options={"verify_signature": False})["sub"]
    expired, _ = signer.sign_pass(sale.event_id, me, now - 601_000)
    elsewhere, _ = signer.sign_pass("evt_other", me, now)
    receipt = (await sale.post("", anna)).ok(200)["receipt"]
    wrong = {
        "altered": f"{head}.{claims[:-2]}xx.{signature}",
        "unsigned": f"{head}.{claims}.",
        "expired": expired,
        "of another event": elsewhere,
        "a receipt": receipt,
        "an access token": anna,
        "nothing": "",
        "no pass": "no.pass.at-all",
    }
    for name, line_pass in wrong.items():
        assert (await sale.hold(anna, line_pass)).status == 403, name
    (await sale.hold(berta, given)).refused(403, "line_required")
    tickets = sale.deployment.app.services["tickets"]
    for name, line_pass in wrong.items():
        refusal = await tickets.holding._why_not_called(line_pass, sale.event_id, me)
        assert refusal is not None, name
    (await sale.hold(anna, given)).ok(201)


@pytest.mark.parametrize("without", ["gateway", "tickets", "both"])
async def test_one_check_of_the_pass_is_enough(
    sale: Sale, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """The control of L7: where no check is left, a foreign pass holds seats. Each check by itself refuses."""
    await sale.announce()
    await sale.phase("lobby", advance_seconds=1)
    await sale.join("anna")
    await sale.phase("open", advance_seconds=1)
    berta = await sale.token("berta")
    foreign = await sale.line_pass(await sale.token("anna"))

    async def unchecked(*_: Any) -> None:
        return None

    if without in ("gateway", "both"):
        monkeypatch.setattr(Gateway, "_check_pass", unchecked)
    if without in ("tickets", "both"):
        monkeypatch.setattr(Holding, "_why_not_called", unchecked)
    answer = await sale.hold(berta, foreign)
    if without == "both":
        answer.ok(201)
    else:
        answer.refused(403, "line_required")


async def test_without_the_key_the_event_is_closed_and_others_are_untouched(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await sale.published(await sale.deployment.user("organizer", Role.ORGANIZER))
    await sale.announce()
    await sale.phase("lobby", advance_seconds=1)
    await sale.join("anna")
    await sale.phase("open", advance_seconds=1)
    anna = await sale.deployment.user("anna")
    given = await sale.line_pass(anna)

    async def no_keys(passes: LinePasses) -> None:
        raise Unavailable("the line service is away")

    monkeypatch.setattr(LinePasses, "_fetch_keys", no_keys)
    answer = await sale.hold(anna, given)
    answer.refused(503, "line_unknown")
    assert int(answer.headers["retry-after"]) >= 1
    await sale.deployment.hold(anna, other)
    monkeypatch.undo()
    (await sale.hold(anna, given)).ok(201)


async def test_the_line_is_the_same_bytes_for_all_and_is_not_sent_twice(sale: Sale) -> None:
    await sale.announce()
    path = f"/api/events/{sale.event_id}/line"
    one, other = await sale.deployment.call("GET", path), await sale.deployment.call("GET", path)
    assert one.content == other.content
    assert one.headers["cache-control"] == "public, max-age=2"
    known = await sale.deployment.call("GET", path, headers={"if-none-match": one.headers["etag"]})
    assert known.status == 304
    (await sale.deployment.call("GET", "/api/events/evt_none/line")).refused(404, "line_not_found")


async def test_who_buys_makes_room(sale: Sale) -> None:
    await sale.announce()
    await sale.phase("lobby", advance_seconds=1)
    await sale.join("anna")
    await sale.phase("open", advance_seconds=1)
    anna = await sale.deployment.user("anna")
    given = await sale.line_pass(anna)
    held = (await sale.hold(anna, given)).ok(201)
    order = await sale.deployment.order(anna, held["hold_id"])
    (await sale.deployment.pay(order)).ok(200)
    line = sale.deployment.app.services["line"]

    async def nobody_inside() -> bool:
        admission = await line._store.get(Admission, sale.event_id)
        return bool(admission.claims == 1 and admission.inside == 0)

    await sale.deployment.until(nobody_inside, advance_seconds=0.5)
    assert (await sale.line())["seats_left"] is not None


async def test_a_hold_that_lapses_makes_room_and_so_does_who_never_holds(sale: Sale) -> None:
    """The hold lapses after one minute; who has none is inside for two."""
    await sale.announce()
    await sale.phase("lobby", advance_seconds=1)
    for name in ("anna", "berta"):
        await sale.join(name)
    await sale.phase("open", advance_seconds=1)
    anna, berta = await sale.token("anna"), await sale.token("berta")
    given = await sale.line_pass(anna)
    await sale.line_pass(berta)

    async def is_measured() -> bool:
        return (await sale.line())["seats_left"] is not None

    await sale.deployment.until(is_measured, advance_seconds=0.5)
    (await sale.hold(anna, given)).ok(201)
    line = sale.deployment.app.services["line"]
    seen: list[int] = []

    async def nobody_inside() -> bool:
        seen.append(await line._store.count(Visit, {"event_id": sale.event_id, "is_inside": True}))
        return seen[-1] == 0

    await sale.deployment.until(nobody_inside, advance_seconds=1)
    assert list(dict.fromkeys(seen)) == [2, 1, 0]
    assert seen.count(2) > 50, "a hold counts until it lapses"
    assert seen.count(1) > 20, "who has none is not sent away sooner"


async def test_an_act_is_done_once_for_each_idempotency_key(sale: Sale) -> None:
    await sale.announce()
    await sale.phase("open", advance_seconds=1)
    organizer = await sale.deployment.user("organizer", Role.ORGANIZER)

    async def act(key: str, **body: Any) -> Any:
        return await sale.deployment.call(
            "POST", f"/api/events/{sale.event_id}/control", body, token=organizer, key=key
        )

    paused = await act("1", action="pause")
    repeated = await act("1", action="pause")
    assert paused.ok() == repeated.ok()
    assert [one["action"] for one in paused.json["acts"]] == ["pause"]
    assert "idempotent-replayed" not in paused.headers
    assert repeated.headers["idempotent-replayed"] == "true"
    (await act("2", action="pause")).refused(409, "line_phase")
    (await act("1", action="resume")).refused(422, "idempotency_key_reused")
    resumed = (await act("3", action="resume")).ok()
    assert resumed["phase"] == "open"
    assert [one["action"] for one in resumed["acts"]] == ["resume", "pause"]


async def test_a_line_that_makes_no_sense_is_refused(sale: Sale) -> None:
    organizer = await sale.deployment.user("organizer", Role.ORGANIZER)
    now = sale.clock.now()
    for wrong, field in (
        ({"line": {"mode": "on"}}, "on_sale_at"),
        (
            {
                "line": {"mode": "on", "lobby_opens_at": rfc3339(now + 5 * MINUTE)},
                "on_sale_at": rfc3339(now + 6 * MINUTE),
            },
            "line.lobby_opens_at",
        ),
        ({"line": {"mode": "auto", "lobby_opens_at": rfc3339(now + MINUTE)}}, "line.lobby_opens_at"),
        (
            {"line": {"mode": "on", "beacon": "pair"}, "on_sale_at": rfc3339(now + 60 * MINUTE)},
            "line.commitment",
        ),
    ):
        body = await sale.deployment.draft(organizer)
        answer = await sale.deployment.call("PATCH", f"/api/events/{body['id']}", wrong, token=organizer)
        assert list(answer.refused(422, "validation_failed")["errors"]) == [field]
    event_id = await sale.announce()
    answer = await sale.deployment.call(
        "PATCH", f"/api/events/{event_id}", {"line": {"mode": "off"}}, token=organizer
    )
    answer.refused(409, "event_published")


async def test_without_a_line_service_no_event_with_a_line_is_published(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path / "data"), rate_limits="off")
    without = [manifest for manifest in MANIFESTS if manifest.name != "line"]
    async with running(settings, manifests=without, workers=InlineWorkers(), access_log=False) as app:
        deployment = Deployment(app=app)
        organizer = await deployment.user("organizer", Role.ORGANIZER)
        terms = {"line": {"mode": "on"}, "on_sale_at": rfc3339(app.clock.now() + 60 * MINUTE)}
        event_id = (await deployment.draft(organizer, **terms))["id"]
        answer = await deployment.call("POST", f"/api/events/{event_id}/publish", token=organizer)
        assert "HOUSEFUL_LINE_URL" in answer.refused(409, "no_line_service")["detail"]
        await deployment.event(organizer)


async def test_a_line_of_mode_auto_is_there_when_it_is_needed(sale: Sale) -> None:
    organizer = await sale.token("organizer", Role.ORGANIZER)
    sale.event_id = await sale.published(organizer, line={"mode": "auto"})
    await sale.phase("closed", advance_seconds=0.1)
    anna, berta = await sale.token("anna"), await sale.token("berta")
    (await sale.hold(anna)).ok(201)
    (await sale.post("", berta)).refused(409, "line_closed")
    await sale.deployment.app.services["line"].admitting.standby.wake(sale.event_id)

    async def refused() -> bool:
        answer = await sale.hold(berta)
        if answer.status == 201:
            held = answer.json["hold_id"]
            (await sale.deployment.call("DELETE", f"/api/holds/{held}", token=berta)).ok(204)
        return answer.status == 403

    await sale.deployment.until(refused, advance_seconds=1)
    assert (await sale.line())["phase"] == "open"
    (await sale.post("", berta)).ok(201)
    (await sale.hold(berta, await sale.line_pass(berta))).ok(201)


async def test_in_a_presale_a_code_stands_for_a_pass_at_the_gateway_too(sale: Sale) -> None:
    await sale.announce()
    organizer, anna, berta = (
        await sale.token("organizer", Role.ORGANIZER),
        await sale.token("anna"),
        await sale.token("berta"),
    )
    presales = f"/api/events/{sale.event_id}/presales"
    window = {"name": "Friends", "opens_at": rfc3339(sale.clock.now())}
    presale = (await sale.deployment.call("POST", presales, window, token=organizer)).ok(201)
    code = {"codes": [{"code": "OPENING-NIGHT", "max_uses": 1}]}
    path = f"{presales}/{presale['id']}/codes"
    (await sale.deployment.call("POST", path, code, token=organizer)).ok(201)
    access = f"/api/events/{sale.event_id}/presale-access"
    (await sale.deployment.call("POST", access, {"code": "opening night"}, token=anna)).ok(200)
    await sale.clock.advance(6)  # the gateway looks which events have a line
    (await sale.hold(anna)).ok(201)
    (await sale.hold(berta)).refused(403, "access_code_required")
    await sale.phase("open", advance_seconds=1)
    (await sale.hold(await sale.token("anna"))).refused(403, "line_required")


async def test_where_it_is_not_known_whether_there_is_a_line_its_event_is_closed(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    organizer, anna = await sale.token("organizer", Role.ORGANIZER), await sale.token("anna")
    sale.event_id = await sale.published(organizer, line={"mode": "auto"})
    other = await sale.published(organizer)
    (await sale.hold(anna)).ok(201)

    async def away(service: LineService) -> dict[str, int]:
        raise Unavailable("the line service is away")

    monkeypatch.setattr(LineService, "events_with_line", away)
    (await sale.hold(anna)).ok(201)
    await sale.clock.advance(31)
    answer = await sale.hold(anna)
    answer.refused(503, "line_unknown")
    assert int(answer.headers["retry-after"]) >= 1
    await sale.deployment.hold(anna, other)
    monkeypatch.undo()
    await sale.clock.advance(3)
    (await sale.hold(anna)).ok(201)
