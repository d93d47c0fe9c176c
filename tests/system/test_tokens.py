"""Refresh tokens over the network: two tabs at once, a lost reply, and somebody who stole an old one."""

from functools import partial

from tests.system.harness import Harness, at_once
from tests.system.outside_client import Answer, Client


def refresh(harness: Harness, token: str | None) -> Answer:
    """As a browser that knows nothing but this token."""
    client = harness.client()
    return client.call("POST", "/api/auth/refresh", {"refresh_token": token}, signed_in=False)


def test_two_tabs_get_the_same_successor(harness: Harness) -> None:
    buyer = harness.buyer()
    answers = at_once([partial(refresh, harness, buyer.refresh_token) for _ in range(8)])
    successors = {answer.ok()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert buyer.refresh_token not in successors
    assert refresh(harness, successors.pop()).status == 200


def test_a_reply_that_was_lost_is_had_again(harness: Harness) -> None:
    buyer = harness.buyer()
    first = refresh(harness, buyer.refresh_token).ok()["refresh_token"]
    assert refresh(harness, buyer.refresh_token).ok()["refresh_token"] == first


def test_an_old_token_ends_the_family(harness: Harness) -> None:
    buyer = harness.buyer()
    stolen = buyer.refresh_token
    buyer.refresh()
    buyer.refresh()
    refresh(harness, stolen).refused(401, "refresh_reused")
    refresh(harness, buyer.refresh_token).refused(401, "refresh_reused")


def test_the_predecessor_is_not_good_once_its_successor_was_used(harness: Harness) -> None:
    buyer = harness.buyer()
    first = buyer.refresh_token
    buyer.refresh()
    buyer.refresh()
    last = buyer.refresh_token
    refresh(harness, first).refused(401, "refresh_reused")
    refresh(harness, last).refused(401)


def test_other_sessions_of_the_user_go_on(harness: Harness) -> None:
    address = harness.address()
    harness.client().register(address, "a password of length", "Two Devices")
    phone, laptop = (_signed_in(harness, address) for _ in range(2))
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    refresh(harness, old).refused(401, "refresh_reused")
    assert laptop.refresh()["access_token"]


def _signed_in(harness: Harness, address: str) -> Client:
    client = harness.client()
    client.login(address, "a password of length")
    return client


def test_what_is_no_token(harness: Harness) -> None:
    for token in ("", "x", "ses_1.0.AAAA", "é", "a" * 900):
        refresh(harness, token).refused(401, "refresh_invalid")
    refresh(harness, None).refused(401)


def test_a_thief_and_the_owner_race(harness: Harness) -> None:
    """Whoever is second with an old token ends it for both: at most one of the two goes on, and only once."""
    buyer = harness.buyer()
    old = buyer.refresh_token
    buyer.refresh()
    current = buyer.refresh_token
    answers = at_once([partial(refresh, harness, token) for token in (current, current, old, old)])
    assert {answer.status for answer in answers} <= {200, 401}
    newest_first = dict.fromkeys(answer.json["refresh_token"] for answer in answers if answer.status == 200)
    good = [token for token in newest_first if refresh(harness, token).status == 200]
    assert len(good) <= 1
