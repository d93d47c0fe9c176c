"""Presales on every topology: codes are used by no more accounts than they may be, whoever comes at once."""

import asyncio
from collections import Counter
from typing import Any

from houseful.kernel.times import rfc3339
from tests.support.deployment import Reply
from tests.system.deployments import SystemDeployment
from tests.system.support import must_be_sound, organizer_of, token_of

DAY = 24 * 3_600_000


async def announced(deployment: SystemDeployment, **changes: Any) -> tuple[str, str]:
    """An event that goes on sale in a day, and the address of the codes of its presale."""
    organizer, now = organizer_of(deployment), deployment.app.clock.now()
    event_id = await deployment.event(organizer, on_sale_at=rfc3339(now + DAY), **changes)
    window = {"name": "Friends", "opens_at": rfc3339(now - 1000)}
    path = f"/api/events/{event_id}/presales"
    presale = (await deployment.call("POST", path, window, token=organizer)).ok(201)
    return event_id, f"{path}/{presale['id']}/codes"


async def use(deployment: SystemDeployment, event_id: str, name: str, code: str) -> Reply:
    path = f"/api/events/{event_id}/presale-access"
    return await deployment.call("POST", path, {"code": code}, token=token_of(deployment, name))


async def test_forty_accounts_use_a_code_of_ten_at_once(deployment: SystemDeployment) -> None:
    event_id, codes = await announced(deployment)
    organizer = organizer_of(deployment)
    body = {"codes": [{"code": "OPENING-NIGHT", "max_uses": 10}]}
    (await deployment.call("POST", codes, body, token=organizer)).ok(201)
    names = [f"b{number}" for number in range(40)]

    async def insists(name: str) -> tuple[str, int]:
        """503 says that nobody knows yet."""

        async def told() -> int | None:
            status = (await use(deployment, event_id, name, "opening night")).status
            return None if status == 503 else status

        return name, await deployment.until(told)

    ended = await asyncio.gather(*(insists(name) for name in names for _ in range(2)))
    assert Counter(status for _, status in ended) == {200: 20, 409: 60}
    let_in = {name for name, status in ended if status == 200}
    assert len(let_in) == 10
    holds = f"/api/events/{event_id}/holds"
    for name in names:
        seat = {"best_available": {"quantity": 1}}
        answer = await deployment.call("POST", holds, seat, token=token_of(deployment, name))
        assert answer.status == (201 if name in let_in else 403), name
    [code] = (await deployment.call("GET", codes, token=organizer)).ok()["items"]
    assert (code["uses"], code["uses_left"]) == (10, 0)
    await must_be_sound(deployment)


async def test_a_presale_of_an_event_with_a_line_goes_past_the_line(deployment: SystemDeployment) -> None:
    event_id, codes = await announced(deployment, line={"mode": "on"})
    organizer = organizer_of(deployment)
    (await deployment.call("POST", codes, {"generate": {"count": 1}}, token=organizer)).ok(201)
    [code] = (await deployment.call("GET", codes, token=organizer)).ok()["items"]
    bea, holds = token_of(deployment, "bea"), f"/api/events/{event_id}/holds"
    seat = {"best_available": {"quantity": 1}}

    async def line_is_known() -> bool:
        answer = await deployment.call("GET", "/api/lines/events")
        return event_id in answer.ok()["on_sale_at"]

    await deployment.until(line_is_known)
    (await deployment.call("POST", holds, seat, token=bea)).refused(403, "access_code_required")
    (await use(deployment, event_id, "bea", code["code"])).ok(200)
    held = (await deployment.call("POST", holds, seat, token=bea)).ok(201)
    await deployment.order(bea, held["hold_id"])
