"""At which grain a metric of two summaries can be compared: their keys say what a row of each is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.declarations.metrics import Metric
from deployments.declarations.summary import OutputColumn, Summary

PERIODS = ("day", "week", "month", "quarter", "year")
"""Dimensions that are spans of the calendar, where their column is a date or a moment."""
_COARSER = {
    "day": PERIODS, "week": ("week",), "month": ("month", "quarter", "year"), "quarter": ("quarter", "year"), "year": ("year",),
}  # fmt: skip
_LIKE = {"smallint": "number", "integer": "number", "bigint": "number", "decimal": "number", "double precision": "number",
         "timestamp": "moment", "timestamptz": "moment"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grain:
    """The dimensions of both that are compared, and the column of each side that tells them; `period`: the span of the
    calendar among them that dates of either side are cut to. `why_not`: there is no such grain, and why."""

    dimensions: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    period: str | None = None
    why_not: str = ""

    def __str__(self) -> str:
        return f"by {' and '.join(self.dimensions)}" if self.dimensions else "in total"


def metric_columns(summary: Summary) -> dict[str, OutputColumn]:
    """The columns that name a metric, by its name."""
    return {column.metric: column for column in summary.columns if column.metric is not None}


def dimensions(summary: Summary) -> dict[str, OutputColumn]:
    """The columns of the key, by what they are called across summaries."""
    known = {column.name: column for column in summary.columns}
    return {known[name].dimension or name: known[name] for name in summary.key if name in known}


def period_of(found: Mapping[str, OutputColumn]) -> str | None:
    """The finest span of the calendar among dimensions."""
    return next((name for name in PERIODS if name in found and is_calendar(found[name])), None)


def is_calendar(column: OutputColumn) -> bool:
    return column.contract.column_type.kind in ("date", "timestamp")


def grain_of(name: str, metric: Metric, here: Summary, there: Summary) -> Grain:
    """The finest grain at which the metric of both can be told."""
    mine, theirs = dimensions(here), dimensions(there)
    if metric.adds_up != "sum" and set(mine) != set(theirs):
        return Grain(
            why_not=f"{name} doesn't add up ({metric.adds_up}), and is compared at the same grain only: {_said(mine)} here, "
            f"{_said(theirs)} there"
        )
    spans = (period_of(mine), period_of(theirs))
    period = _common(*spans)
    if period is None and None not in spans:
        return Grain(why_not=f"a {spans[0]} and a {spans[1]} have no whole number of one another")
    if period is None and {here.mode, there.mode} != {"rebuild"}:
        return Grain(
            why_not="one of the two is built by windows, and the keys of both have no span of the calendar in common"
        )
    shared = [item for item in mine if item in theirs and not (period and item in PERIODS)]
    for item in shared:
        kinds = [_like(found[item]) for found in (mine, theirs)]
        if kinds[0] != kinds[1]:
            return Grain(why_not=f"{item} is {mine[item].type} here and {theirs[item].type} there")
    names = ([period] if period else []) + shared
    sides = [
        tuple(found[own if item == period and own is not None else item].name for item in names)
        for found, own in zip((mine, theirs), spans, strict=True)
    ]
    return Grain(tuple(names), sides[0], sides[1], period)


def _common(one: str | None, other: str | None) -> str | None:
    """The finest span that whole numbers of both make up."""
    if one is None or other is None:
        return None
    return next((span for span in PERIODS if span in _COARSER[one] and span in _COARSER[other]), None)


def _like(column: OutputColumn) -> str:
    kind = column.contract.column_type.kind
    return _LIKE.get(kind, kind)


def _said(found: Mapping[str, OutputColumn]) -> str:
    return " and ".join(found) or "one row"
