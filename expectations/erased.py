"""Take the values of erased rows out of what was kept about a table: records of runs, profiles, messages. Pure functions.

Two sorts of values: those of the key that was given, and others that only the erased rows had. A whole record of a failing row
goes by its key; in texts a value is taken out where it stands as a word of its own. Figures stay: they say how many, not who.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from expectations.profile.model import BETWEEN

GONE = "(erased)"
SHORT = 4
"""A value with fewer characters is a word of any text: it is taken out where it is quoted or follows an equals sign."""
_OF_VALUES = frozenset({"examples", "observed", "expected", "failing_keys", "facts"})
"""Where a number in a list is a value of a row, and no figure."""
_OF_OURS = frozenset({
    "batch_key", "code", "column", "domain", "family", "kind", "label", "level", "mode", "outcome", "place", "policy", "run_id",
    "scope", "severity", "state", "status", "step", "subject", "table", "tables", "tier", "type", "verdict",
})  # fmt: skip
"""Elsewhere, what a record says by words and names of ours: a row may happen to have such a word ('failed'), and without it
nobody could read the record."""


@dataclass(frozen=True)
class Erased:
    """`key`: per column the spellings of what was asked for, a hashed column's hash among them; all columns must agree.

    `others`: per column what only these rows had.
    """

    key: Mapping[str, frozenset[str]]
    others: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def is_row(self, row: Mapping[str, object]) -> bool:
        """Whether values by column are those of a row that was asked for."""
        return all(name in row and is_one_of(row[name], spelled) for name, spelled in self.key.items())

    def tree(self, value: Any, of_values: bool = False) -> Any:
        """JSON without them. `of_values`: a number in it is a value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            kept = [item for item in value if not (isinstance(item, dict) and self.is_row(item))]
            if of_values:
                kept = [item for item in kept if isinstance(item, dict | list) or not self._is_of_row(str(item))]
            return [self.tree(item, of_values) for item in kept]
        if isinstance(value, dict):
            if self.is_row(value):
                return {}
            return {
                name: item if name in _OF_OURS and not of_values else self.tree(item, of_values or name in _OF_VALUES)
                for name, item in value.items()
            }
        return value

    def stands_in(self, text: str) -> bool:
        """Whether every value of the key stands in a text as a word."""
        return all(
            any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) for value in spelled if value)
            for spelled in self.key.values()
        )

    def text(self, text: str) -> str:
        """A text of several words without them."""
        if text in self._all:
            return GONE
        return text if self._words is None else self._words.sub(GONE, text)

    def profile(self, body: dict[str, Any]) -> dict[str, Any]:
        """A kept profile without them among a column's commonest values, and without what was measured of them alone."""
        found = {**body, "columns": {name: self._column(name, column) for name, column in body["columns"].items()}}
        relations = body.get("relations")
        if relations:
            kept = {k: v for k, v in relations.get("segments", {}).items() if self._all.isdisjoint(k.split(BETWEEN))}
            found["relations"] = {**relations, "segments": kept}
        return found

    def _is_of_row(self, text: str) -> bool:
        """Whether a text is one of the values, or a whole row as it arrived: of a row nothing else is to stay either."""
        return text in self._all or self.stands_in(text)

    def _column(self, name: str, column: dict[str, Any]) -> dict[str, Any]:
        values = self.key.get(name, frozenset()) | self.others.get(name, frozenset())
        top = [pair for pair in column.get("top", ()) if not is_one_of(pair[0], values)]
        return {**column, "top": top}

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset().union(*self.key.values(), *self.others.values())

    @cached_property
    def _words(self) -> re.Pattern[str] | None:
        longest_first = sorted(filter(None, self._all), key=len, reverse=True)
        spelled = [rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first if len(value) >= SHORT]
        spelled += [rf"(?<=['\"=]){re.escape(value)}(?!\w)" for value in longest_first if len(value) < SHORT]
        return re.compile("|".join(spelled)) if spelled else None


def is_one_of(value: object, spelled: frozenset[str]) -> bool:
    """Whether a value is one of these, as it is spelled or as a number: '007' and 7.0 are 7."""
    text = str(value)
    if text in spelled:
        return True
    number = _number(text)
    return number is not None and any(_number(other) == number for other in spelled)


def in_raw(erased: Erased, sources: Mapping[str, str], raw: str, layout: str | None) -> bool:
    """Whether a row that was set aside is one of them. `sources`: a column's name in the source; `layout`: how `raw` is read.

    A row that can't be read by its header is one when every value of the key stands in it as a word: rather one too many.
    """
    told = json.loads(layout) if layout else {}
    header: Sequence[str] = told.get("header", ())
    try:
        fields = next(csv.reader(io.StringIO(raw, newline=""), delimiter=str(told.get("delimiter", ","))), [])
    except csv.Error:
        fields = []
    if len(fields) == len(header) and all(sources.get(name, name) in header for name in erased.key):
        row = dict(zip(header, fields, strict=True))
        return erased.is_row({name: row[sources.get(name, name)] for name in erased.key})
    return erased.stands_in(raw)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
