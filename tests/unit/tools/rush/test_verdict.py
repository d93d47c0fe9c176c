"""What must hold at the end of a rehearsal goes red where it does not."""

import hashlib
from collections.abc import Sequence

from houseful.line.domain import draw
from houseful.line.domain.audit import Audit
from houseful.tools.rush.verdict import Verdict, of_draw, of_ledger, of_places, of_sales
from tests.unit.tools.rush.support import order, seen


def broken(found: Sequence[Verdict]) -> list[str]:
    return [one.claim for one in found if not one.holds]


def test_a_seat_in_two_orders_is_found() -> None:
    one = seen()
    assert broken(of_ledger(one.ledger)) == []
    one.ledger.confirmed(one.people[0], order("ord_second", "seat_7_1", "seat_new"))
    [verdict] = [each for each in of_ledger(one.ledger) if not each.holds]
    assert verdict.claim == "no seat is sold twice"
    assert verdict.details == ["seat seat_7_1"]


def test_an_order_without_an_end_and_a_second_hold_of_a_double_click_are_found() -> None:
    one = seen()
    one.ledger.placed(one.people[0], order("ord_open", "seat_new"))
    one.ledger.broken("a double click holds once", "usr_1 holds twice")
    assert broken(of_ledger(one.ledger)) == ["each order comes to an end", "a double click holds once"]


def test_what_is_sold_is_what_people_have() -> None:
    sales = {"sold": 240, "orders": 120, "held": 0, "available": 0, "total": 240}
    assert of_sales("", sales, 240, 120).holds
    assert not of_sales("", sales | {"sold": 238}, 240, 120).holds
    assert not of_sales("", sales | {"orders": 121}, 240, 120).holds
    assert not of_sales("", sales | {"available": 1}, 240, 120).holds


def test_a_number_given_twice_and_a_pass_before_the_turn_are_found() -> None:
    people = seen().people
    assert broken(of_places(people, 120)) == []
    assert broken(of_places(people, 100)) == ["nobody has a pass before the turn"]
    people[3].number = 1
    assert broken(of_places(people, 120)) == ["no number is given twice"]


def test_a_draw_that_is_not_the_one_promised_is_found() -> None:
    one = seen()
    for person in one.people:
        person.entrant = hashlib.sha256(b"%d" % person.index).hexdigest()
    listed = draw.in_byte_order([bytes.fromhex(person.entrant) for person in one.people if person.in_lobby])
    secret = b"s" * 32
    root = draw.merkle_root(listed)
    seed = draw.seed(secret, root)
    numbers = {entrant: number for number, entrant in enumerate(draw.drawn_order(seed, listed), 1)}
    for person in one.people:
        person.number = numbers.get(bytes.fromhex(person.entrant))
    audit = Audit(
        event_id="evt_1", commitment=draw.commitment(secret).hex(), server_seed=secret.hex(), root=root.hex(),
        beacon=None, seed=seed.hex(), entrants=[(one.hex(), numbers[one]) for one in listed],
    )  # fmt: skip
    assert broken(of_draw(audit, one)) == []
    other = one._replace(first_line=type(one.first_line)(commitment="00"))
    assert broken(of_draw(audit, other)) == ["the draw can be repeated from its audit"]
    one.people[0].number = (one.people[0].number or 0) + 1
    assert broken(of_draw(audit, one)) == ["numbers are those of the draw"]
    one.people[0].entrant, one.people[0].number = "ff" * 32, None
    assert broken(of_draw(audit, one)) == ["whoever was in the lobby has a place"]
