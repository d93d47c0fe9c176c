"""The export of orders, as spreadsheets and scripts read it."""

import csv
import io
import unicodedata

import msgspec
import pytest

from tests.support.deployment import plan
from tests.unit.tickets.harness import Harness

BOM = b"\xef\xbb\xbf"


async def raw(harness: Harness) -> bytes:
    return b"".join([part async for part in harness.tickets.sales_report.orders_csv(await harness.show_of())])


async def rows(harness: Harness) -> list[dict[str, str]]:
    text = (await raw(harness)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def test_a_spreadsheet_knows_the_encoding(harness: Harness) -> None:
    await harness.show()
    await harness.placed("A-1")
    exported = await raw(harness)
    assert exported.startswith(BOM + b"order,")
    assert exported.count(BOM) == 1
    assert exported.count(b"\r\n") == 2
    assert b"\n" not in exported.replace(b"\r\n", b"")


async def test_seats_are_told_in_words_beside_their_ids(harness: Harness) -> None:
    await harness.show(rows=2, areas=True)
    layout = await harness.tickets.inventory.layout("evt_1")
    floor = next(section for section in layout.sections if section.kind == "standing")
    await harness.placed("A-1", "B-2", layout.seat_id(floor.first))
    [row] = await rows(harness)
    assert row["seats"].split(" ")[:2] == ["A-1", "B-2"]
    assert row["places"].split("; ") == [layout.place(n) for n in (0, 11, floor.first)]
    assert row["places"].startswith("Stalls, row A, seat 1; Stalls, row B, seat 2; ")


@pytest.mark.parametrize(
    ("currency", "minor", "written"),
    [
        ("EUR", 5000, "50.00"),
        ("JPY", 5000, "5000"),
        ("KWD", 5005, "5.005"),
        ("EUR", 5, "0.05"),
        ("EUR", 0, "0.00"),
    ],
)
async def test_amounts_are_decimal_by_the_currencys_exponent(
    harness: Harness, currency: str, minor: int, written: str
) -> None:
    await harness.show(currency=currency, prices={"Premium": minor, "Standard": minor})
    await harness.placed("A-1")
    [row] = await rows(harness)
    assert (row["total_minor"], row["total"], row["currency"]) == (str(minor), written, currency)
    columns = list(row)
    assert columns.index("total") == columns.index("total_minor") + 1


FORMULAS = [
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "﹦1",
    "⁺1",
    "−1",
    " =1+1",
    "\u00a0＝1",
    "\u200b=1",
    "\ufeff=1",
]


@pytest.mark.parametrize("name", FORMULAS)
async def test_nothing_that_a_buyer_types_is_taken_for_a_formula(harness: Harness, name: str) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    email = f"{name.strip()}@example.org"
    await harness.tickets.ordering.order("usr_1", hold.hold_id, name, email, harness.use())
    [row] = await rows(harness)
    assert row["name"] == f"'{name}"
    assert row["email"] == f"'{email}"


@pytest.mark.parametrize("name", ["Bea;=1+1", "Bea\t=1+1", "Bea\n=1+1", "Bea\r\n@x", "Bea; ＝1"])
async def test_nor_where_a_spreadsheet_divides_lines_otherwise(harness: Harness, name: str) -> None:
    """Where the comma is a decimal sign, cells end at a semicolon, and quotes mean nothing."""
    await harness.show()
    hold = await harness.hold("A-1")
    await harness.tickets.ordering.order("usr_1", hold.hold_id, name, "bea@example.org", harness.use())
    [row] = await rows(harness)
    assert row["name"].replace("'", "") == name
    for divider in ";\t\r\n":
        for part in row["name"].split(divider):
            first = unicodedata.normalize("NFKC", part.strip())[:1]
            assert first not in ("=", "+", "-", "@")


@pytest.mark.parametrize(
    "name", ['Bea, "Bee"', "Zwei\nZeilen", "O'Brien", "Ζωή 🎉", "Anna-Lena", "a=b", "1+1"]
)
async def test_other_names_are_as_they_were_typed(harness: Harness, name: str) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    await harness.tickets.ordering.order("usr_1", hold.hold_id, name, "bea@example.org", harness.use())
    [row] = await rows(harness)
    assert (row["name"], row["email"]) == (name, "bea@example.org")


async def test_what_a_plan_calls_its_seats_is_no_formula_either(harness: Harness) -> None:
    await harness.show()
    named = plan(1, 1)
    named["zones"][0]["name"] = "=Stalls"
    message = harness.published("evt_3")
    hash_, total = harness.events.add("evt_3", named, [])
    await harness.receive(msgspec.structs.replace(message, plan_hash=hash_, seats_total=total))
    await harness.tickets.inventory.generate_due()
    await harness.hold("A-1", event="evt_3")
    hold = (await harness.tickets.holding.running_holds("usr_1"))[0]
    await harness.order(hold.hold_id)
    exported = b"".join(
        [part async for part in harness.tickets.sales_report.orders_csv(await harness.show_of("evt_3"))]
    ).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(exported, newline=""))
    assert row["places"].startswith("'=Stalls")
