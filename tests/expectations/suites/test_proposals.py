"""The change of a suite that follows from an accepted drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.record import DriftAlert, RuleResult
from expectations.suites.proposals import proposed_diff

SUITE = """\
table: raw.orders   # what is sold
expectations:
  - code: MEAN
    type: expect_column_mean_to_be_between
    kwargs: {column: amount, min_value: 0, max_value: 1000}
  - code: CHANNEL
    type: expect_column_values_to_be_in_set
    kwargs: {column: channel, value_set: [web, shop]}
"""


def alert(column: str, kind: str, *examples: str) -> DriftAlert:
    return DriftAlert(column=column, kind=kind, level="page", score=2.0, message="m", examples=examples)


def failed(column: str, observed: object) -> RuleResult:
    return RuleResult(code="MEAN", type="t", sentence="s", severity="critical", outcome="fail", place="batch",
                      column=column, observed=observed)  # fmt: skip


@pytest.mark.parametrize(
    ("column", "alerts", "rules", "lines"),
    [
        ("amount", [alert("amount", "values")], [failed("amount", 1500.5)],
         ["-    kwargs: {column: amount, min_value: 0, max_value: 1000}",
          "+    kwargs: {column: amount, min_value: 0, max_value: 1500.5}"]),
        ("amount", [alert("amount", "values")], [failed("amount", -2)],
         ["-    kwargs: {column: amount, min_value: 0, max_value: 1000}",
          "+    kwargs: {column: amount, min_value: -2, max_value: 1000}"]),
        ("channel", [alert("channel", "categories", "app", "web")], [],
         ["-    kwargs: {column: channel, value_set: [web, shop]}",
          "+    kwargs: {column: channel, value_set: [web, shop, app]}"]),
        ("amount", [alert("amount", "values")], [], []),
        ("other", [alert("other", "categories", "app")], [failed("other", 3)], []),
    ],
)  # fmt: skip
def test_proposal(
    tmp_path: Path, column: str, alerts: list[DriftAlert], rules: list[RuleResult], lines: list[str]
) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(SUITE)
    changed = [line for line in proposed_diff(file, [column], alerts, rules).splitlines() if line[0] in "+-"]
    assert changed[2:] == lines
