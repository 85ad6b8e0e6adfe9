"""How each declared rule came out last: of the newest batch that says something of it, published or stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from expectations.report.about import DeclaredRule
from expectations.report.model import Line
from expectations.report.standing import latest_of_batches


@dataclass(frozen=True, slots=True)
class Last:
    """`outcome`: pass, fail, error, aside (it passed because `rows` were set aside), none. `line`: the run that says it."""

    rule: DeclaredRule
    outcome: str
    rows: int = 0
    line: Line | None = None

    @property
    def passed(self) -> bool:
        return self.outcome in ("pass", "aside")


def last_outcomes(rules: Iterable[DeclaredRule], lines: Sequence[Line]) -> tuple[Last, ...]:
    """The last outcome of each rule. `lines`: oldest first.

    A batch that was stopped before its rules were judged tells those that stopped it; the others keep the outcome of the
    batch before.
    """
    told = latest_of_batches(lines)[::-1]
    return tuple(
        next((found for line in told if (found := _of(rule, line)) is not None), Last(rule, "none")) for rule in rules
    )


def _of(rule: DeclaredRule, line: Line) -> Last | None:
    failed = next((found for found in line.failed_rules if found.code == rule.code), None)
    rows = sum(item.rows for item in line.quarantine if item.code == rule.code)
    if failed is not None:
        return Last(rule, failed.outcome, rows, line)
    if line.status == "failed":
        over = _is_over(rule.code, line)
        return Last(rule, "fail" if over else "aside", rows, line) if over or rows else None
    if not line.judged:
        return None
    return Last(rule, "aside" if rows else "pass", rows, line)


def broke(line: Line) -> bool:
    """Whether a rule failed in a run, be it that more rows broke it than are tolerated."""
    return bool(line.failed_rules) or any(_is_over(item.code, line) for item in line.quarantine)


def _is_over(code: str, line: Line) -> bool:
    # The failure has a line for each rule that is over its tolerance, and one that lists all of them.
    failure = line.failure
    return failure is not None and failure.code == "TOLERANCE" and f" {code}: " in failure.message
