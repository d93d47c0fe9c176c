"""Sales whose messages stay in the outbox: an installation that ended before its background work ran.

    PYTHON unsent.py FOLDER PASSWORD DRAFT EVENING ORDER

PYTHON has the version of a sample installed; its `HOUSEFUL_*` variables name the stores. The program imports
that version and nothing of the tests. It publishes DRAFT, pays an order of EVENING and cancels ORDER. No
relay, consumer or job runs. It prints the id of the paid order.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from houseful.app import Running, running
from houseful.settings import load_settings


class User:
    """Calls the gateway of this process."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._headers = {"content-type": "application/json"}

    async def call(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        sent = json.dumps(body or {}).encode()
        headers = self._headers | {"idempotency-key": uuid.uuid4().hex}
        response = await self._app.client.request("POST", path, body=sent, headers=headers)
        assert 200 <= response.status < 300, f"{path}: {response.status} {response.body[:500]!r}"
        return json.loads(response.body) if response.body else None

    async def login(self, email: str, password: str) -> "User":
        credentials = {"email": email, "password": password, "token_transport": "body"}
        tokens = await self.call("/api/auth/login", credentials)
        self._headers["authorization"] = f"Bearer {tokens['access_token']}"
        return self


async def main(folder: str, password: str, draft: str, evening: str, cancelled: str) -> None:
    settings = load_settings(data=folder)
    async with running(settings, background=False, access_log=False) as app:
        oda = await User(app).login("oda@example.org", password)
        bea = await User(app).login("bea@example.org", password)
        await oda.call(f"/api/events/{draft}/publish")
        hold = await bea.call(f"/api/events/{evening}/holds", {"seats": ["A-5"]})
        buyer = {"name": "Bea Brandt", "email": "bea@example.org"}
        order = await bea.call("/api/orders", {"hold_id": hold["hold_id"], "buyer": buyer})
        payment = order["payment"]
        card = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}
        paid = await bea.call(
            f"/api/payments/intents/{payment['intent_id']}/confirm",
            {"client_secret": payment["client_secret"], "card": card},
        )
        assert paid["status"] == "succeeded"
        await bea.call(f"/api/orders/{cancelled}/cancel")
        print(order["id"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
