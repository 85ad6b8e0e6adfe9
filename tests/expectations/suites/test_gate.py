"""The gate is ours: the library's own `success` is false even when only an info check fails."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.suites.outcome import RuleOutcome, SuiteOutcome


def outcome(severity: Any, result: Any) -> RuleOutcome:
    return RuleOutcome(
        "R", "t", {}, severity, result, None, {}, None, None, None, None, (), "", 0.0
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "gate"),
    [
        ([], "pass"),
        ([("critical", "pass"), ("info", "fail"), ("info", "error")], "pass"),
        ([("critical", "skipped"), ("warning", "skipped")], "pass"),
        ([("warning", "fail")], "warn"),
        ([("warning", "error")], "warn"),
        ([("warning", "fail"), ("critical", "fail")], "stop"),
        ([("critical", "error")], "stop"),
    ],
)
def test_gate(rules: list[tuple[str, str]], gate: str) -> None:
    made = SuiteOutcome("a.b", "memory", 1, tuple(outcome(*rule) for rule in rules), 0.0, 0.0)
    assert (made.gate, made.to_json()["gate"]) == (gate, gate)
