"""The benchmark runs in a small form, its errors are errors, and its figures are counted right."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import report
import run as bench
import sets
from injections import REGISTRY, Context


def test_at_least_25_kinds_a_third_held_out() -> None:
    kinds = {error.kind for error in REGISTRY}
    held_out = {error.kind for error in REGISTRY if error.held_out}
    assert len(kinds) == len(REGISTRY) >= 25
    assert len(kinds) / 3 <= len(held_out) + 1


@pytest.mark.parametrize("error", REGISTRY, ids=lambda error: error.kind)
def test_an_error_changes_the_batch_and_names_who_is_guilty(error: bench.Injection) -> None:
    days = [table for _, table in sets.sessions(3)]
    for magnitude in error.magnitudes:
        made = error.change(days[-1], Context(random.Random(3), [days[0]] * 5 + days[:-1]), magnitude)
        if made is not None:
            table, guilty = made
            assert table != days[-1]
            assert guilty <= {None, *table.columns, *days[-1].columns}


@pytest.mark.parametrize(
    ("clean", "spoiled", "expected"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1], [1], 0.5), ([], [1], math.nan)],
)
def test_area_under_the_curve(clean: list[float], spoiled: list[float], expected: float) -> None:
    assert report.auc(clean, spoiled) == pytest.approx(expected, nan_ok=True)


def scored(data: str, errors: str, score: float, hit: bool = False) -> bench.Result:
    kind = f"{errors}-kind" if errors else ""
    return bench.Result(data, "", errors, kind, 1, False, [], {"headgate": hit}, {"headgate": score}, "pass", [], 1.0)


def test_areas_are_told_by_set_and_file_and_what_the_missed_cost() -> None:
    clean = [scored(data, "", score) for data in ("a", "b") for score in (0.2, 0.4, 0.6, 0.8)]
    spoiled = [scored("a", "values", 3.0, hit=True), scored("a", "sources", 0.5), scored("b", "sources", 0.9)]
    assert list(report.areas([*clean, *spoiled], "headgate"))[2:] == [
        "| a | 1.000 (1) | 0.500 (1) | 0.750 (2) |",
        "| b |  | 1.000 (1) | 1.000 (1) |",
        "| mean of the sets | 1.000 | 0.750 | 0.875 |",
    ]
    assert list(report.hidden([*clean, *spoiled], "headgate"))[2:] == ["| sources-kind | 2 of 2 | 0.75 | 0.1667 |"]


def test_a_small_run_finds_errors_and_leaves_clean_days_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sets" / "sessions"
    folder.mkdir(parents=True)
    for name, table in sets.sessions(16):
        bench.write(table, folder / name)
    monkeypatch.setattr(bench, "folders", lambda _: {"sessions": folder})
    chosen = [error for error in REGISTRY if error.kind in ("unit_up", "redelivery")]
    monkeypatch.setattr(bench, "REGISTRY", chosen)
    results = bench.run(tmp_path, [], targets=1, kinds="open", history=8, seed=1, clean_step=4)
    bad = [r for r in results if r.kind]
    assert {r.kind for r in bad} == {"unit_up", "redelivery"}
    assert all(r.hit["headgate"] for r in bad)
    assert not any(r.hit["headgate"] for r in results if not r.kind)
    told = report.report(results)
    assert "| sessions | headgate |" in told
    assert "| AUC (errors) | values | structure | all |" in told
    clean = sum(not r.kind for r in results)
    assert f"| all | headgate | {clean} | 0.0 % (0.0-" in told
