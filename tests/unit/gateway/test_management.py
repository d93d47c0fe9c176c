import asyncio
from typing import Any

import pytest

from houseful.gateway import management
from houseful.kernel.errors import Unavailable
from tests.support.deployment import Deployment, open_stream
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.harness import HERE, Harness


async def test_alive_needs_nothing() -> None:
    assert (await Harness().gateway(checks={"store": _broken}).call("GET", "/healthz")).ok() == {
        "status": "alive"
    }


async def _good() -> None:
    pass


async def _broken() -> None:
    raise Unavailable("the disk is full")


async def _silent() -> None:
    await asyncio.Event().wait()


async def test_ready_when_all_is() -> None:
    reply = await Harness().gateway(checks={"store": _good}).call("GET", "/readyz", **HERE)
    assert reply.ok() == {"status": "ready", "checks": {"store": "ready"}}


async def test_not_ready_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "_READY_SECONDS", 0.05)
    checks = {"store": _broken, "bus": _silent, "coordination": _good}
    problem = (await Harness().gateway(checks=checks).call("GET", "/readyz", **HERE)).refused(
        503, "not_ready"
    )
    assert problem["checks"]["store"] == "the disk is full"
    assert "no answer" in problem["checks"]["bus"]
    assert problem["checks"]["coordination"] == "ready"


async def test_ready_without_what_is_only_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it does not wait for that: a gateway takes a late answer for none, and would send no requests."""
    monkeypatch.setattr(management, "_READY_SECONDS", 600)
    monkeypatch.setattr(management, "_WATCHED_SECONDS", 0.05)
    gateway = Harness().gateway(checks={"store": _good}, watched={"bus": _silent, "coordination": _broken})
    async with asyncio.timeout(PATIENCE_SECONDS):
        reply = await gateway.call("GET", "/readyz", **HERE)
    assert reply.ok()["checks"] == {
        "store": "ready",
        "bus": "no answer within 0.05 s",
        "coordination": "the disk is full",
    }


async def test_sales_need_no_bus(deployment: Deployment) -> None:
    assert deployment.app.bus is not None
    await deployment.app.bus.close()
    reply = (await deployment.call("GET", "/readyz")).ok()
    assert reply["checks"]["bus"] != "ready"
    assert {name for name, outcome in reply["checks"].items() if outcome != "ready"} == {"bus"}


async def test_figures_count_requests_by_route_and_not_by_path() -> None:
    front = Harness().gateway()
    for number in range(3):
        await front.call("GET", f"/api/things/{number}")
        await front.call("GET", f"/api/nothing/{number}")
    text = (await front.call("GET", "/metrics", **HERE)).content.decode()
    assert 'route="/api/things/{thing_id}"' in text
    assert "/api/things/1" not in text
    assert "/api/nothing" not in text


async def test_the_document_describes_every_route(deployment: Deployment) -> None:
    document = (await deployment.call("GET", "/api/openapi.json")).ok()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert paths["/api/events/{event_id}/holds"]["post"]["tags"] == ["tickets"]
    parameters = paths["/api/events/{event_id}/holds"]["post"]["parameters"]
    assert {(one["name"], one["in"]) for one in parameters} == {
        ("event_id", "path"),
        ("Idempotency-Key", "header"),
        ("X-Line-Pass", "header"),
    }
    assert {"200", "201"} <= set(paths["/api/events/{event_id}/line"]["post"]["responses"])
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(ids) == len(set(ids))
    used = set(_references(document))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert used <= known | {"#/components/responses/Problem"}


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "$ref":
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


async def test_what_the_document_names_exists(deployment: Deployment) -> None:
    """Each operation is really routed: whatever else is wrong with an empty request, the path and the method
    are not."""
    document = (await deployment.call("GET", "/api/openapi.json")).ok()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "text/event-stream" in str(operation["responses"]):
                continue
            reply = await deployment.call(method.upper(), path)
            code = (
                reply.json.get("code")
                if reply.headers.get("content-type", "").endswith("problem+json")
                else None
            )
            assert code not in ("no_such_path", "method_not_allowed", "internal_error"), (
                method,
                path,
                reply.content,
            )


async def test_the_docs_page_needs_nobody_else(deployment: Deployment) -> None:
    page = await deployment.call("GET", "/api/docs")
    script = await deployment.call("GET", "/api/docs/page.js")
    assert page.headers["content-type"].startswith("text/html")
    assert script.headers["content-type"].startswith("text/javascript")
    for content in (page.content, script.content):
        assert b"http://" not in content
        assert b"https://" not in content
    assert b"<script>" not in page.content  # the content-security policy would refuse it


async def test_a_hall_can_be_watched_until_the_end(deployment: Deployment) -> None:
    from houseful.kernel.roles import Role

    event_id = await deployment.event(await deployment.user("organizer", Role.ORGANIZER))
    path = f"/api/events/{event_id}/availability/stream"
    async with open_stream(deployment, path, client=("192.0.2.1", 1)) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        assert (await stream.event())[0] == "snapshot"
        deployment.app.entry.stop()
        await stream.ended()
