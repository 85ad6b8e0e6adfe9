"""What is different from last week: the last seven days of a table's data beside the seven before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from expectations.report import words
from expectations.report.about import Column, Described
from expectations.report.figures import is_about
from expectations.report.lines import by_batch
from expectations.report.model import Line
from expectations.report.outcomes import broke
from expectations.report.standing import latest_of_batches
from expectations.report.texts import Texts

WEEK = timedelta(days=7)
_CLOCK_CHANGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One figure of both weeks, in words. `told`: somebody was told of it in the last one."""

    title: str
    now: str
    before: str
    change: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Weeks:
    """Both weeks. `now` and `before` name them; `said`: what has changed beside the figures."""

    now: str
    before: str
    rows: tuple[WeekRow, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """A week: the batches that stand, and the last run of each batch whichever way it ended."""

    start: datetime
    end: datetime
    batches: tuple[Line, ...]
    told: tuple[Line, ...]
    due: int | None
    """Batches that the grid has in it; None for a table without windows."""


def weeks(
    described: Described, lines: Sequence[Line], schemas: Mapping[str, Sequence[Column]], texts: Texts
) -> Weeks | None:
    """Both weeks; None where there is nothing of the week before, or batches are longer than a day."""
    spans = _spans(described, by_batch(lines), latest_of_batches(lines), lines)
    if spans is None:
        return None
    now, before = spans
    names = [
        name for name in dict.fromkeys(n for line in reversed(now.batches) for n in line.figures) if name != "aside"
    ]
    units = {column.name: column.unit for column in described.columns}
    rows = [_batches(now, before, texts)]
    for name in sorted(names, key=lambda name: _ORDER.index(name.partition(":")[0])):
        rows.append(_row(name, now, before, units.get(name.partition(":")[2]), texts))
        if name == "rows":
            rows.append(_row("aside", now, before, None, texts))
    rows += [
        _count("alarms", now, before, lambda line: bool(line.alerts), texts),
        _count("rules", now, before, broke, texts),
        _count("failed", now, before, lambda line: line.status == "failed", texts),
    ]
    return Weeks(_named(now), _named(before), tuple(rows), _said(now, before, schemas, texts))


_ORDER = ("rows", "aside", "mean", "nulls", "distinct")


def _spans(
    described: Described, standing: Sequence[Line], told: Sequence[Line], lines: Sequence[Line]
) -> tuple[_Span, _Span] | None:
    if not standing:
        return None
    # A batch that was stopped is part of the last week, too.
    newest = max((standing[-1], *told[-1:]), key=lambda line: line.window_start or line.at)
    if described.window is None or newest.window_end is None or newest.window_start is None:
        return _of_loads(standing[-1], standing, lines)
    if newest.window_end - newest.window_start > timedelta(days=1) + _CLOCK_CHANGE:
        return None
    grid = described.window.grid
    # By the clock of the table's days: a week in which clocks change is an hour longer or shorter.
    local = newest.window_end.astimezone(grid.zone)
    edges = [(local - n * WEEK).astimezone(newest.window_end.tzinfo) for n in range(3)]

    def span(start: datetime, end: datetime) -> _Span:
        def inside(line: Line) -> bool:
            return line.window_start is not None and start <= line.window_start < end

        due = len(list(grid.between(start, end)))
        return _Span(start, end, tuple(filter(inside, standing)), tuple(filter(inside, told)), due)

    now, before = span(edges[1], edges[0]), span(edges[2], edges[1])
    return (now, before) if before.batches else None


def _of_loads(newest: Line, standing: Sequence[Line], lines: Sequence[Line]) -> tuple[_Span, _Span] | None:
    """Each load is the whole table: what stands is held against what stood a week before."""

    def span(end: datetime) -> _Span:
        last = [line for line in standing if line.at <= end][-1:]
        told = [
            line for line in lines if end - WEEK < line.at <= end and line.status in ("published", "warned", "failed")
        ]
        return _Span(end - WEEK, end, tuple(last), tuple(told), None)

    now, before = span(newest.at), span(newest.at - WEEK + _CLOCK_CHANGE)
    return (now, before) if before.batches else None


def _batches(now: _Span, before: _Span, texts: Texts) -> WeekRow:
    def said(span: _Span) -> str:
        if span.due is None:
            return words.moment(span.batches[-1].at)
        count = len(span.batches)
        return f"{count}" if count >= span.due else texts("week.of", n=count, all=span.due)

    title = "week.load" if now.due is None else "week.batches"
    return WeekRow(texts(title), said(now), said(before), "")


def _row(name: str, now: _Span, before: _Span, unit: str | None, texts: Texts) -> WeekRow:
    kind, _, column = name.partition(":")
    one, other = _figure(name, now.batches), _figure(name, before.batches)
    here, there = _labels(now).get(column), _labels(before).get(column)
    if kind == "distinct" and here is not None and there is not None:
        # Where all values are known, those of a week are told: the sentences below speak of them.
        one, other = len(here), len(there)
    of_batch = "_batch" if kind == "distinct" and now.due is not None and (here is None or there is None) else ""
    return WeekRow(
        texts(f"week.figure.{kind}{of_batch}", column=column), words.figure(name, one, unit), words.figure(name, other, unit),
        words.change(name, one, other),
        any(is_about(alert.kind, alert.column, name) for line in now.batches for alert in line.alerts),
    )  # fmt: skip


def _figure(name: str, batches: Sequence[Line]) -> float | None:
    """A figure of several batches: rows are added up, means and shares weighed by rows, of distinct values it is the middle."""
    known = [line for line in batches if name in line.figures]
    values = [line.figures[name] for line in known]
    if not values:
        return None
    if name in ("rows", "aside"):
        return sum(values)
    if name.startswith("distinct:"):
        return median(values)
    column = name.partition(":")[2]
    weights = [_rows_with(line, name, column) for line in known]
    if not sum(weights):
        return None
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def _rows_with(line: Line, name: str, column: str) -> float:
    rows = line.figures.get("rows", 0) - line.figures.get("aside", 0)
    return rows * (1 - line.figures.get(f"nulls:{column}", 0)) if name.startswith("mean:") else rows


def _count(what: str, now: _Span, before: _Span, is_one: Callable[[Line], bool], texts: Texts) -> WeekRow:
    one, other = (sum(map(is_one, span.told)) for span in (now, before))
    return WeekRow(texts(f"week.{what}"), f"{one}", f"{other}", "" if one == other else f"{one - other:+}", one > other)


def _named(span: _Span) -> str:
    """The days of a week, as its batches call them."""
    if span.due is None:
        return words.day(span.batches[-1].at)
    shown = sorted([*span.batches, *span.told], key=lambda line: line.window_start or line.at)
    first, last = shown[0].label, shown[-1].label
    return first if first == last else f"{first} – {last}"


def _said(now: _Span, before: _Span, schemas: Mapping[str, Sequence[Column]], texts: Texts) -> tuple[str, ...]:
    said = []
    for column, of_now in _labels(now).items():
        of_before = _labels(before).get(column)
        if of_before is None:
            continue
        come, gone = sorted(of_now - of_before), sorted(of_before - of_now)
        if come:
            said.append(texts("week.come", column=column, labels=", ".join(come)))
        if gone:
            said.append(texts("week.gone", column=column, labels=", ".join(gone)))
        if not come and not gone:
            said.append(texts("week.same_labels", column=column, n=len(of_now)))
    said += _columns(now, before, schemas, texts)
    if now.due is not None and len(now.batches) != len(before.batches):
        said.append(texts("week.uneven"))
    return tuple(said)


def _labels(span: _Span) -> dict[str, set[str]]:
    """All values of columns that have few, where each batch of the week tells them."""
    told = [line.labels for line in span.batches if line.figures.get("rows")]
    columns = set.intersection(*map(set, told)) if told else set()
    return {column: {label for labels in told for label in labels[column]} for column in sorted(columns)}


def _columns(now: _Span, before: _Span, schemas: Mapping[str, Sequence[Column]], texts: Texts) -> list[str]:
    new, old = (
        {column.name: (column.type, column.nullable) for column in schemas.get(span.batches[-1].schema_hash, ())}
        if span.batches
        else {}
        for span in (now, before)
    )
    if not new or not old or new == old:
        return []
    found = {
        "table.schema_added": [name for name in new if name not in old],
        "table.schema_removed": [name for name in old if name not in new],
        "table.schema_changed": [name for name in new if name in old and new[name] != old[name]],
    }
    return [texts(key, columns=", ".join(names)) for key, names in found.items() if names]
