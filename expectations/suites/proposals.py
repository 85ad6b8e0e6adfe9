"""The change of a suite that follows from an accepted drift, as a diff of its file: for people to read and to commit.

Only what the batch itself shows is proposed: a new category for a rule that lists them, a bound that the batch has passed.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from expectations.record import DriftAlert, RuleResult

_LISTS = frozenset({"expect_column_values_to_be_in_set", "expect_column_distinct_values_to_be_in_set"})


def proposed_diff(
    file: Path, columns: Collection[str], alerts: Sequence[DriftAlert], failed: Sequence[RuleResult]
) -> str:
    """A unified diff of the suite's file; empty when nothing follows."""
    yaml = YAML(typ="rt")
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    data: Any = yaml.load(file.read_text(encoding="utf-8"))
    before = _dumped(yaml, data)
    values = {rule.code: rule.observed for rule in failed if rule.column in columns}
    for rule in data.get("expectations") or ():
        kwargs = rule.get("kwargs") or {}
        if kwargs.get("column") not in columns:
            continue
        if rule.get("type") in _LISTS:
            for value in _categories(alerts, kwargs["column"]):
                if value not in [str(item) for item in kwargs["value_set"]]:
                    kwargs["value_set"].append(value)
        elif isinstance(values.get(rule.get("code")), int | float):
            _widen(kwargs, values[rule["code"]])
    lines = difflib.unified_diff(
        before.splitlines(True), _dumped(yaml, data).splitlines(True), f"a/suites/{file.name}", f"b/suites/{file.name}"
    )
    return "".join(lines)


def _categories(alerts: Sequence[DriftAlert], column: str) -> Iterator[str]:
    for alert in alerts:
        if alert.column == column and alert.kind == "categories":
            yield from (str(example) for example in alert.examples)


def _widen(kwargs: Any, observed: float) -> None:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if isinstance(low, int | float) and observed < low:
        kwargs["min_value"] = observed
    if isinstance(high, int | float) and observed > high:
        kwargs["max_value"] = observed


def _dumped(yaml: YAML, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
