"""The server as the process that an operator starts."""

import http.client
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployment import CARD, PASSWORD, plan
from tests.support.live_server import LiveServer
from tests.support.patience import PATIENCE_SECONDS
from tests.system.command_line import run_houseful

Start = Callable[..., LiveServer]


def test_it_says_ready_answers_and_ends(live: Start) -> None:
    server = live(forked=False)
    assert server.call("GET", "/healthz").ok() == {"status": "alive"}
    assert server.call("GET", "/readyz").ok()["status"] == "ready"
    assert server.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        server.call("GET", "/healthz")
    assert "Traceback" not in server.log()


def test_ctrl_c_ends_it_too(live: Start) -> None:
    server = live(forked=False)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in server.log()


def test_what_was_acknowledged_is_there_after_a_kill(live: Start) -> None:
    server = live()
    body = {"email": "a@example.org", "password": PASSWORD, "name": "A"}
    server.call("POST", "/api/auth/register", body).ok(201)
    server.process.kill()
    server.process.wait()
    again = live()
    del body["name"]
    again.call("POST", "/api/auth/login", body).ok(200)


def test_one_server_a_folder(live: Start, tmp_path: Path) -> None:
    server = live()
    second = run_houseful(["up", "--data", str(server.data), "--port", "0"], {})
    assert second.returncode == 2
    assert f"process {server.process.pid}" in second.stderr
    assert len(second.stderr.strip().splitlines()) <= 2, second.stderr


def test_a_port_in_use(live: Start, tmp_path: Path) -> None:
    server = live()
    second = run_houseful(["up", "--data", str(tmp_path / "other"), "--port", str(server.port)], {})
    assert second.returncode == 2
    assert f"port {server.port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_an_open_event_stream_does_not_hold_the_end_up(live: Start) -> None:
    server = live(HOUSEFUL_SHUTDOWN_SECONDS="500")
    event_id, _ = _event_on_sale(server)
    connection = server.connection()
    connection.request("GET", f"/api/events/{event_id}/availability/stream")
    stream = connection.getresponse()
    assert stream.status == 200
    assert stream.readline()
    assert server.stop() == 0  # within PATIENCE_SECONDS, which is less than half of what it might wait
    stream.read()  # ends properly: an answer that was cut off would raise IncompleteRead
    connection.close()


def test_a_lost_answer_is_really_lost(live: Start) -> None:
    server = live()
    event_id, token = _event_on_sale(server)
    order = _ordered(server, event_id, token)
    payment = order["payment"]
    body = {"client_secret": payment["client_secret"], "card": CARD | {"number": "4000000000000341"}}
    connection = server.connection()
    connection.request("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", json.dumps(body))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()
    headers = {"authorization": f"Bearer {token}"}
    _until(
        lambda: (
            server.call("GET", f"/api/orders/{order['id']}", headers=headers).ok()["status"] == "confirmed"
        )
    )


def test_a_client_that_goes_away_in_the_middle_is_no_error(live: Start) -> None:
    server = live()
    for sent in (
        b"POST /api/auth/login HTTP/1.1\r\ncontent-length: 100\r\n\r\n{",
        b"GET /api/events HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(sent)
    assert server.call("GET", "/readyz").status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log()


def test_what_comes_to_no_request_is_answered_as_everything_is(live: Start) -> None:
    server = live()
    usual = set(server.call("GET", "/healthz").headers)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        problem = json.loads(answer.read())
    headers = {name.lower(): value for name, value in answer.getheaders()}
    assert answer.status == 400
    assert problem["request_id"] == headers["x-request-id"]
    assert usual <= set(headers)
    assert server.stop() == 0
    assert headers["x-request-id"] in server.log()


def test_accounts_and_checks_beside_a_running_server(live: Start) -> None:
    server = live()
    made = run_houseful(
        ["create-admin", "--email", "boss@example.org", "--data", str(server.data)],
        {"HOUSEFUL_PASSWORD": PASSWORD},
    )
    assert (made.returncode, made.stdout.strip()) == (0, "boss@example.org has the roles buyer, admin.")
    body = {"email": "boss@example.org", "password": PASSWORD}
    assert server.call("POST", "/api/auth/login", body).ok(200)["user"]["roles"] == ["buyer", "admin"]
    checked = run_houseful(["check", "--data", str(server.data), "--json"], {})
    assert checked.returncode == 0
    assert json.loads(checked.stdout)["ok"] is True
    assert run_houseful(["doctor", "--data", str(server.data)], {}).returncode == 0
    assert run_houseful(["messages", "parked", "--data", str(server.data)], {}).returncode == 0
    busy = run_houseful(["messages", "replay", "events", "--data", str(server.data)], {})
    assert busy.returncode == 2
    assert "in use" in busy.stderr


def _event_on_sale(server: LiveServer) -> tuple[str, str]:
    """Its id, and the token of somebody who may organize and buy."""
    run_houseful(
        ["create-admin", "--email", "boss@example.org", "--role", "organizer", "--data", str(server.data)],
        {"HOUSEFUL_PASSWORD": PASSWORD},
    )
    credentials = {"email": "boss@example.org", "password": PASSWORD}
    login = server.call("POST", "/api/auth/login", credentials).ok(200)
    headers = {"authorization": f"Bearer {login['access_token']}"}
    body = {
        "title": "An Evening", "venue": "The Hall", "starts_at": "2099-01-01T20:00:00Z",
        "timezone": "Europe/Berlin", "currency": "EUR", "plan": plan(),
        "prices": {"Premium": 5000, "Standard": 3000},
    }  # fmt: skip
    event_id = server.call("POST", "/api/events", body, headers=headers).ok(201)["id"]
    server.call("POST", f"/api/events/{event_id}/publish", headers=headers).ok(202)
    _until(lambda: server.call("GET", f"/api/events/{event_id}").ok()["state"] == "on_sale")
    return event_id, login["access_token"]


def _ordered(server: LiveServer, event_id: str, token: str) -> dict[str, dict[str, str]]:
    headers = {"authorization": f"Bearer {token}"}
    hold = server.call(
        "POST", f"/api/events/{event_id}/holds", {"best_available": {"quantity": 2}},
        headers=headers | {"idempotency-key": "hold"},
    ).ok(201)  # fmt: skip
    body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    order: dict[str, dict[str, str]] = server.call(
        "POST", "/api/orders", body, headers=headers | {"idempotency-key": "order"}
    ).ok(201)
    return order


def _until(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_on_all_addresses_it_works_at_each_and_says_what_to_set(live: Start) -> None:
    server = live("--host", "0.0.0.0")
    assert server.url == f"http://127.0.0.1:{server.port}"
    run_houseful(
        ["create-admin", "--email", "boss@example.org", "--data", str(server.data)],
        {"HOUSEFUL_PASSWORD": PASSWORD},
    )
    credentials = {"email": "boss@example.org", "password": PASSWORD}
    for host in (f"192.168.1.5:{server.port}", f"127.0.0.1:{server.port}", f"boxoffice.local:{server.port}"):
        page = {"host": host, "origin": f"http://{host}", "x-houseful-client": "web"}
        signed_in = server.call("POST", "/api/auth/login", credentials, headers=page)
        signed_in.ok(200)
        cookie, *attributes = signed_in.headers["set-cookie"].split("; ")
        assert "Secure" not in attributes, "browsers keep no such cookie from plain http"
        server.call("POST", "/api/auth/refresh", headers=page | {"cookie": cookie}).ok(200)
    assert "HOUSEFUL_PUBLIC_URL" in server.log()
    doctor = run_houseful(["doctor", "--data", str(server.data), "--json"], {})
    [links] = [one for one in json.loads(doctor.stdout)["findings"] if one["name"] == "links"]
    assert links["state"] == "warning"
    assert "HOUSEFUL_PUBLIC_URL" in links["fix"]
    assert f":{server.port}" in links["detail"]
    assert "0.0.0.0" not in links["detail"]


def test_at_a_public_url_there_is_nothing_to_say(live: Start) -> None:
    server = live("--host", "0.0.0.0", HOUSEFUL_PUBLIC_URL="https://tickets.example.org")
    assert "HOUSEFUL_PUBLIC_URL is not set" not in server.log()
    doctor = run_houseful(
        ["doctor", "--data", str(server.data), "--json"],
        {"HOUSEFUL_PUBLIC_URL": "https://tickets.example.org"},
    )
    assert {one["name"]: one["state"] for one in json.loads(doctor.stdout)["findings"]}["links"] == "ok"
