"""How long a hold takes while somebody asks for figures, sends plans, prints tickets or guesses passwords.

    python -m bench beside_sale [--only=PDF]

Buyers hold two seats and give them back, a hundred times a second, each from an address of its own. Beside
them another process sends one kind of request from one address, each connection the next as soon as the last
is answered. Stretches with and without it alternate, and what counts is the ratio of their 95th percentiles.
Limits are on.
"""

import asyncio
import base64
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec

from bench.holds import serving
from bench.load import Tokens, request
from houseful.tools.sample_venues import stadium

SEATS = 12_000
PLAN_SEATS = 60_000
ROUNDS = 7
STRETCH_SECONDS = 3.0
PER_SECOND = 100
BUYERS = 400
ATTACKER = "198.51.100.7"


class Disturbance(NamedTuple):
    connections: int
    requests: list[bytes]
    """Sent in turn."""


def main(arguments: list[str]) -> None:
    os.environ |= {"HOUSEFUL_RATE_LIMITS": "on", "HOUSEFUL_PROXIES": "1"}
    with tempfile.TemporaryDirectory() as folder, serving(folder, SEATS) as server:
        os.sched_setaffinity(server.pid, range(os.cpu_count() or 1))  # its workers are to have the other core
        assert server.stdout is not None
        chosen = [one.removeprefix("--only=") for one in arguments]
        asyncio.run(_measure(json.loads(server.stdout.readline()), chosen))


async def _measure(server: dict[str, Any], chosen: list[str]) -> None:
    sale = _Sale(server)
    await sale.run(STRETCH_SECONDS)  # warms up
    for name, disturbance in (await _disturbances(server, sale.tokens)).items():
        if chosen and not any(one in name for one in chosen):
            continue
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):
            alone.append(_p95(await sale.run(STRETCH_SECONDS)))
            with _disturbing(server["port"], disturbance) as answered:
                beside.append(_p95(await sale.run(STRETCH_SECONDS)))
        ratio = statistics.median(with_it / without for with_it, without in zip(beside, alone, strict=True))
        print(
            f"{name}, {disturbance.connections} connections: p95 of a hold"
            f" {statistics.median(alone):.1f} ms without, {statistics.median(beside):.1f} ms with,"
            f" {ratio:.2f} of it; answers in the last stretch {answered[0]}",
            flush=True,
        )
    await sale.close()


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)] * 1000


class _Sale:
    """Holds at a steady pace, whatever the last one took: who comes does not wait for others."""

    def __init__(self, server: dict[str, Any]) -> None:
        self.tokens = Tokens(base64.urlsafe_b64decode(server["token_key"] + "="))
        self._base = f"http://127.0.0.1:{server['port']}"
        self._event_id = server["event_id"]
        self._pairs = itertools.cycle(
            [row[i : i + 2] for row in server["rows"] for i in range(0, len(row) - 1, 2)]
        )
        self._buyers = itertools.cycle(
            [
                {
                    "authorization": f"Bearer {self.tokens.token(f'usr_{n}')}",
                    "x-forwarded-for": f"10.1.{n // 250}.{n % 250}",
                }
                for n in range(BUYERS)
            ]
        )
        self._keys = itertools.count()
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def run(self, seconds: float) -> list[float]:
        began, taken = time.perf_counter(), []
        async with asyncio.TaskGroup() as buying:
            for number in range(int(seconds * PER_SECOND)):
                await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
                taken.append(buying.create_task(self._hold()))
        return [task.result() for task in taken]

    async def _hold(self) -> float:
        headers, seats = next(self._buyers), next(self._pairs)
        key = {"idempotency-key": f"sale-{next(self._keys)}"}
        url = f"{self._base}/api/events/{self._event_id}/holds"
        before = time.perf_counter()
        async with self._session.post(url, json={"seats": seats}, headers=headers | key) as answer:
            body = await answer.json()
            assert answer.status in (201, 409), body  # a seat is sold, to whoever prints its ticket
        took = time.perf_counter() - before
        if "hold_id" not in body:
            return took
        async with self._session.delete(
            f"{self._base}/api/holds/{body['hold_id']}", headers=headers
        ) as answer:
            assert answer.status == 204
        return took

    async def close(self) -> None:
        await self._session.close()


async def _disturbances(server: dict[str, Any], tokens: Tokens) -> dict[str, Disturbance]:
    organizer = tokens.token("usr_loud", "organizer")
    plan, _, prices = stadium(PLAN_SEATS)
    event = {
        "title": "Loud", "venue": "Loud", "starts_at": "2040-01-01T20:00:00Z", "timezone": "UTC",
        "currency": "EUR", "plan": plan, "prices": prices,
    }  # fmt: skip
    login = msgspec.json.encode(
        {"email": "nobody@example.org", "password": "wrong", "token_transport": "body"}
    )
    buyer = tokens.token("usr_printing")
    ticket_id = await _bought(server, buyer)
    return {
        "/metrics": Disturbance(20, [_sent("GET", "/metrics", b"", server["metrics_token"])]),
        "/readyz": Disturbance(20, [_sent("GET", "/readyz", b"", "")]),
        "refused logins": Disturbance(20, [_sent("POST", "/api/auth/login", login, "")]),
        "tickets as PDF": Disturbance(4, [_sent("GET", f"/api/tickets/{ticket_id}.pdf", b"", buyer)]),
        f"plans of {PLAN_SEATS:,} seats": Disturbance(
            2, [_sent("POST", "/api/events", msgspec.json.encode(event), organizer)]
        ),
    }


def _sent(method: str, path: str, body: bytes, token: str) -> bytes:
    head, _, rest = request(method, path, body, token).partition(b"\r\n")
    if not token:
        rest = rest.replace(b"authorization: Bearer \r\n", b"")
    return head + f"\r\nx-forwarded-for: {ATTACKER}\r\n".encode() + rest


async def _bought(server: dict[str, Any], token: str) -> str:
    base = f"http://127.0.0.1:{server['port']}"
    headers = {"authorization": f"Bearer {token}", "x-forwarded-for": "10.2.0.1"}
    keys = itertools.count()
    async with aiohttp.ClientSession(base, headers=headers) as session:

        async def call(method: str, path: str, body: Any = None) -> Any:
            key = {"idempotency-key": f"bought-{next(keys)}"}
            async with session.request(method, path, json=body, headers=key) as answer:
                assert answer.status < 300, await answer.text()
                return await answer.json()

        best = {"best_available": {"quantity": 1}}
        held = await call("POST", f"/api/events/{server['event_id']}/holds", best)
        buyer = {"name": "Bea Brandt", "email": "bea@example.org"}
        order = await call("POST", "/api/orders", {"hold_id": held["hold_id"], "buyer": buyer})
        payment = order["payment"]
        card = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}
        paid = {"client_secret": payment["client_secret"], "card": card}
        await call("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", paid)
        while not (found := (await call("GET", f"/api/orders/{order['id']}/tickets"))["items"]):  # noqa: ASYNC110 - it waits for the server
            await asyncio.sleep(0.05)
        return str(found[0]["id"])


@contextmanager
def _disturbing(port: int, disturbance: Disturbance) -> Iterator[list[str]]:
    """In a process of its own, behind those who buy: it is the server that is to be disturbed, not they. In
    the list is afterwards what was answered, by status."""
    command = [sys.executable, "-m", "bench.beside_sale", str(port), str(disturbance.connections)]
    answered: list[str] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(json.dumps([one.decode("latin-1") for one in disturbance.requests]) + "\n")
        other.stdin.flush()
        other.stdout.readline()  # it has begun
        try:
            yield answered
        finally:
            other.stdin.close()
            answered.append(other.stdout.readline().strip())


async def _disturb(port: int, connections: int, requests: list[bytes]) -> None:
    """Until the standard input ends."""
    statuses: Counter[int] = Counter()
    print("begun", flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    clients = [
        asyncio.create_task(_client(port, itertools.cycle(requests), statuses)) for _ in range(connections)
    ]
    await ended
    for client in clients:
        client.cancel()
    print(dict(statuses), flush=True)


async def _client(port: int, requests: Iterator[bytes], statuses: Counter[int]) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for sent in requests:
                writer.write(sent)
                await writer.drain()
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                statuses[int(head[9:12])] += 1
                if b"connection: close" in head:
                    writer.close()
                    break
        except (OSError, asyncio.IncompleteReadError):
            statuses[0] += 1


if __name__ == "__main__":
    os.nice(10)
    _port, _connections = int(sys.argv[1]), int(sys.argv[2])
    _requests = [one.encode("latin-1") for one in json.loads(sys.stdin.readline())]
    asyncio.run(_disturb(_port, _connections, _requests))
