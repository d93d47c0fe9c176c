"""The email about an order says what happened, in text and HTML, and nothing that somebody slipped in."""

import html
import re
from pathlib import Path

import msgspec
import pytest

from houseful.tickets.documents import event_time, order_email
from houseful.tickets.documents.poster import PALETTES, poster_style
from houseful.tickets.domain.refund_reasons import Reason, clause
from tests.unit.tickets.test_documents import STARTS, order, show, ticket

LINK = "https://tickets.example.org/orders/ord_77"


def seen(page: str) -> str:
    """What a reader sees of it."""
    body = page.partition("<body")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body.partition(">")[2]).split()))


@pytest.mark.parametrize(
    ("kind", "subject", "reason", "word"),
    [
        ("confirmed", "Your tickets: La Traviata", None, "your seats are booked"),
        (
            "refunded",
            "Refunded: La Traviata",
            None,
            "your order was taken back; its tickets are no longer valid",
        ),
        ("returned", "Payment returned: La Traviata", None, "your payment could not be taken"),
        *(("refunded", "Refunded: La Traviata", reason, clause(reason)) for reason in Reason),
        *(("returned", "Payment returned: La Traviata", reason, clause(reason)) for reason in Reason),
    ],
)
def test_emails_say_what_happened_and_why(kind: str, subject: str, reason: Reason | None, word: str) -> None:
    about = msgspec.structs.replace(order(ticket()), reason=reason)
    words = order_email.compose(kind, show(), about, ["Stalls, row C, seat 12"], LINK)
    assert words.subject == subject
    told = words.text
    for part in ("Hello Bea Brandt,", word, "La Traviata", "20:00 (Europe/Berlin)", "€1,234.50", "ord_77"):
        assert part in told
    assert "Stalls, row C, seat 12" in told
    assert LINK in told
    shown = seen(words.html)
    for part in (
        "Hello Bea Brandt,",
        word[1:],
        "La Traviata",
        "20:00 (Europe/Berlin)",
        "€1,234.50",
        "ord_77",
    ):
        assert part in shown
    assert f'href="{LINK}"' in words.html


def test_an_email_says_when_doors_open_and_when_it_ends() -> None:
    the_show = show(doors_at=STARTS - 3_600_000, ends_at=STARTS + 7_200_000)
    words = order_email.compose("confirmed", the_show, order(ticket()), ["A"], LINK)
    assert "(Europe/Berlin)\nDoors 19:00, ends 22:00\nOpera House" in words.text
    assert "Doors 19:00, ends 22:00" in words.html


def test_an_email_of_another_kind_is_a_bug() -> None:
    with pytest.raises(KeyError):
        order_email.compose("surprise", show(), order(), [], "")


def test_nothing_in_an_email_is_markup_or_fetched() -> None:
    the_show = show(title="<img src=x> & <b>more</b>", venue='"><script>')
    about = order(ticket(), name='<a href="http://evil.example">prize</a>')
    words = order_email.compose("confirmed", the_show, about, ["<i>A</i>"], LINK, proof=LINK + "/proof")
    for tag in ("<img", "<b>", "<script", "<i>", "evil.example"):
        assert tag not in words.html
    assert set(re.findall(r'(?:href|src)="([^"]*)"', words.html)) == {LINK, LINK + "/proof"}
    assert "url(" not in words.html
    assert "evil.example" not in words.text


def test_a_stranger_is_not_named_and_asked_for_a_proof() -> None:
    words = order_email.compose("confirmed", show(), order(), [], LINK, named=False, proof=LINK + "/proof")
    for told in (words.text, words.html):
        assert "Bea" not in told
        assert LINK + "/proof" in told
    assert "proof" not in order_email.compose("confirmed", show(), order(), [], LINK).text


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Dublin", "Africa/Casablanca"])
def test_two_moments_of_one_local_time_are_told_apart(zone: str) -> None:
    told = {
        event_time.local_time(show(timezone=zone, starts_at=SECOND_0030 + n * 1_800_000))
        for n in range(-9, 9)
    }
    assert len(told) == 18


SECOND_0030 = 1_792_888_200_000  # 2026-10-25T00:30:00Z: 02:30 in Berlin, and an hour later again


def test_the_night_in_which_the_clocks_go_back_has_two_half_past_twos() -> None:
    first, second = (event_time.local_time(show(starts_at=SECOND_0030 + n * 3_600_000)) for n in range(2))
    assert first == "Sunday 25 October 2026, 02:30 (Europe/Berlin, UTC+2)"
    assert second == "Sunday 25 October 2026, 02:30 (Europe/Berlin, UTC+1)"


def test_the_poster_is_the_one_on_the_screen() -> None:
    source = Path("web/src/ui/posterStyle.ts").read_text()
    there = re.findall(r"\['(#\w+)', '(#\w+)', '(#\w+)'\]", source)
    assert tuple(there) == PALETTES
    assert poster_style("evt_1")[:3] in PALETTES
    # What the web app's own function says of the same ids: palette, motif and seed.
    ids = {"evt_1": (2, 0, 158115), "evt_0198c2d1e0007abc8def0123456789ab": (2, 4, 6869)}
    for id, (palette, motif, seed) in ids.items():
        assert poster_style(id) == (*PALETTES[palette], motif, seed)
