"""The declared conversions of a column as DuckDB SQL: from a field's text to the text that is judged.

They are applied in one order, whatever the order they are declared in, so that they go together: blanks, brackets, units,
percent signs, separators, decimals. Each describes exactly the texts it changes. Where text that it doesn't describe could pass
as another value (1.23 where a comma is declared, 5 where a percent sign is), it is marked as no value of the type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from deployments.declarations.columns import Cast, Column
from deployments.declarations.time_format import pattern_of
from expectations.contract.quoting import literal, one_of

NO_VALUE = "chr(1)"
"""In front of text that isn't what the declaration describes: no type's pattern takes it."""

_BLANKS = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{FIGURE SPACE}"
_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
_FRACTION = "([.,][0-9]+)?"


def _replaced(sql: str, pattern: str, by: str) -> str:
    return f"regexp_replace({sql}, {literal(pattern)}, {literal(by)})"


def _where(sql: str, pattern: str, then: str, otherwise: str | None = None) -> str:
    matches = f"regexp_full_match({sql}, {literal(pattern)})"
    return f"CASE WHEN {matches} THEN {then} ELSE {otherwise or sql} END"


def _without_separators(sql: str, separators: str, fraction: str) -> str:
    pattern = f"-?[0-9]{{1,3}}([{separators}][0-9]{{3}})+{fraction}"
    return _where(sql, pattern, f"translate({sql}, {literal(separators)}, '')")


def _negative_in_brackets(sql: str) -> str:
    return _replaced(_replaced(sql, r"^\(([^()-]*[0-9][^()-]*)\)$", r"-\1"), r"^([^()-]*[0-9][^()-]*)-$", r"-\1")


def _without_percent_sign(sql: str) -> str:
    return _where(sql, r"-?[^%-]*[0-9][^%-]*%", _replaced(sql, f"[{_BLANKS}]?%$", ""), f"{NO_VALUE} || {sql}")


def _decimal_point(sql: str) -> str:
    pattern = r"-?(([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?|,[0-9]+)"
    return _where(sql, pattern, f"replace(replace({sql}, '.', ''), ',', '.')", f"{NO_VALUE} || {sql}")


def _hundredth(sql: str) -> str:
    """The decimal point two places to the left: 12.5 is 0.125."""
    padded = _replaced(sql, r"^(-?)([0-9]*)", r"\1000\2")
    moved = _replaced(padded, r"^(-?)([0-9]+)([0-9]{2})(\.([0-9]+))?$", r"\1\2.\3\5")
    return _where(sql, r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)", _replaced(moved, r"^(-?)0+([0-9])", r"\1\2"))


_IN_ORDER: Sequence[tuple[Cast | None, Callable[[str], str]]] = (
    ("trim", lambda sql: f"trim({sql}, E' \\t\\r\\n')"),
    ("accounting", _negative_in_brackets),
    (None, str),
    ("percent", _without_percent_sign),
    ("percent_points", _without_percent_sign),
    ("space_thousands", lambda sql: _without_separators(sql, _BLANKS, _FRACTION)),
    ("apostrophe_thousands", lambda sql: _without_separators(sql, _APOSTROPHES, _FRACTION)),
    ("drop_thousands", lambda sql: _without_separators(sql, ",", r"(\.[0-9]+)?")),
    ("decimal_comma", _decimal_point),
    ("whole_number", lambda sql: _replaced(sql, r"^(-?[0-9]+)\.0+$", r"\1")),
    ("percent", _hundredth),
    ("upper", lambda sql: f"upper({sql})"),
    ("lower", lambda sql: f"lower({sql})"),
)
"""None stands for the place of `strip`."""
_STRICT = frozenset({"percent", "percent_points", "decimal_comma"})


def converted(column: Column, field: str) -> str:
    """SQL of the text that stands for a field after the column's conversions."""
    sql = field
    for cast, conversion in _IN_ORDER:
        if cast is None:
            sql = _once(sql, lambda text: _without_units(text, column.strip)) if column.strip else sql
        elif cast in column.cast:
            sql = _once(sql, conversion)
    if column.null:
        spellings = [literal(spelling) for spelling in column.null]
        # The spelling may be meant before or after the conversions: 'NA ' with trim, '-1.0' with whole_number.
        shown = f"ltrim({sql}, {NO_VALUE})" if _STRICT.intersection(column.cast) else sql
        both = one_of(field, spellings) + ("" if sql == field else f" OR {one_of(shown, spellings)}")
        sql = f"CASE WHEN {both} THEN NULL ELSE {sql} END"
    if column.format is not None:
        shape = {"date": "%Y-%m-%d", "time": "%H:%M:%S.%f"}.get(column.column_type.kind, "%Y-%m-%d %H:%M:%S.%f")
        parsed = f"strftime(try_strptime({sql}, {literal(column.format)}), {literal(shape)})"
        sql = _where(sql, pattern_of(column.format), f"coalesce({parsed}, {NO_VALUE} || {sql})", f"{NO_VALUE} || {sql}")
    return sql


def _once(sql: str, conversion: Callable[[str], str]) -> str:
    """A conversion of what `sql` makes, which is written down once: a conversion names its text several times, and a few of them
    one in the other would be thousands."""
    is_name = re.fullmatch(r'\w+|"[^"]*"', sql) is not None
    return conversion(sql) if is_name else f"list_transform([{sql}], lambda one: {conversion('one')})[1]"


def _without_units(sql: str, units: Sequence[str]) -> str:
    """A number without the unit before or behind it; with both, or another one, it stays as it is."""
    unit = "|".join(re.escape(text) for text in sorted(units, key=len, reverse=True))
    before, behind = rf"(-?)(?:{unit})[{_BLANKS}]?(-?[0-9.,].*)", rf"(.*[0-9.,])[{_BLANKS}]?(?:{unit})(%?)"
    return _where(sql, before, _replaced(sql, f"^{before}$", r"\1\2"), _replaced(sql, f"^{behind}$", r"\1\2"))
