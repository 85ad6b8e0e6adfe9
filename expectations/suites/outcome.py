"""What came of running a suite: one outcome per rule, and the gate they form together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from deployments.declarations.suite import Severity

Result = Literal["pass", "fail", "error", "skipped"]
Gate = Literal["pass", "warn", "stop"]


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule on one target.

    pass or fail: the data was judged. error: the check itself broke (a missing column, a wrong argument), which says
    nothing about the data. skipped: there was nothing to judge. `keys` are the key values of some failing rows, never
    values of other columns; `kwargs` are as used, parameters filled in. `seconds` is an even share of the pass in
    which the library answered every rule at once.
    """

    code: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    outcome: Result
    column: str | None
    expected: Mapping[str, Any]
    observed: Any
    rows_checked: int | None
    rows_failed: int | None
    failed_share: float | None
    keys: tuple[Mapping[str, Any], ...]
    message: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The outcome in JSON's own types."""
        return {**asdict(self), "keys": [dict(key) for key in self.keys]}


@dataclass(frozen=True, slots=True)
class SuiteOutcome:
    """Every rule of a suite on one target. `rows` is the number of rows there; `target` says where they were.

    `seconds` is the time of judging; `import_seconds`, beside it, what was spent waiting for the library's import.
    """

    table: str
    target: str
    rows: int | None
    rules: tuple[RuleOutcome, ...]
    seconds: float
    import_seconds: float

    @property
    def gate(self) -> Gate:
        """stop: a critical rule failed or couldn't be judged; warn: a warning did; pass: none of them.

        An info rule never holds a batch up, and a skipped one had nothing to say.
        """
        bad = {rule.severity for rule in self.rules if rule.outcome in ("fail", "error")}
        return "stop" if "critical" in bad else "warn" if "warning" in bad else "pass"

    def of(self, result: Result) -> tuple[RuleOutcome, ...]:
        """The rules with this result, in the order of the suite."""
        return tuple(rule for rule in self.rules if rule.outcome == result)

    def counts(self) -> dict[Result, int]:
        """How many rules passed, failed, broke and were skipped."""
        results: tuple[Result, ...] = ("pass", "fail", "error", "skipped")
        return {result: len(self.of(result)) for result in results}

    def to_json(self) -> dict[str, Any]:
        """The outcome in JSON's own types."""
        return {
            "table": self.table,
            "target": self.target,
            "rows": self.rows,
            "gate": self.gate,
            "counts": self.counts(),
            "seconds": self.seconds,
            "import_seconds": self.import_seconds,
            "rules": [rule.to_json() for rule in self.rules],
        }
