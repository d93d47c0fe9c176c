"""Who waits in a line and wants an email when the turn is near gets one, in each topology."""

from datetime import UTC, datetime, timedelta

from tests.system.harness import Harness
from tests.system.test_accounts import newest, registered


def test_an_email_when_the_turn_is_near(harness: Harness) -> None:
    on_sale_at = datetime.now(UTC) + timedelta(seconds=2)
    terms = {"mode": "on", "lobby_opens_at": (on_sale_at - timedelta(minutes=3)).isoformat()}
    event = harness.event(on_sale_at=on_sale_at.isoformat(), line=terms)
    line = f"/api/events/{event['id']}/line"
    stranger = harness.buyer()
    stranger.call("PUT", f"{line}/me/email").refused(403, "email_not_verified")
    client, address = registered(harness)
    client.refresh()
    client.until(lambda: client.call("GET", line).json.get("phase") == "open")
    client.call("PUT", f"{line}/me/email").refused(404, "not_in_line")
    assert client.call("POST", line).ok(201)["email_wanted"] is False
    for _ in range(2):
        client.call("PUT", f"{line}/me/email").ok(204)
    text = newest(harness, address, "It is nearly your turn")
    assert f"“{event['title']}”" in text
    assert f"/events/{event['id']}/line" in text
    client.until(lambda: client.get(f"{line}/me")["email_wanted"] is False)
    client.call("DELETE", f"{line}/me/email").ok(204)
