"""A rule on the page of a run: its verdict, what was expected and observed, and keys of rows that broke it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expectations.record import Failure, RuleResult, RunRecord
from expectations.report import words
from expectations.report.about import DeclaredRule
from expectations.report.lines import rows_read
from expectations.report.texts import Texts
from expectations.report.verdict import when_it_fails

SHOWN_KEYS = 20


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its verdict in this run."""

    rule: RuleResult
    outcome: str
    tone: str
    severity: str
    place: str
    expected: str
    observed: str
    keys: tuple[str, ...]
    more_keys: int
    aside: int


def rule_view(rule: RuleResult, declared: DeclaredRule | None, aside: int, texts: Texts) -> RuleView:
    """`declared`: the rule as it is declared now, None when it isn't any more. `aside`: rows set aside for it."""
    outcome = "aside" if aside and rule.outcome == "pass" else rule.outcome
    tone = {"pass": "good", "aside": "warn", "skipped": "idle"}.get(
        outcome, "bad" if rule.severity == "critical" else "warn"
    )
    if rule.severity == "info" and tone in ("warn", "bad"):
        tone = "idle"
    severity = when_it_fails(declared, texts) if declared else texts(f"severity.{rule.severity}")
    keys = tuple(", ".join(f"{name} {value}" for name, value in key.items()) for key in rule.failing_keys)
    return RuleView(
        rule=rule, outcome=outcome, tone=tone, severity=severity,
        place=texts(f"place.{rule.place}"), expected=_said(rule.expected, texts), observed=_observed(rule, texts),
        keys=keys[:SHOWN_KEYS], more_keys=max((rule.rows_failed or 0) - len(keys[:SHOWN_KEYS]), 0), aside=aside,
    )  # fmt: skip


def found_at_rows(record: RunRecord, declared: Mapping[str, DeclaredRule]) -> tuple[RuleResult, ...]:
    """Rules that rows of a failed run broke, where it ended before any rule was judged over the whole batch: one over its
    tolerance failed, of another the rows were set aside.
    """
    if record.failure is None or record.rules:
        return ()
    rows: dict[str, int] = {}
    for reason in record.quarantine:
        if reason.code in declared:
            rows[reason.code] = rows.get(reason.code, 0) + reason.rows
    return tuple(_found(declared[code], n, record, record.failure) for code, n in rows.items())


def _found(rule: DeclaredRule, rows: int, record: RunRecord, failure: Failure) -> RuleResult:
    # The failure has a line for each rule that is over its tolerance, and one that lists all of them.
    failed = failure.code == "TOLERANCE" and f" {rule.code}: " in failure.message
    found = {"outcome": "fail" if failed else "pass", "rows_checked": rows_read(record), "rows_failed": rows}
    return RuleResult.model_validate(
        rule.model_dump(include={"code", "sentence", "severity", "owner", "notes", "place"}) | found | {"type": ""}
    )


def _observed(rule: RuleResult, texts: Texts) -> str:
    if rule.outcome == "skipped":
        return texts("run.rules.skipped")
    if rule.rows_checked is not None and rule.rows_failed is not None:
        if rule.rows_failed == 0:
            return texts("run.rules.rows_ok", n=rule.rows_checked)
        share = words.share(rule.rows_failed / rule.rows_checked if rule.rows_checked else 0.0)
        return texts("run.rules.rows_failed", n=rule.rows_failed, all=f"{rule.rows_checked:,}", share=share)
    return _said(rule.observed, texts)


def _said(value: Any, texts: Texts) -> str:
    """Arguments and observations in a few words; the sentence of the rule says what they mean."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return texts("words.yes") if value else texts("words.no")
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, dict):
        known = {name: item for name, item in value.items() if item is not None and name != "ignore_row_if"}
        low, high = known.pop("min_value", None), known.pop("max_value", None)
        said = []
        if low is not None and high is not None:
            said.append(f"{_said(low, texts)} – {_said(high, texts)}")
        elif low is not None or high is not None:
            said.append(f"≥ {_said(low, texts)}" if high is None else f"≤ {_said(high, texts)}")
        said += [f"{name.replace('_', ' ')} {_said(item, texts)}" for name, item in known.items()]
        return ", ".join(said)[:160] or "–"
    if isinstance(value, list | tuple):
        shown = ", ".join(_said(item, texts) if not isinstance(item, list) else json.dumps(item) for item in value[:8])
        return shown + (" …" if len(value) > 8 else "")
    return str(value)[:160]
