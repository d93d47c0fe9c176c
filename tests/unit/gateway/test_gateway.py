"""One pass over a request: names, identity, what is answered and how it ends."""

import asyncio
import io
import re
from typing import Any

import pytest

from houseful.gateway import AccessLog
from houseful.kernel.errors import Unavailable
from houseful.kernel.telemetry import request_id
from houseful.kernel.tracing import current_traceparent
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection, Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.harness import Harness, StreamingService, endpoint, scope_of


async def test_a_request_reaches_its_service(harness: Harness) -> None:
    reply = await harness.gateway().call("GET", "/api/things/7?x=1")
    assert reply.ok() == {"from": "service"}
    assert harness.recorder.scopes[0]["path"] == "/api/things/7"
    assert harness.recorder.scopes[0]["query_string"] == b"x=1"


async def test_unknown_paths_are_problems(harness: Harness) -> None:
    front = harness.gateway()
    for path in ("/api/nothing", "/api/", "/api/things/7/", "/api/things/7/8", "/.well-known/other"):
        problem = (await front.call("GET", path)).refused(404, "no_such_path")
        assert path in problem["detail"]
        assert problem["request_id"].startswith("req_")
    assert not harness.recorder.scopes


async def test_a_wrong_method_says_which_ones_are_right(harness: Harness) -> None:
    reply = await harness.gateway().call("DELETE", "/api/things/7")
    reply.refused(405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_options_says_what_is_allowed(harness: Harness) -> None:
    reply = await harness.gateway().call("OPTIONS", "/api/things")
    assert (reply.status, reply.content, reply.headers["allow"]) == (204, b"", "OPTIONS, POST")


async def test_head_is_get_without_the_body(harness: Harness) -> None:
    reply = await harness.gateway().call("HEAD", "/api/things/7", headers={"accept-encoding": "gzip"})
    assert (reply.status, reply.content, reply.headers["content-length"]) == (200, b"", "19")
    reply = await harness.gateway().call("HEAD", "/api/things/7/stream")
    assert reply.status == 405  # it would never end


@pytest.mark.parametrize(
    "header",
    ["X-User-Id", "x-user", "X-Houseful-User", "X-Auth-Request-User", "Remote-User", "X-Forwarded-User",
     "X-Request-Id", "X-Roles", "Forwarded", "X-Real-IP"],
)  # fmt: skip
async def test_headers_that_claim_an_identity_are_taken_off(harness: Harness, header: str) -> None:
    await harness.gateway().call(
        "GET", "/api/things/7", headers={header: "usr_admin", "x-houseful-client": "web"}
    )
    assert header.lower() not in harness.recorder.headers
    assert harness.recorder.headers["x-houseful-client"] == "web"


async def test_every_answer_has_a_name_of_its_own(harness: Harness) -> None:
    front = harness.gateway()
    names = {
        (await front.call(method, path, headers={"x-request-id": "mine"})).headers["x-request-id"]
        for method, path in [("GET", "/api/things/7"), ("GET", "/api/no"), ("GET", "/"), ("GET", "/healthz")]
    }
    assert len(names) == 4
    assert all(re.fullmatch("req_[0-9a-f]{32}", name) for name in names)


async def test_services_see_the_request_id_and_nobody_sees_it_afterwards(harness: Harness) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((request_id.get(), current_traceparent()))
        await harness.recorder(scope, receive, send)

    reply = await harness.gateway(app=app).call("GET", "/api/things/7")
    assert seen[0][0] == reply.headers["x-request-id"]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", seen[0][1] or "")
    assert request_id.get() is None
    assert current_traceparent() is None


async def test_a_valid_trace_is_carried_on_and_an_invalid_one_replaced(harness: Harness) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current_traceparent())
        await harness.recorder(scope, receive, send)

    front = harness.gateway(app=app)
    good = f"00-{'a1' * 16}-{'b2' * 8}-01"
    for sent in (good, f"00-{'0' * 32}-{'b2' * 8}-01", "garbage", good.upper(), good + "-x"):
        await front.call("GET", "/api/things/7", headers={"traceparent": sent})
    assert seen[0] == good
    assert good not in seen[1:]
    assert len(set(seen)) == 5


async def test_a_bad_token_is_refused_before_the_service(harness: Harness) -> None:
    front = harness.gateway()
    for token in ("garbage", harness.token(aud="other"), harness.token() + "x"):
        reply = await front.call("GET", "/api/things/7", headers={"authorization": f"Bearer {token}"})
        reply.refused(401, "token_invalid")
    old = harness.token(lifetime_seconds=-1)
    reply = await front.call("GET", "/api/things/7", headers={"authorization": f"Bearer {old}"})
    reply.refused(401, "token_expired")
    assert not harness.recorder.scopes


async def test_a_good_token_passes_and_is_verified_once(harness: Harness) -> None:
    front = harness.gateway()
    headers = {"authorization": f"Bearer {harness.token()}"}
    for _ in range(3):
        (await front.call("GET", "/api/things/7", headers=headers)).ok()
    assert harness.keys_asked == 1
    assert harness.recorder.headers["authorization"] == headers["authorization"]


async def test_between_services_other_keys_are_used(harness: Harness) -> None:
    (
        await harness.gateway().call("POST", "/api/internal", headers={"authorization": "Bearer an-api-key"})
    ).ok()


async def test_every_answer_is_guarded(harness: Harness) -> None:
    front = harness.gateway()
    for path in ("/api/things/7", "/api/no", "/", "/api/docs"):
        headers = (await front.call("GET", path)).headers
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "object-src 'none'"} <= set(
            policy
        )
        assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy)
        assert not [name for name in headers if name.startswith("access-control-")]  # no other site may read
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"]
        assert "camera=(self)" in headers["permissions-policy"]
        assert "strict-transport-security" not in headers
    secure = harness.gateway(public_url="https://tickets.example.org")
    assert "strict-transport-security" in (await secure.call("GET", "/")).headers


async def test_answers_of_services_are_not_kept_unless_they_say_so(harness: Harness) -> None:
    assert (await harness.gateway().call("GET", "/api/things/7")).headers["cache-control"] == "no-store"
    harness.recorder.answer = Response(b"{}", headers=[("cache-control", "max-age=1")])
    assert (await harness.gateway().call("GET", "/api/things/7")).headers["cache-control"] == "max-age=1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Unavailable("no keys"), 503, "unavailable"), (KeyError("x"), 500, "internal_error")],
)
async def test_trouble_becomes_a_problem(harness: Harness, error: Exception, status: int, code: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    problem = (await harness.gateway(app=app).call("GET", "/api/things/7")).refused(status, code)
    assert "KeyError" not in str(problem)


async def test_half_an_answer_is_cut_and_not_completed(harness: Harness) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("in the middle")

    cuts: list[str] = []
    extensions = {ABORT_EXTENSION: lambda: cuts.append("cut")}
    reply = await harness.gateway(app=app).call("GET", "/api/things/7", extensions=extensions)
    assert cuts == ["cut"]
    assert reply.content == b""


async def test_a_cut_ends_the_connection_or_is_the_callers_own(harness: Harness) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AbortConnection

    front = harness.gateway(app=app)
    cuts: list[str] = []
    reply = await front.call("GET", "/api/things/7", extensions={ABORT_EXTENSION: lambda: cuts.append("cut")})
    assert (reply.status, cuts) == (0, ["cut"])
    with pytest.raises(AbortConnection):
        await front.call("GET", "/api/things/7", client=None)


async def test_open_streams_end_when_the_process_does(harness: Harness) -> None:
    service = StreamingService()
    front = harness.gateway(app=service)
    call = asyncio.create_task(front.call("GET", "/api/things/7/stream"))
    await asyncio.wait_for(service.open.wait(), PATIENCE_SECONDS)
    front.gateway.stop()
    reply = await asyncio.wait_for(call, PATIENCE_SECONDS)
    assert reply.content == b"data: 1\n\n"  # and then the end, which an unfinished answer would not have
    assert service.cancelled
    (await front.call("GET", "/api/things/7/stream")).refused(503, "unavailable")
    (await front.call("GET", "/readyz")).refused(503, "stopping")


async def test_a_stream_that_is_cancelled_by_others_stays_cancelled(harness: Harness) -> None:
    service = StreamingService()
    call = asyncio.create_task(harness.gateway(app=service).call("GET", "/api/things/7/stream"))
    await asyncio.wait_for(service.open.wait(), PATIENCE_SECONDS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_streams_are_not_compressed_or_held_back(harness: Harness) -> None:
    service = StreamingService(ends_itself=True)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = scope_of("GET", "/api/things/7/stream", {"accept-encoding": "gzip"})
    await harness.gateway(app=service).gateway(scope, _nothing, send)
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]


async def _nothing() -> Any:
    return {"type": "http.disconnect"}


async def test_the_access_log_tells_no_secrets(harness: Harness) -> None:
    output = io.StringIO()
    log = AccessLog("console", output=output)
    front = harness.gateway(access_log=log)
    headers = {"authorization": f"Bearer {harness.token('usr_7')}"}
    reply = await front.call("GET", "/api/things/7?client_secret=hidden", headers=headers)
    await front.call("GET", "/healthz")
    await front.call("GET", "/metrics")
    await front.call("GET", "/api/things/inner", client=None)
    log.flush()
    [line] = output.getvalue().splitlines()
    assert "GET /api/things/7 200" in line
    assert reply.headers["x-request-id"] in line
    assert line.endswith("usr_7")
    assert "hidden" not in line
    assert harness.token("usr_7")[:20] not in line


async def test_the_access_log_can_not_be_forged_by_a_path(harness: Harness) -> None:
    for style in ("console", "json"):
        output = io.StringIO()
        log = AccessLog(style, output=output)
        await harness.gateway(access_log=log).call("GET", "/api/x\n00:00:00 info    GET /admin 200")
        log.flush()
        assert len(output.getvalue().splitlines()) == 1


async def test_two_services_can_not_have_one_route(harness: Harness) -> None:
    twice = endpoint("GET", "/api/things/{id}")
    with pytest.raises(ValueError, match="two routes"):
        harness.gateway(twice, twice)
