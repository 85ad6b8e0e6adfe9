"""A history of two to six batches: what only goes on and what two batches can't have shown is quiet, what is plain is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.drift import Verdict, detect
from expectations.drift.early import going_on
from expectations.profile import Profile, profile_file

Row = dict[str, object]
Make = Callable[[int], Row]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[int, Make], Profile]:
    """The profile of so many rows of a maker."""

    def of(rows: int, make: Make) -> Profile:
        made = [make(i) for i in range(rows)]
        path = tmp_path / "batch.csv"
        path.write_text("\n".join([",".join(made[0]), *(",".join(map(str, row.values())) for row in made)]) + "\n")
        return profile_file(path)

    return of


def sale(seed: int, first_id: int = 1, unit: float = 1.0) -> Make:
    rng = random.Random(seed)

    def make(i: int) -> Row:
        price = unit * rng.lognormvariate(3, 0.5)
        return {"id": first_id + i, "price": f"{price:.2f}", "city": rng.choice("ABC"), "note": rng.choice(("x", "y"))}

    return make


def told(profiles: list[Profile]) -> Verdict:
    return detect(profiles[-1], profiles[:-1])


@pytest.mark.parametrize(
    "starts", [(1, 901, 9001, 9901), (1, 901, 1801, 20_001), (9_000_000, 9_000_900, 9_010_000, 9_010_900)]
)
def test_ids_that_go_on_with_a_gap_are_no_news(measured: Callable[..., Profile], starts: tuple[int, ...]) -> None:
    profiles = [measured(900, sale(k, start)) for k, start in enumerate(starts)]
    for until in (3, 4):
        assert told(profiles[:until]).alerts == ()


def test_ids_that_are_far_from_all_before_are_no_page(measured: Callable[..., Profile]) -> None:
    profiles = [measured(900, sale(k, start)) for k, start in enumerate((1, 901, 90_000_000))]
    assert going_on(profiles) == {"id": False}
    assert {(a.column, a.level) for a in told(profiles).alerts} == {("id", "digest")}


def test_a_counter_set_back_does_not_go_on(measured: Callable[..., Profile]) -> None:
    profiles = [measured(900, sale(k, start)) for k, start in enumerate((40_000, 40_900, 1))]
    assert going_on(profiles) == {}


def test_a_first_batch_that_held_all_until_then_is_no_measure(measured: Callable[..., Profile]) -> None:
    sizes, starts = (9000, 300, 310), (1, 9001, 9301)
    profiles = [measured(size, sale(k, start)) for k, (size, start) in enumerate(zip(sizes, starts, strict=True))]
    assert told(profiles).alerts == ()
    few = measured(30, sale(9, 9301))
    assert [a.kind for a in told([*profiles[:2], few]).alerts] == ["volume"]


@pytest.mark.parametrize("history", [2, 5])
@pytest.mark.parametrize(
    ("rows", "make", "column"),
    [
        (150, sale(9), None),
        (1500, sale(9, unit=100), "price"),
        (1500, lambda i: sale(9)(i) | {"note": ""}, "note"),
        (1500, lambda i: sale(9)(i) | {"note": "2024/03/09"}, "note"),
    ],
)
def test_what_is_plain_is_told_from_the_third_batch_on(
    measured: Callable[..., Profile], history: int, rows: int, make: Make, column: str | None
) -> None:
    before = [measured(1500 + 40 * k, sale(k)) for k in range(history)]
    assert told([*before, measured(1480, sale(8))]).alerts == ()
    assert column in {a.column for a in told([*before, measured(rows, make)]).alerts}


@pytest.mark.parametrize("sizes", [(40, 90, 200, 430), (5000, 2000, 900, 350)])
def test_counts_that_move_as_they_did_are_no_news(measured: Callable[..., Profile], sizes: tuple[int, ...]) -> None:
    profiles = [measured(size, sale(k, 1 + 9000 * k)) for k, size in enumerate(sizes)]
    assert "volume" not in {a.kind for a in told(profiles).alerts}


def test_hours_that_are_quieter_than_the_first_ones_are_no_news(measured: Callable[..., Profile]) -> None:
    profiles = [measured(rows, sale(k, 1 + 9000 * k)) for k, rows in enumerate((3000, 2800, 300))]
    labels = [f"2024-03-04T{hour}.csv" for hour in (18, 19, 20)]
    assert [a.kind for a in told(profiles).alerts] == ["volume"]
    assert detect(profiles[2], profiles[:2], batch_label=labels[2], history_labels=labels[:2]).alerts == ()


def test_sums_that_begin_anew_are_no_news(measured: Callable[..., Profile]) -> None:
    def so_far(seed: int, day: int) -> Make:
        rng = random.Random(seed)
        return lambda i: {"shop": f"S{i:03d}", "sold_this_week": f"{day * rng.uniform(30, 50):.2f}"}

    assert told([measured(400, so_far(seed, day)) for seed, day in enumerate((1, 2, 3, 4, 5, 1))]).alerts == ()
