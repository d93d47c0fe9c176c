"""What everybody in front of a seat map asks for: compressed once, sent to those who lack
it, and never stale.
"""

import zlib
from typing import Any

import brotli
import pytest

from houseful.kernel.roles import Role
from tests.support.deployment import Deployment, Reply

DECODED: dict[str, Any] = {
    "br": brotli.decompress,
    "gzip": lambda body: zlib.decompress(body, wbits=31),
    "": bytes,
}


@pytest.fixture
async def event_id(deployment: Deployment) -> str:
    return await deployment.event(await deployment.user("organizer", Role.ORGANIZER))


async def ask(deployment: Deployment, path: str, accept: str = "", known: str = "") -> Reply:
    headers = {"accept-encoding": accept} if accept else {}
    return await deployment.call("GET", path, headers=headers | ({"if-none-match": known} if known else {}))


def content(reply: Reply) -> bytes:
    return bytes(DECODED[reply.headers.get("content-encoding", "")](reply.content))


async def test_geometry_comes_in_the_coding_that_the_client_likes_best(
    deployment: Deployment, event_id: str
) -> None:
    plan_hash = (await deployment.call("GET", f"/api/events/{event_id}")).ok()["plan_hash"]
    path = f"/api/events/{event_id}/geometry?v={plan_hash}"
    plain = await ask(deployment, path)
    assert plain.content[:4] == b"HFG1"
    for accept, coding in (("gzip, br", "br"), ("gzip;q=1, br;q=0.5", "gzip"), ("br;q=0", None), ("*", "br")):
        reply = await ask(deployment, path, accept)
        assert (reply.status, reply.headers.get("content-encoding")) == (200, coding)
        assert content(reply) == plain.content
        assert reply.headers["vary"] == "accept-encoding"
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = await ask(deployment, path, accept, reply.headers["etag"])
        assert (again.status, again.content) == (304, b"")
    assert (await ask(deployment, path, "br", f'"{plan_hash}"')).status == 304, "a tag of an older version"
    assert "immutable" not in (await ask(deployment, path.partition("?")[0])).headers["cache-control"]


@pytest.mark.parametrize("what", ["categories", "sections", "sections?category=Premium", "sections/{}/seats"])
async def test_what_is_shown_of_seats_is_kept_until_one_changes(
    deployment: Deployment, event_id: str, what: str
) -> None:
    section = (await deployment.call("GET", f"/api/events/{event_id}/sections")).ok()["items"][0]["id"]
    path = f"/api/events/{event_id}/{what.format(section)}"
    first = await ask(deployment, path, "gzip, br")
    assert first.headers["cache-control"] == "no-cache"
    assert (await ask(deployment, path, "gzip, br", first.headers["etag"])).status == 304
    token = await deployment.user("buyer")
    seats = [seat["id"] for seat in await deployment.seats(event_id) if seat["category"] == "Premium"][:2]
    held = await deployment.call("POST", f"/api/events/{event_id}/holds", {"seats": seats}, token=token)
    held.ok(201)
    after = await ask(deployment, path, "gzip, br", first.headers["etag"])
    assert after.status == 200, "whoever holds a seat sees it held at once"
    assert content(after) != content(first)
    (await deployment.call("DELETE", f"/api/holds/{held.json['hold_id']}", token=token)).ok(204)
    assert content(await ask(deployment, path)) == content(first)


async def test_sections_of_one_category_are_not_taken_for_all(deployment: Deployment, event_id: str) -> None:
    path = f"/api/events/{event_id}/sections"
    everything = (await deployment.call("GET", path)).ok()["items"]
    premium = (await deployment.call("GET", f"{path}?category=Premium")).ok()["items"]
    standard = (await deployment.call("GET", f"{path}?category=Standard")).ok()["items"]
    assert [items[0]["total"] for items in (everything, premium, standard)] == [30, 10, 20]
    (await deployment.call("GET", f"{path}?category=categories")).refused(422, "validation_failed")


async def test_availability_is_known_by_a_weak_tag_too(deployment: Deployment, event_id: str) -> None:
    path = f"/api/events/{event_id}/availability"
    etag = (await ask(deployment, path)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert (await ask(deployment, path, known=known)).status == 304
