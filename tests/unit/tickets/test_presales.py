"""Presales: who holds seats before the general sale, and how often a code is used."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import EventChanged, Gates, LineTerms
from houseful.tickets.domain import presales
from houseful.tickets.domain.holds import Hold
from houseful.tickets.domain.presales import AccessCode, Presale, PresaleAccess
from houseful.tickets.use_cases.presale_codes import Chosen, Generated
from houseful.webapi.audit import COMMAND_LINE
from tests.unit.tickets.harness import DAY, HOUR, Harness, refusal, who

CODE = "FRIENDS-24"


async def announced(harness: Harness, **changes: Any) -> None:
    """An event that goes on sale in a day."""
    await harness.show(**({"on_sale_at": harness.clock.now() + DAY} | changes))


async def window(
    harness: Harness, opens_in: int = 0, closes_in: int | None = None, name: str = "Friends"
) -> Presale:
    now = harness.clock.now()
    closes_at = None if closes_in is None else now + closes_in
    show = await harness.show_of()
    return await harness.tickets.presales.add(
        show, name, now + opens_in, closes_at, lambda made: made, None, COMMAND_LINE
    )


async def codes(harness: Harness, presale: Presale, *wanted: Chosen) -> list[AccessCode]:
    await harness.tickets.presales.give_out(
        await harness.show_of(),
        presale.id,
        wanted or [Chosen(CODE, 2)],
        lambda made: made,
        None,
        COMMAND_LINE,
    )
    return await harness.tickets.presales.codes(await harness.show_of(), presale.id, None, 100)


async def use(harness: Harness, user: str = "usr_1", code: str = CODE, **claims: Any) -> Presale:
    return await harness.tickets.presales.use(who(user, **claims), "evt_1", code)


async def ends(harness: Harness, seat: str = "A-1", user: str = "usr_1") -> str:
    """How a hold ends."""
    try:
        await harness.hold(seat, user=user)
    except DomainError as error:
        return error.code
    return "held"


async def in_time(harness: Harness, *work: Awaitable[Any]) -> list[Any]:
    """What they come to while time passes; some wait for others."""
    ended = asyncio.gather(*work, return_exceptions=True)
    while not ended.done():
        await harness.clock.advance(0.01)
    return await ended


async def test_who_has_used_a_code_holds_seats_before_the_general_sale(harness: Harness) -> None:
    await announced(harness)
    assert await ends(harness) == "not_on_sale"
    presale = await window(harness)
    await codes(harness, presale)
    assert await ends(harness) == "access_code_required"
    assert await use(harness) == harness_window(await harness.tickets.presales.of("evt_1"))
    assert await ends(harness) == "held"
    assert (await harness.best(1)).seats, "the best seats too"
    assert await ends(harness, "A-3", user="usr_2") == "access_code_required"
    assert {hold.presale_id for hold in await harness.every(Hold)} == {presale.id}
    await harness.clock.advance(DAY // 1000)
    assert await ends(harness, "A-3", user="usr_2") == "held"


def harness_window(known: presales.Presales) -> Presale:
    [one] = known.windows
    return one


async def test_what_was_held_in_a_presale_is_ordered_when_its_window_is_over(harness: Harness) -> None:
    await announced(harness)
    await codes(harness, await window(harness, closes_in=60_000))
    await use(harness)
    held = await harness.hold("A-1")
    await harness.clock.advance(60)
    assert await ends(harness, "A-2") == "presale_over"
    await harness.order(held.hold_id)


async def test_a_hold_of_the_general_sale_is_not_ordered_when_the_sale_was_moved(harness: Harness) -> None:
    """As without presales."""
    await announced(harness, on_sale_at=None)
    held = await harness.hold("A-1")
    await harness.receive(
        EventChanged(
            event_id="evt_1",
            title="An Evening",
            on_sale_at=harness.clock.now() + DAY,
            max_seats_per_order=10,
            refundable_until=None,
        )
    )
    assert (await refusal(harness.order(held.hold_id))).code == "not_on_sale"


async def test_a_window_opens_and_closes(harness: Harness) -> None:
    await announced(harness)
    await codes(harness, await window(harness, opens_in=HOUR, closes_in=2 * HOUR))
    await use(harness)  # early, so that not all come at the opening
    told = await refusal(harness.hold("A-1"))
    assert (told.code, "opens_at" in told.extra) == ("presale_not_open", True)
    await harness.clock.advance(HOUR // 1000)
    assert await ends(harness) == "held"
    await harness.clock.advance(HOUR // 1000)
    assert await ends(harness, "A-2") == "presale_over"
    assert (await refusal(use(harness, "usr_2"))).code == "presale_over"
    assert await ends(harness, "A-2", user="usr_2") == "not_on_sale"


async def test_an_open_window_counts_where_an_account_has_used_codes_of_several(harness: Harness) -> None:
    await announced(harness)
    first, second = await window(harness, closes_in=HOUR), await window(harness, opens_in=2 * HOUR)
    await codes(harness, first, Chosen("FIRST-1", 1))
    await codes(harness, second, Chosen("SECOND-1", 1))
    for code in ("FIRST-1", "SECOND-1"):
        await use(harness, code=code)
    assert await ends(harness) == "held"
    await harness.clock.advance(HOUR // 1000)
    assert await ends(harness, "A-2") == "presale_not_open"
    await harness.clock.advance(HOUR // 1000)
    assert await ends(harness, "A-2") == "held"


async def test_a_use_is_an_account(harness: Harness) -> None:
    await announced(harness)
    presale = await window(harness)
    await codes(harness, presale)
    for _ in range(3):
        await use(harness)
    await use(harness, "usr_2")
    assert (await refusal(use(harness, "usr_3"))).code == "access_code_used_up"
    await use(harness, "usr_2")
    [code] = await harness.every(AccessCode)
    assert (code.uses, code.uses_left) == (2, 0)


@pytest.mark.parametrize(
    "typed", ["friends24", " Friends - 24 ", "ＦＲＩＥＮＤＳ２４", "fri\u2011ends\u201324"]
)
async def test_case_blanks_and_hyphens_do_not_matter(harness: Harness, typed: str) -> None:
    await announced(harness)
    await codes(harness, await window(harness))
    await use(harness, code=typed)


async def test_an_unknown_code_and_one_of_another_event_and_a_revoked_one_are_refused_alike(
    harness: Harness,
) -> None:
    await announced(harness)
    await harness.show("evt_2", on_sale_at=harness.clock.now() + DAY)
    presale = await window(harness)
    [code] = await codes(harness, presale)
    await use(harness, "usr_2")
    other = await refusal(harness.tickets.presales.use(who("usr_1"), "evt_2", CODE))
    unknown = await refusal(use(harness, code="NEVER-GIVEN"))
    await harness.tickets.presales.revoke(await harness.show_of(), presale.id, code.id, COMMAND_LINE)
    await harness.tickets.presales.revoke(await harness.show_of(), presale.id, code.id, COMMAND_LINE)
    revoked = await refusal(use(harness))
    assert {(one.code, one.detail) for one in (other, unknown, revoked)} == {
        ("access_code_invalid", unknown.detail)
    }
    assert await ends(harness, user="usr_2") == "access_code_required", "revoked for who has used it too"


async def test_gates_count_in_a_presale_too(harness: Harness) -> None:
    await announced(harness, gates=Gates(verified_email=True))
    await codes(harness, await window(harness))
    assert (await refusal(use(harness))).code == "email_not_verified"
    await use(harness, email_verified=True)
    assert await ends(harness) == "email_not_verified"


async def test_a_presale_has_no_line(harness: Harness) -> None:
    await announced(harness, line=LineTerms(mode="on"))
    await codes(harness, await window(harness))
    await use(harness)
    assert await ends(harness) == "held"
    await harness.clock.advance(DAY // 1000)
    assert await ends(harness, "A-2") == "line_required"


async def test_a_code_is_never_used_by_more_accounts_than_it_may(harness: Harness) -> None:
    """Also by two processes at the same instant."""
    await announced(harness)
    await codes(harness, await window(harness), Chosen(CODE, 5))
    beside = harness.beside()
    ended = await in_time(
        harness,
        *(
            use(one, f"usr_{number}")
            for number in range(10)
            for one in (harness, beside, harness)  # each account from several devices
        ),
    )
    accounts = await harness.every(PresaleAccess)
    [code] = await harness.every(AccessCode)
    assert (len(accounts), code.uses) == (5, 5)
    told = Counter("used" if isinstance(one, Presale) else getattr(one, "code", repr(one)) for one in ended)
    assert told == {"used": 15, "access_code_used_up": 15}
    await beside.close()


async def test_one_account_uses_a_code_once_from_many_devices(harness: Harness) -> None:
    await announced(harness)
    await codes(harness, await window(harness))
    await in_time(harness, *(use(harness) for _ in range(10)))
    [code] = await harness.every(AccessCode)
    assert code.uses == 1


# Codes


async def test_generated_codes_are_derived_and_not_stored(harness: Harness) -> None:
    await announced(harness)
    presale = await window(harness)
    show, service = await harness.show_of(), harness.tickets.presales
    assert (
        await service.give_out(show, presale.id, Generated(50, 10, 1), lambda made: made, None, COMMAND_LINE)
        == 50
    )
    made = await service.codes(show, presale.id, None, 100)
    shown = [service.key.shown(code) or "" for code in made]
    assert len(set(shown)) == 50
    assert all([len(part) for part in one.split("-")] == [4, 4, 2] for one in shown)
    assert set("".join(shown)) - {"-"} <= set(presales.ALPHABET)
    assert not set("ILO01") & set(presales.ALPHABET)
    raw = harness.path.read_bytes() if harness.path.is_file() else b""
    stored = repr([await harness.get(AccessCode, code.id) for code in made]).encode() + raw
    assert not any(one.replace("-", "").encode() in stored for one in shown)
    await use(harness, code=shown[7].lower())
    again = await harness.again()
    lines = b"".join([part async for part in await again.tickets.presales.csv(show, presale.id)])
    rows = lines.decode("utf-8-sig").splitlines()
    assert rows[0] == "code,presale,uses,max_uses,revoked"
    assert rows[1:] == [f"{one},Friends,{int(place == 7)},1," for place, one in enumerate(shown)]


async def test_a_chosen_code_shows_its_beginning(harness: Harness) -> None:
    await announced(harness)
    [code] = await codes(harness, await window(harness))
    assert (harness.tickets.presales.key.shown(code), code.begins_with) == (None, "FR")
    assert "friends" not in repr(code).lower()


@pytest.mark.parametrize(
    ("wanted", "field", "error"),
    [
        ([Chosen("A-1", 1)], "codes.0.code", "has 2 letters and digits; a code has 6 to 40"),
        ([Chosen("GOOD-ONE", 1), Chosen("BAD!ONE", 1)], "codes.1.code", "has other characters"),
        ([Chosen("GOOD-ONE", 1), Chosen("good one", 1)], "codes.1.code", "is in the list twice"),
        ([Chosen("GOOD-ONE", 1), Chosen("friends 24", 1)], "codes.1.code", "exists already"),
    ],
)
async def test_a_chosen_code_that_can_not_be_one(
    harness: Harness, wanted: list[Chosen], field: str, error: str
) -> None:
    await announced(harness)
    presale = await window(harness)
    await codes(harness, presale)
    told = await refusal(codes(harness, presale, *wanted))
    assert list(told.errors) == [field]
    assert error in told.errors[field]
    assert len(await harness.every(AccessCode)) == 1


async def test_a_presale_has_no_more_codes_than_it_may(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presales, "MOST_CODES", 2)
    await announced(harness)
    presale = await window(harness)
    await codes(harness, presale, Chosen("GOOD-ONE", 1), Chosen("GOOD-TWO", 1))
    assert (await refusal(codes(harness, presale))).code == "too_many_codes"


# Windows


async def test_a_window_lies_before_the_general_sale(harness: Harness) -> None:
    await announced(harness)
    told = await refusal(window(harness, opens_in=DAY))
    assert list(told.errors) == ["opens_at"]
    told = await refusal(window(harness, opens_in=HOUR, closes_in=HOUR))
    assert list(told.errors) == ["closes_at"]
    await harness.clock.advance(DAY // 1000)
    assert (await refusal(window(harness))).code == "already_on_sale"
    assert (await refusal(use(harness))).code == "presale_over"


async def test_a_window_is_changed(harness: Harness) -> None:
    await announced(harness)
    presale = await window(harness, opens_in=HOUR)
    await codes(harness, presale)
    await use(harness)
    show, now = await harness.show_of(), harness.clock.now()
    changed = await harness.tickets.presales.change(
        show, presale.id, name="Members", opens_at=now, by=COMMAND_LINE
    )
    assert (changed.name, changed.opens_at, changed.codes) == ("Members", now, 1)
    assert await ends(harness) == "held"
    await harness.tickets.presales.change(show, presale.id, closes_at=now + 1, by=COMMAND_LINE)
    await harness.clock.advance(1)
    assert await ends(harness, "A-2") == "presale_over"


async def test_the_first_two_windows_at_once_are_both_there(harness: Harness) -> None:
    await announced(harness)
    beside = harness.beside()
    await in_time(harness, window(harness), window(beside))
    await beside.close()
    assert len((await harness.tickets.presales.of("evt_1")).windows) == 2


async def test_an_event_has_no_more_presales_than_it_may(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presales, "MOST_PRESALES", 1)
    await announced(harness)
    await window(harness)
    assert (await refusal(window(harness))).code == "too_many_presales"
