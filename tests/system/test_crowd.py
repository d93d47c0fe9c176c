"""Behind one address, with limits on and an attacker among them, everybody gets seats and nobody is refused
for the others."""

from pathlib import Path

from bench.crowd import measure

PHONES = 40


async def test_a_crowd_behind_one_address_beside_an_attacker(tmp_path: Path) -> None:
    crowd = await measure(tmp_path, phones=PHONES, attacked=True)
    assert len(crowd.held_at) == PHONES
    assert {what for what in crowd.refused if not what.startswith("503 ")} == set()
    assert crowd.attack["login 401"] + crowd.attack["login 429"] > 0
    assert crowd.attack["login 200"] == 0
