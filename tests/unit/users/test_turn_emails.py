"""The email to who stands in a line and wanted to be told."""

from houseful.messages import TurnNear
from houseful.users import MANIFEST
from tests.unit.users.support import ANN, Harness, json, link_of

HOUR_MILLIS = 3_600_000


async def near(harness: Harness, user_id: str, *, told_at: int | None = None) -> None:
    message = TurnNear(
        place_id="evt_1:0f",
        event_id="evt_1",
        user_id=user_id,
        title="A <show>",
        told_at=harness.clock.now() if told_at is None else told_at,
    )
    async with harness.store.begin() as tx:
        await MANIFEST.handlers[TurnNear](harness.users, tx, message)


async def verified(harness: Harness) -> str:
    token = await harness.registered()
    [email] = await harness.mailed()
    assert (await harness.call("POST", "/api/auth/verify-email", {"token": link_of(email)})).status == 204
    return str(json(await harness.call("GET", "/api/me", token=token))["id"])


async def test_the_email_names_the_event_and_leads_to_its_line(harness: Harness) -> None:
    await near(harness, await verified(harness))
    [email] = await harness.mailed()
    assert (email.to_address, email.subject) == (ANN, "It is nearly your turn")
    assert "“A <show>”" in email.text
    assert "/events/evt_1/line" in email.text
    assert email.html is not None
    assert "“A &lt;show&gt;”" in email.html
    assert 'href="http://127.0.0.1:8000/events/evt_1/line"' in email.html


async def test_no_email_for_who_is_not_there_or_has_not_confirmed(harness: Harness) -> None:
    token = await harness.registered()
    await harness.mailed()
    await near(harness, "usr_nobody")
    await near(harness, str(json(await harness.call("GET", "/api/me", token=token))["id"]))
    assert await harness.mailed() == []


async def test_no_email_that_comes_too_late(harness: Harness) -> None:
    await near(harness, await verified(harness), told_at=harness.clock.now() - HOUR_MILLIS)
    assert await harness.mailed() == []
