"""Clean worlds are what they say, and a small run of them stays without alarm."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import clean
from worlds import WORLDS, World, after, batches


@pytest.mark.parametrize("of", WORLDS, ids=lambda of: of.name)
def test_a_world_goes_on_with_the_same_columns(of: World) -> None:
    made = list(batches(of, seed=5, count=4))
    assert [at for at, _ in made[1:]] == [after(at, of.every) for at, _ in made[:-1]]
    assert len({tuple(table.columns) for _, table in made}) == 1
    assert all(len({len(values) for values in table.columns.values()}) == 1 for _, table in made)
    assert made == list(batches(of, seed=5, count=4))


def test_at_least_fifteen_families() -> None:
    assert len(WORLDS) >= 15
    assert {of.every for of in WORLDS} == {"hour", "day", "week", "month", "part"}


@pytest.mark.parametrize("name", ["counters", "reference", "tickets"])
def test_a_small_run_has_no_alarm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "HISTORIES", (7, 14))
    of = next(of for of in WORLDS if of.name == name)
    found = list(clean.judged(of, seed=2, count=22, positions=4, work=tmp_path))
    assert len(found) == 8
    assert [a.message for j in found for a in j.verdict.alerts] == []
    assert clean.line(name, found).startswith(f"| {name} | 8 | 0.0 % (")
