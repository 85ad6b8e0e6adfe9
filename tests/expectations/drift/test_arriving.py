"""Values that come one after the other and stay are no news when the next one comes; the first is, and one that takes over."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from expectations.drift import Verdict, detect
from expectations.drift.arriving import arriving
from expectations.profile import Profile, profile_file

ROWS = 400


def measured(folder: Path, shares: Mapping[str, int], seed: int) -> Profile:
    """A batch in which each version has so many percent of the rows."""
    rng = random.Random(seed)
    versions = [version for version, percent in shares.items() for _ in range(percent * ROWS // 100)]
    rng.shuffle(versions)
    path = folder / "batch.csv"
    path.write_text("version,seconds\n" + "".join(f"{v},{rng.expovariate(0.02):.0f}\n" for v in versions))
    return profile_file(path)


def judged(folder: Path, days: Sequence[Mapping[str, int]]) -> Verdict:
    profiles = [measured(folder, shares, seed) for seed, shares in enumerate(days)]
    return detect(profiles[-1], profiles[:-1])


def every_other_day(days: int) -> list[dict[str, int]]:
    """A release comes every other day and has 60 % of the rows at once."""
    return [{f"1.{10 + day // 2}.0": 60, f"1.{9 + day // 2}.0": 30, f"1.{8 + day // 2}.0": 10} for day in range(days)]


@pytest.mark.parametrize("history", [8, 14])
def test_one_more_release_is_no_news(tmp_path: Path, history: int) -> None:
    assert judged(tmp_path, every_other_day(history + 1)).alerts == ()


def test_the_first_release_for_weeks_is_told(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [{"1.10.0": 60, "1.9.0": 40}] * 8 + [{"1.11.0": 60, "1.10.0": 40}])
    assert {a.column for a in verdict.alerts} == {"version"}


def test_so_is_one_that_has_more_rows_than_releases_have(tmp_path: Path) -> None:
    slowly = [{"1.0.0": 60, f"1.{k}.0": 30, f"1.{k + 1}.0": 10} for k in (10, *range(10, 19))]
    assert judged(tmp_path, slowly).alerts == ()
    verdict = judged(tmp_path, [*slowly[:-1], {"1.0.0": 10, "1.19.0": 90}])
    assert "version" in {a.column for a in verdict.alerts}


def test_a_version_that_was_replaced_step_by_step_may_go(tmp_path: Path) -> None:
    shares = [0] * 12 + [5, 20, 35, 50, 65, 80, 90, 98]
    rolled_out = [{"1.1.0": share, "1.0.0": 100 - share} for share in shares]
    assert judged(tmp_path, [*rolled_out, {"1.1.0": 100}]).alerts == ()


@pytest.mark.parametrize(
    ("days", "share"),
    [
        ([{"a": 100}, {"a": 60, "b": 40}, {"b": 60, "c": 40}, {"c": 60, "d": 40}, {"d": 60, "e": 40}], 0.4),
        # One came: that isn't often. None stayed: guests. Nothing new today.
        ([{"a": 100}, {"a": 100}, {"a": 100}, {"a": 60, "b": 40}, {"b": 60, "c": 40}], None),
        ([{"a": 100}, {"a": 100}, {"a": 60, "b": 40}, {"a": 60, "c": 40}, {"a": 100}, {"a": 60, "d": 40}], None),
        ([{"a": 100}, {"a": 60, "b": 40}, {"b": 60, "c": 40}, {"c": 60, "d": 40}, {"c": 60, "d": 40}], None),
        ([{"a": 100}, {"a": 60, "b": 40}, {"b": 60, "c": 40}], None),
        # Twice as much as usual, and no more.
        ([{"a": 100}, {"a": 90, "b": 10}, {"b": 90, "c": 10}, {"c": 90, "d": 10}, {"d": 50, "e": 50}], 0.2),
    ],
)
def test_what_is_usual_is_seen_in_the_order_of_the_batches(
    tmp_path: Path, days: list[dict[str, int]], share: float | None
) -> None:
    found = arriving([measured(tmp_path, shares, seed) for seed, shares in enumerate(days)])
    assert found == ({} if share is None else {"version": pytest.approx(share)})
