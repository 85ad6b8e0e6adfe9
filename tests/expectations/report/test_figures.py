"""Figures of a run that are kept for trends, and what the drift watch had learned of them."""

from __future__ import annotations

import math

import pytest

from expectations.record import Drift
from expectations.report.figures import figures, is_about, learned
from expectations.report.lines import columns_of, line_of


def band(**changes):
    return {"column": "amount", "kind": "values", "figure": "the mean of amount", "low": 0.0, "high": 2.0,
            "expected": 1.0, "observed": 1.5, "score": 0.4} | changes  # fmt: skip


def test_rows_shares_means_and_different_values(run_of):
    record = run_of(0)
    assert figures(record, columns_of(record)) == {
        "rows": 100, "aside": 0, "nulls:amount": 0.05, "mean:amount": 20.0, "nulls:email": 0.01, "distinct:email": 40,
    }  # fmt: skip


def test_no_figure_of_a_masked_column_tells_its_values(run_of):
    assert "mean:email" not in line_of(run_of(0)).figures


def test_a_run_that_failed_early_has_no_figures(run_of):
    assert line_of(run_of(0, counts={}, profile=None)).figures == {}


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("rows", {"column": None, "kind": "volume", "figure": "the number of rows", "low": math.log(90),
                  "high": math.log(110), "expected": math.log(100), "observed": math.log(100)}, (90, 100, 110)),
        ("nulls:amount", {"kind": "completeness", "figure": "share of empty values in amount", "low": 0.0, "high": 0.1,
                          "expected": 0.05}, (0.0, 0.05, 0.1)),
    ],
)  # fmt: skip
def test_learned_bounds_are_in_the_unit_of_the_figure(run_of, name, changes, expected):
    record = run_of(0, drift=Drift(verdict="pass", score=0.1, bands={"figures": [band(**changes)]}))
    assert learned(record, line_of(record).figures)[name] == pytest.approx(expected)


def test_the_scale_of_a_mean_comes_from_the_mean_itself(run_of):
    record = run_of(0, drift=Drift(verdict="pass", score=0.1, bands={"figures": [band()]}), mean=20.0)
    low, expected, high = learned(record, line_of(record).figures)["mean:amount"]
    scale = 20.0 / math.sinh(1.5)
    assert (low, expected, high) == pytest.approx((0.0, scale * math.sinh(1.0), scale * math.sinh(2.0)), rel=1e-4)


@pytest.mark.parametrize("changes", [{"low": math.nan}, {"figure": "the 0.5 quantile of amount"}, {"observed": 0.0}])
def test_bounds_that_say_nothing_of_a_figure_are_left_out(run_of, changes):
    record = run_of(0, drift=Drift(verdict="pass", score=0.1, bands={"figures": [band(**changes)]}))
    assert learned(record, line_of(record).figures) == {}


@pytest.mark.parametrize(
    ("kind", "column", "name", "about"),
    [
        ("volume", None, "rows", True), ("completeness", "amount", "nulls:amount", True),
        ("values", "amount", "nulls:amount", False), ("values", "price", "mean:amount", False),
    ],
)  # fmt: skip
def test_which_figure_an_alert_is_about(kind, column, name, about):
    assert is_about(kind, column, name) is about
