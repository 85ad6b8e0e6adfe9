"""Reading one column: its different values, and whether they are numbers, points in time, or only text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import duckdb

from expectations.profile.categories import Values, read_values
from expectations.profile.model import ColumnKind, Kind
from expectations.profile.spelling import Facts

# A column gets figures of numbers (dates) where at least this share of its values are spelled as such.
READABLE = 0.2
# Numbers are seconds (or thousandths) since 1970 where the column is called a time and nearly all would lie between September
# 2001, from when on they have ten digits, and 2100.
_CALLED_A_TIME = re.compile(r"(?i:time|date|stamp|epoch|(?:\A|_)(?:ts|at|dt)(?:_|\Z))|[a-z](?:At|Ts)\Z")
SECONDS = (1e9, 4_102_444_800.0)
NEARLY_ALL = 0.9
EPOCHS = {"seconds": 1, "thousandths": 1000}


@dataclass(frozen=True)
class Read:
    """What one column holds. `dates`: the date spellings found, or one of EPOCHS; `orders`: "" or the two ways to read day and
    month.
    """

    kind: Kind
    values: Values
    spelled: list[tuple[Facts, float]]
    numeric: bool
    dates: tuple[str, ...]
    orders: tuple[str, ...]

    def number_sql(self, column: str) -> str:
        """SQL of the number that a text of the column stands for: of a time of day its minutes, of JSON its bytes."""
        if self.kind == "time":
            return f"epoch_us(TRY_CAST({column} AS TIME)) / 60000000.0"
        if self.kind == "json":
            return f"TRY_CAST(split_part({column}, ' ', 2) AS DOUBLE)"
        return f"TRY_CAST({column} AS DOUBLE)"

    def clock_sql(self, column: str) -> dict[str, str]:
        """SQL of the seconds since 1970, one for each way to read it."""
        result = {}
        for epoch in EPOCHS.keys() & set(self.dates):
            return {"": f"TRY_CAST({column} AS DOUBLE) / {EPOCHS[epoch]}"}
        for order in self.orders:
            day_month = ("m", "d") if order == "mdy" else ("d", "m")
            named = [form.format(*day_month) for form in self.dates if form != "iso"]
            tried = [f"TRY_CAST({column} AS TIMESTAMP)"] if "iso" in self.dates else []
            if named:
                tried.append(f"try_strptime({column}, [{', '.join(repr(form) for form in named)}])")
            result[order] = f"epoch(coalesce({', '.join(tried)}))"
        return result


def text_of(column: str, kind: Kind) -> str:
    """SQL that spells a typed value the same way on every engine."""
    if kind == "boolean":
        return f"CASE CAST({column} AS VARCHAR) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' END"
    if kind == "bytes":
        return f"CAST(strlen({column}) // 2 AS VARCHAR)"
    if kind == "json":
        # Of what a document is made up hardly two have in common: what it is, and how long.
        kinds = {"{": "{}", "[": "[]", '"': '""', "t": "true", "f": "false"}
        whens = " ".join(f"WHEN '{first}' THEN '{shown} '" for first, shown in kinds.items())
        return f"(CASE left({column}, 1) {whens} ELSE '# ' END || strlen({column}))"
    return f"CAST({column} AS VARCHAR)"


def read_column(con: duckdb.DuckDBPyConnection, table: str, position: int, column: ColumnKind, key: str) -> Read:
    """Reads the different values of a column of text; a masked column is never read as numbers or dates."""
    values = read_values(con, table, f"c{position}", key.replace("'", "''") if column.masked else "")
    spelled = values.spelled()
    told = [(f, w) for f, w in spelled if not f.nullish]
    total = sum(w for _, w in told)
    numeric = sum(w for f, w in told if f.number)
    forms: dict[str, float] = {}
    for f, w in told:
        if f.date is not None:
            forms[f.date] = forms.get(f.date, 0.0) + w
    dated = sum(forms.values())
    # Eight digits may be a number: they are a date only where nearly every value is one.
    compact = numeric > READABLE * total and dated < 0.98 * total
    may_be_moments = column.kind not in ("bytes", "json") and not column.masked
    is_dated = may_be_moments and dated > READABLE * total and total > 0 and not compact
    dates = tuple(sorted(forms, key=lambda form: (-forms[form], form))) if is_dated else ()
    if not dates and may_be_moments and numeric > NEARLY_ALL * total:
        dates = _epoch(column.name, values)
    orders = () if not dates else ("dmy", "mdy") if any("{}" in form for form in dates) else ("",)
    measured = numeric > READABLE * total or column.kind in ("time", "json", "bytes")
    is_numeric = not column.masked and not dates and total > 0 and measured
    kind = column.kind if column.kind != "text" else _kind(told, total, numeric, dated if dates else 0.0)
    return Read(kind, values, spelled, is_numeric, dates, orders)


def _epoch(name: str, values: Values) -> tuple[str, ...]:
    """Which of EPOCHS the numbers of a column are, if any."""
    if not _CALLED_A_TIME.search(name):
        return ()
    sizes = [(_number(value), weight) for value, weight in zip(values.values, values.weights, strict=True)]
    total = sum(values.weights)
    for epoch, per_second in EPOCHS.items():
        low, high = (bound * per_second for bound in SECONDS)
        if sum(weight for size, weight in sizes if low <= size < high) > NEARLY_ALL * total:
            return (epoch,)
    return ()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _kind(told: list[tuple[Facts, float]], total: float, numeric: float, dated: float) -> Kind:
    if total and dated > 0.9 * total:
        return "timestamp" if any(":" in f.pattern for f, _ in told) else "date"
    if total and numeric > 0.9 * total:
        return (
            "integer" if all(f.digits_only or f.pattern.lstrip("+-").strip("9+") == "" for f, _ in told) else "decimal"
        )
    return "text"
