"""Every rule and its outcome as a plain sentence; all texts live in `sentences.json`.

A sentence starts in lower case and has no full stop, so that it can stand inside another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from deployments.declarations.rule_faults import PARAMETER
from deployments.declarations.suite import Rule

SHOWN_ITEMS = 10
SHOWN_CHARACTERS = 60
_OPERATORS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def sentence(rule: Rule, kwargs: Mapping[str, Any] | None = None) -> str:
    """What a rule demands; `kwargs` are those of a run, with its parameters filled in."""
    if rule.description:
        return rule.description.rstrip(". ")
    return _Words(rule, rule.kwargs if kwargs is None else kwargs).sentence()


def message(name: str, /, **parts: str) -> str:
    """The sentence of an outcome, such as `fail_rows`."""
    text: str = _catalogue()["messages"][name].format(**parts)
    return text


def number(value: Any) -> str:
    """A number for people: 10,000 and 0.25."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or value.is_integer() is False else f"{int(value):,}"


def share(value: float) -> str:
    """A share as a percentage: 1.2 %. A share above nothing never reads as 0 %."""
    percent = value * 100
    return f"{percent:.3g} %" if percent == 0 or percent >= 0.01 else "less than 0.01 %"


@cache
def _catalogue() -> Any:
    return json.loads(files("expectations.suites").joinpath("sentences.json").read_text(encoding="utf-8"))


class _Words:
    """The parts a template asks for, each made when it is asked for."""

    def __init__(self, rule: Rule, kwargs: Mapping[str, Any]) -> None:
        self._rule = rule
        self._kwargs = kwargs
        self._texts = _catalogue()
        self._made: dict[str, Callable[[], str]] = {
            "range": lambda: self._range("min_value", "max_value"),
            "ratio": lambda: self._range("min_ratio", "max_ratio"),
            "rows": self._rows,
            "where": self._where,
            "within": self._within,
            "references": self._references,
            "one_of": lambda: self._one_of(self._kwargs.get("value_set")),
            "count": lambda: number(len(self._kwargs.get("value_pairs_set", ()))),
            "above": lambda: self._word("above_or_equal" if self._kwargs.get("or_equal") else "above"),
            "match_on": lambda: self._word(self._kwargs.get("match_on") or "any"),
            "quantiles": self._quantiles,
            "figure": self._figure,
        }

    def sentence(self) -> str:
        template: str = self._texts["rules"][self._rule.type]
        return template.format_map(self).strip()

    def __getitem__(self, name: str) -> str:
        made = self._made.get(name)
        return made() if made else self._value(self._kwargs.get(name, ""))

    def _word(self, word: str, /, **parts: str) -> str:
        text: str = self._texts["words"][word]
        return text.format(**parts)

    def _value(self, value: Any) -> str:
        if isinstance(value, Mapping) and PARAMETER in value:
            return self._word("from_run", name=str(value[PARAMETER]))
        if isinstance(value, list | tuple):
            return self._listed([str(item) if isinstance(item, str) else self._value(item) for item in value], "and")
        text = value.isoformat(" ").removesuffix(" 00:00:00") if hasattr(value, "hour") else number(value)
        return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

    def _listed(self, items: Sequence[str], joint: str) -> str:
        shown = list(items[:SHOWN_ITEMS])
        if len(items) > SHOWN_ITEMS:
            shown.append(self._word("more", count=number(len(items) - SHOWN_ITEMS)))
        if len(shown) < 2:
            return "".join(shown)
        return f"{', '.join(shown[:-1])} {self._word(joint)} {shown[-1]}"

    def _one_of(self, values: Any) -> str:
        if isinstance(values, list | tuple) and len(values) > 1:
            return self._word("one_of", items=self._listed([self._value(value) for value in values], "or"))
        return self._value(values)

    def _range(self, low_name: str, high_name: str) -> str:
        low, high = self._kwargs.get(low_name), self._kwargs.get(high_name)
        open_low, open_high = bool(self._kwargs.get("strict_min")), bool(self._kwargs.get("strict_max"))
        words = {"low": self._value(low), "high": self._value(high)}
        if high is None:
            return self._word("more_than" if open_low else "at_least", **words)
        if low is None:
            return self._word("less_than" if open_high else "at_most", **words)
        if low == high:
            return self._word("exactly", **words)
        openness = {(False, False): "between", (True, True): "between_open", (True, False): "between_low_open"}
        return self._word(openness.get((open_low, open_high), "between_high_open"), **words)

    def _rows(self) -> str:
        mostly = self._kwargs.get("mostly")
        some = isinstance(mostly, int | float) and mostly < 1
        rows = self._word("most_rows", share=share(float(mostly or 0))) if some else self._word("every_row")
        return rows + self._where()

    def _references(self) -> str:
        least = self._kwargs.get("min_share", 1)
        some = isinstance(least, int | float) and least < 1
        return self._word("most_rows", share=share(float(least))) if some else self._word("every_row")

    def _within(self) -> str:
        within = self._kwargs.get("within")
        return self._word("within", share=share(float(within))) if isinstance(within, int | float) and within else ""

    def _where(self) -> str:
        condition = self._kwargs.get("row_condition")
        return self._word("where", condition=self._condition(condition)) if isinstance(condition, Mapping) else ""

    def _condition(self, condition: Mapping[str, Any]) -> str:
        kind = condition.get("type")
        if kind in ("and", "or"):
            return f" {self._word(str(kind))} ".join(self._condition(part) for part in condition.get("conditions", ()))
        column = condition.get("column", {}).get("name", "")
        if kind == "nullity":
            return f"{column} {self._word('no_value' if condition.get('is_null') else 'value')}"
        operator, value = str(condition.get("operator")), self._value(condition.get("parameter"))
        word = _OPERATORS.get(operator) or self._word("in" if operator == "IN" else "not_in")
        return f"{column} {word} {value}"

    def _quantiles(self) -> str:
        ranges = self._kwargs.get("quantile_ranges")
        shares = ranges.get("quantiles", ()) if isinstance(ranges, Mapping) else ()
        return self._listed([self._word("quantile", share=share(float(value))) for value in shares], "and")

    def _figure(self) -> str:
        return self._word(
            f"figure_{self._kwargs.get('figure', 'rows')}", column=self._value(self._kwargs.get("column"))
        )
