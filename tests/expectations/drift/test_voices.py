"""What an owner found not interesting has to be larger to be told: quieter, not silent; only that, only as long as said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from expectations.drift import Accepted, Lowered, detect
from expectations.drift.acceptance import further, voices
from expectations.drift.figures import named
from tests.expectations.drift.conftest import START, Row, name_of


def dearer(rows: list[Row], times: float) -> list[Row]:
    return [row | {"price": f"{float(row['price']) * times:.2f}"} for row in rows]


def told(world: Any, rows: list[Row], *lowered: Lowered) -> dict[tuple[str | None, str], float]:
    verdict = detect(
        world.measured(rows), world.profiles, batch_label=name_of(len(world.profiles)), history_labels=world.labels,
        lowered=lowered,
    )  # fmt: skip
    return {(a.column, a.kind): a.score for a in verdict.alerts}


def test_a_lowered_change_has_to_be_larger_and_the_others_have_not(world: Any) -> None:
    rows, quiet = dearer(world.today, 1.6), Lowered("price", "values", 3)
    before, now = told(world, rows), told(world, rows, quiet)
    assert before[("price", "values")] >= 1
    assert ("price", "values") not in now
    others = {change for change in before if change != ("price", "values")}
    assert {change: now.get(change) for change in others} == {change: before[change] for change in others}
    assert ("price", "values") in told(world, dearer(world.today, 100), quiet)


@pytest.mark.parametrize(("days", "is_told"), [(-1, True), (0, False)])
def test_it_ends_on_its_day(world: Any, days: int, is_told: bool) -> None:
    until = (START + timedelta(days=len(world.profiles) + days)).date()
    found = told(world, dearer(world.today, 1.6), Lowered("price", "values", 3, until))
    assert (("price", "values") in found) is is_told


def test_the_number_of_rows_can_be_lowered_too(world: Any) -> None:
    few = world.today[:60]
    assert told(world, few)[(None, "volume")] > told(world, few, Lowered(None, "volume")).get((None, "volume"), 0.0)
    assert (None, "volume") in told(world, world.today[:2], Lowered(None, "volume"))


def test_what_lies_between_two_columns_is_quieter_for_both() -> None:
    between, own = named("total", "relation", "correlation", "price"), named("total", "values", "mean")
    assert voices([between, own], [Lowered("price", "relation")]).tolist() == [2.0, 1.0]
    assert voices([between, own], [Lowered("total", "*", 2)]).tolist() == [4.0, 4.0]


def test_no_number_of_answers_silences() -> None:
    assert [further(answers) for answers in (0, 1, 2, 3, 9)] == [1, 2, 4, 8, 8]


def test_a_lowered_change_is_no_accepted_one(world: Any) -> None:
    """An accepted level is silent until the history shows it; a lowered one speaks up when it is far out."""
    rows = dearer(world.today, 100)
    silent = world.judge(rows, accepted=(Accepted("price", "values", level_from="not yet"),))
    assert ("price", "values") not in {(a.column, a.kind) for a in silent.alerts}
    assert ("price", "values") in told(world, rows, Lowered("price", "values", 9))
