"""Demo content for an empty data folder: people, three venues, events on sale, and a sold-out event.

All of it goes through the public API, as organizers and buyers would do it: demo data are as consistent as
any. After a kill the next start continues: each step checks first what exists.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from houseful.app import Running
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Clock, Ids, ServiceClient
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.settings import Settings
from houseful.tools import sample_venues
from houseful.tools.offline import gateway_client, open_service_offline
from houseful.users import MANIFEST as USERS
from houseful.users.service import Users

PASSWORD = "houseful-demo"  # noqa: S105 - the demo's, printed at its start
ACCOUNTS: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("admin@houseful.test", "Ada Adler", (Role.ADMIN, Role.ORGANIZER)),
    ("organizer@houseful.test", "Olu Okafor", (Role.ORGANIZER,)),
    ("buyer@houseful.test", "Bea Brandt", ()),
    ("gate@houseful.test", "Gus Gallo", (Role.GATE,)),
)
_CROWD = tuple((f"crowd{number}@houseful.test", f"Crowd Member {number}", ()) for number in (1, 2, 3))
_CARD_NUMBER = "4242424242424242"
_PENDING, _DONE = "demo.pending", "demo.done"
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0

Say = Callable[[str], None]


class Show(NamedTuple):
    title: str
    description: str
    venue: str
    house: Callable[[], sample_venues.Venue]
    timezone: str
    currency: str
    in_days: int
    at: str
    on_sale_in_days: int | None = None
    sold_out: bool = False


SHOWS = (
    Show(
        "The Lamplighter's Daughter",
        "A town loses its lights one street at a time, and one girl knows the reason. With live music, "
        "two and a half hours with one interval. From age ten.",
        "Harbour Theatre",
        lambda: sample_venues.theatre(900),
        "Europe/London",
        "GBP",
        23,
        "19:30",
    ),
    Show(
        "Paper Lanterns: The Long Way Round",
        "The last night of the tour, on the big floor. Doors at half past six, support at half past seven.",
        "Northgate Arena",
        lambda: sample_venues.arena(12_000),
        "Europe/Berlin",
        "EUR",
        41,
        "20:00",
    ),
    Show(
        "Rivermouth United v Kestrel Town",
        "League match. The ground opens two hours before kick-off; bags larger than A4 stay outside.",
        "Kestrel Park",
        lambda: sample_venues.stadium(60_000),
        "Europe/London",
        "GBP",
        16,
        "15:00",
    ),
    Show(
        "A Winter's Tailor",
        "Threads, gossip and one very unwise waistcoat: the Christmas comedy, with the company of the house.",
        "Harbour Theatre",
        lambda: sample_venues.theatre(900),
        "Europe/London",
        "GBP",
        60,
        "19:30",
        on_sale_in_days=3,
    ),
    Show(
        "Quartet for a Small Room",
        "Four players, ninety-six chairs and no amplification.",
        "The Old Reading Room",
        lambda: sample_venues.theatre(96),
        "Europe/Berlin",
        "EUR",
        9,
        "20:00",
        sold_out=True,
    ),
)


async def fill(app: Running, fresh: bool, *, say: Say) -> None:
    """Fill the installation. `fresh` says that the data folder was empty at the start."""
    pending, done = (app.settings.data_folder / name for name in (_PENDING, _DONE))
    if fresh:
        pending.touch()
    if pending.exists():
        say("demo: making accounts, houses and events …")
        await _Demo(app.services["users"], app.client, app.clock, app.ids, say).make()
        await asyncio.to_thread(_finish, pending, done)
    elif not done.exists():
        say("demo: this data folder was not empty, so that nothing was added to it.")
        return
    say(_summary(app.settings.base_url))


async def fill_from_outside(settings: Settings, *, say: Say) -> None:
    """Fill a running installation, through its gateway and beside its users service."""
    async with open_service_offline(settings, USERS) as users, gateway_client(settings) as client:
        await _Demo(users, client, SystemClock(), SystemIds(), say).make()
    say(_summary(settings.base_url))


def _finish(pending: Path, done: Path) -> None:
    done.touch()
    pending.unlink()


def _summary(url: str) -> str:
    rows = [f"  {email:26} {', '.join(roles) or 'buyer'}" for email, _, roles in ACCOUNTS]
    width = max(len(row) for row in rows) + 2
    lines = [
        f"The demo is ready: {url}",
        "",
        *rows,
        f"  password of all of them:   {PASSWORD}",
        "",
        "  card 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined;",
        "  any date to come, any three digits",
    ]
    width = max(width, *(len(line) + 2 for line in lines))
    edge = "─" * width
    return "\n".join([f"┌{edge}┐", *(f"│ {line:{width - 2}} │" for line in lines), f"└{edge}┘"])


class _Demo:
    def __init__(self, users: Users, client: ServiceClient, clock: Clock, ids: Ids, say: Say) -> None:
        self._users = users
        self._client = client
        self._clock = clock
        self._ids = ids
        self._say = say

    async def make(self) -> None:
        for email, name, roles in (*ACCOUNTS, *_CROWD):
            await self._users.create_user(email, PASSWORD, name, roles)
        organizer = await self._sign_in("organizer@houseful.test")
        events = []
        for show in SHOWS:
            event = await self._event(organizer, show)
            if event["state"] == "draft":
                event = await self._call("POST", f"/api/events/{event['id']}/publish", organizer)
            events.append(event)
        for show, event in zip(SHOWS, events, strict=True):
            total = await self._ready(event["id"])
            self._say(f"demo: {show.title} at {show.venue}, {total:,} places")
            if show.sold_out:
                await self._sell_out(event["id"])

    async def _event(self, organizer: str, show: Show) -> dict[str, Any]:
        cursor = ""
        while True:
            page = await self._call("GET", f"/api/events?mine=true{cursor}", organizer)
            for event in page["items"]:
                if event["title"] == show.title:
                    return dict(event)
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        plan, areas, prices = await asyncio.to_thread(show.house)
        now = self._clock.now()
        body = {
            "title": show.title,
            "description": show.description,
            "venue": show.venue,
            "starts_at": _moment(now, show.in_days, show.at, show.timezone),
            "timezone": show.timezone,
            "currency": show.currency,
            "plan": plan,
            "prices": prices,
            "areas": areas,
        }
        if show.on_sale_in_days is not None:
            body["on_sale_at"] = _moment(now, show.on_sale_in_days, "10:00", show.timezone)
        return await self._call("POST", "/api/events", organizer, body)

    async def _ready(self, event_id: str) -> int:
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            try:
                inventory = await self._call("GET", f"/api/events/{event_id}/inventory")
            except _Refused as refused:
                if refused.status != 404:  # the message that it is published is still on its way
                    raise
            else:
                if inventory["state"] == "ready":
                    return int(inventory["total"])
                if inventory["state"] == "failed":
                    raise RuntimeError(f"the demo's hall can't be made: {inventory['detail']}")
            await self._clock.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the demo's hall is not ready after {_PATIENCE_SECONDS:g} s")

    async def _sell_out(self, event_id: str) -> None:
        crowd = [(await self._sign_in(email), email, name) for email, name, _ in _CROWD]
        for token, email, name in crowd:  # what an earlier start left half done
            for hold in (await self._call("GET", "/api/holds", token))["items"]:
                if hold["status"] == "active":
                    await self._order(token, hold, email, name)
            for order in (await self._call("GET", "/api/orders", token))["items"]:
                if order["status"] == "awaiting_payment":
                    await self._pay(token, order)
        turn = 0
        quantity = 8
        while quantity > 0:
            token, email, name = crowd[turn % len(crowd)]
            turn += 1
            try:
                wanted = {"best_available": {"quantity": quantity}}
                hold = await self._call("POST", f"/api/events/{event_id}/holds", token, wanted)
            except _Refused as refused:
                if refused.code != "not_enough_seats":
                    raise
                quantity = min(quantity - 1, int(refused.problem["available"]))
                continue
            await self._pay(token, await self._order(token, hold, email, name))

    async def _order(self, token: str, hold: dict[str, Any], email: str, name: str) -> dict[str, Any]:
        body = {"hold_id": hold["hold_id"], "buyer": {"name": name, "email": email}}
        return await self._call("POST", "/api/orders", token, body)

    async def _pay(self, token: str, order: dict[str, Any]) -> None:
        if not order["payment"]["intent_id"]:  # it was interrupted; the reconciler opens the payment
            order = await self._order_with(token, order["id"], lambda one: bool(one["payment"]["intent_id"]))
        year = datetime.fromtimestamp(self._clock.now() / 1000, UTC).year + 3
        card = {"number": _CARD_NUMBER, "exp": f"12/{year % 100:02}", "cvc": "123"}
        body = {"client_secret": order["payment"]["client_secret"], "card": card}
        await self._call("POST", f"/api/payments/intents/{order['payment']['intent_id']}/confirm", None, body)
        await self._order_with(token, order["id"], lambda one: one["status"] == "confirmed")

    async def _order_with(
        self, token: str, order_id: str, wanted: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            order = await self._call("GET", f"/api/orders/{order_id}", token)
            if wanted(order):
                return order
            await self._clock.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the demo's order {order_id} is not settled but {order['status']}")

    async def _sign_in(self, email: str) -> str:
        body = {"email": email, "password": PASSWORD, "token_transport": "body"}
        return str((await self._call("POST", "/api/auth/login", None, body))["access_token"])

    async def _call(
        self, method: str, path: str, token: str | None = None, body: Any = None
    ) -> dict[str, Any]:
        headers = {"content-type": "application/json", "idempotency-key": self._ids.new("demo")}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = await self._client.request(method, path, body=raw, headers=headers)
        result: dict[str, Any] = msgspec.json.decode(answer.body) if answer.body else {}
        if answer.status >= 400:
            raise _Refused(method, path, answer.status, result)
        return result


class _Refused(Exception):
    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{method} {path}: {status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = problem.get("code")
        self.problem = problem


def _moment(now: int, days: int, at: str, timezone: str) -> str:
    """The moment `days` from now at a local time of the venue."""
    zone = ZoneInfo(timezone)
    hour, minute = at.split(":")
    day = datetime.fromtimestamp(now / 1000, zone) + timedelta(days=days)
    local = day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return rfc3339(round(local.timestamp() * 1000))
