"""From the library's result for a rule to our outcome: verdict, figures without personal data, and a sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.declarations.signatures import MAP_KINDS
from deployments.declarations.suite import Rule
from expectations.suites.faults import fault_of, reason
from expectations.suites.keys import shown_keys
from expectations.suites.outcome import RuleOutcome
from expectations.suites.plain import plain
from expectations.suites.sentences import message, number, sentence, share

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
# Figures that only count rows or values: they show nothing of a masked column.
_COUNTING = ("proportion", "unique_value_count", "row_count", "refer_to_table", "column_count")
# What these observe are names of columns, which a contract publishes anyway.
_NAMING = ("expect_table_columns_to_match_ordered_list", "expect_table_columns_to_match_set")


@dataclass(frozen=True, slots=True)
class _Passed:
    """As much of the library's result as an outcome is made of."""

    result: Mapping[str, Any]
    success: bool = True
    exception_info: None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Turns results of one run into outcomes. `rows` is None where the rows couldn't be counted."""

    rows: int | None
    masked: Collection[str]
    mask_key: bytes
    seconds: float

    def outcome(
        self,
        rule: Rule,
        kwargs: Mapping[str, Any],
        fault: str | None,
        result: Any,
        sampled: Sequence[Mapping[str, Any]],
    ) -> RuleOutcome:
        """The outcome of one rule, from its result in the first pass and the keys `sampled` in the second."""
        if fault:
            return self._made(rule, kwargs, "error", text=self._message("error", rule, kwargs, reason=fault))
        if self.rows == 0 and rule.signature.kind != "table":
            # The library calls rules on no rows kept (not null, unique, ...) or broken (max): both say nothing.
            return self._made(rule, kwargs, "skipped", text=self._message("skipped", rule, kwargs))
        broken = "the library gave no result" if result is None else fault_of(result)
        if broken:
            text = self._message("error", rule, kwargs, reason=reason(broken, rule))
            return self._made(rule, kwargs, "error", text=text)
        # The library's own class of quantiles answers with numpy.bool, which json refuses.
        passed = bool(result.success)
        if rule.signature.kind in MAP_KINDS:
            return self._rows_outcome(rule, kwargs, passed, result.result, sampled)
        observed = self._observed(rule, result.result.get("observed_value"))
        text = self._message("pass" if passed else "fail", rule, kwargs)
        found = _found(observed)
        if not passed and found:
            text = self._message("fail_found", rule, kwargs, observed=found)
        return self._made(rule, kwargs, "pass" if passed else "fail", observed=observed, text=text)

    def passed(self, rule: Rule, kwargs: Mapping[str, Any], observed: Any = None) -> RuleOutcome:
        """The outcome of a rule that all rows are known to pass; `observed` is the figure of a rule that measures one."""
        figures = {"element_count": self.rows, "observed_value": observed}
        return self.outcome(rule, kwargs, None, _Passed(figures), ())

    def _rows_outcome(
        self,
        rule: Rule,
        kwargs: Mapping[str, Any],
        passed: bool,
        figures: Mapping[str, Any],
        sampled: Sequence[Mapping[str, Any]],
    ) -> RuleOutcome:
        failed = int(figures.get("unexpected_count") or 0)
        checked = int(figures.get("element_count") or 0)
        failed_share = failed / checked if checked else 0.0
        parts = {"failed": number(failed), "rows": number(checked), "share": share(failed_share)}
        name = "fail_rows" if not passed else "pass_mostly" if failed else "pass_rows"
        return self._made(
            rule,
            kwargs,
            "pass" if passed else "fail",
            observed={"failed_share": failed_share},
            rows_checked=checked,
            rows_failed=failed,
            failed_share=failed_share,
            keys=shown_keys(sampled, self.masked, self.mask_key),
            text=self._message(name, rule, kwargs, **parts),
        )

    def _observed(self, rule: Rule, value: Any) -> Any:
        """The figure a rule measured; never a text of the data, and nothing that shows a value of a masked column."""
        if rule.type in _NAMING:
            return plain(value)
        hidden = any(column in self.masked for column in rule.columns)
        if hidden and not any(word in rule.type for word in _COUNTING):
            return None
        return _without_texts(plain(value))

    def _message(self, name: str, rule: Rule, kwargs: Mapping[str, Any], **parts: str) -> str:
        text = message(name, rule=sentence(rule, kwargs), **parts)
        # A sentence starts with a capital letter, but the name of a column is spelled as it is.
        return text if text.split(" ", 1)[0] in rule.columns else text[:1].upper() + text[1:]

    def _made(self, rule: Rule, kwargs: Mapping[str, Any], outcome: Any, *, text: str, **figures: Any) -> RuleOutcome:
        arguments = {name: plain(value) for name, value in kwargs.items()}
        made: dict[str, Any] = {"observed": None, "rows_checked": self.rows, "keys": ()}
        made |= {"rows_failed": None, "failed_share": None} | figures
        return RuleOutcome(
            code=rule.code,
            type=rule.type,
            kwargs=arguments,
            severity=rule.severity,
            outcome=outcome,
            column=next(iter(rule.columns), None),
            expected={name: value for name, value in arguments.items() if "column" not in name},
            message=text,
            seconds=self.seconds,
            **made,
        )


def _found(observed: Any) -> str:
    """Observed figures for a sentence: 99, or total 102, parts 112; nothing when they need more than that."""
    if isinstance(observed, dict):
        simple = observed.keys() != {"values"} and all(isinstance(value, int | float) for value in observed.values())
        return ", ".join(f"{name} {number(value)}" for name, value in observed.items()) if simple else ""
    return number(observed) if isinstance(observed, bool | int | float | str) else ""


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_texts(item) for name, item in value.items()}
    if isinstance(value, list):
        # A list of values is worth telling only as far as it holds figures; of texts, how many there were.
        texts = sum(1 for item in value if isinstance(item, str) and not _MOMENT.fullmatch(item))
        return {"values": len(value)} if texts else [_without_texts(item) for item in value]
    return None if isinstance(value, str) and not _MOMENT.fullmatch(value) else value
