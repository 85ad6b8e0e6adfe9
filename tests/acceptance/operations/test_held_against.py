"""What a window is held against: the windows before it that stand, in their order, whenever they were published."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.warehouses import ops

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/{window.start:%Y-%m-%d}.csv"}
window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-06}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: day, type: date}
load: {mode: replace_window, window_column: day}
"""


@pytest.fixture
def table(house: Any) -> str:
    for day in range(1, 6):
        house.source(f"2024-03-0{day}.csv", "id,day\n" + "".join(f"{n},2024-03-0{day}\n" for n in range(20)))
    declared: str = house.declare("orders", TABLE)
    return declared


def against(house: Any, table: str, *days: int) -> list[tuple[int, tuple[str, ...]]]:
    """Load days; how many batches each was held against, and what it was held against without."""
    records = [house.load(table, f"2024-03-0{day}", reprocess=True) for day in days]
    return [(record.drift.history, record.drift.without) for record in records]


def test_only_windows_before_it_and_those_that_nothing_stands_of_are_named(house: Any, table: str) -> None:
    assert against(house, table, 1, 4, 3) == [(0, ()), (1, ("2024-03-02", "2024-03-03")), (1, ("2024-03-02",))]
    # Later words about old windows change with what stands before them only.
    assert against(house, table, 1, 3, 2, 3, 5) == [(0, ()), (1, ("2024-03-02",)), (1, ()), (2, ()), (4, ())]


def test_a_window_whose_process_died_right_after_its_commit_counts(
    house: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dead:
        dead.setattr("flows.life.keep", lambda *_, **__: None)
        house.load(table, "2024-03-01")
    assert against(house, table, 2) == [(1, ())]


def test_what_was_judged_and_never_published_does_not_count(
    house: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError("gone")

    with monkeypatch.context() as dead:
        saved = ops.save_judged
        dead.setattr(ops, "save_judged", lambda *given: (saved(*given), broken()))
        with pytest.raises(OSError, match="gone"):
            house.load(table, "2024-03-01")
    assert against(house, table, 2) == [(0, ())]
