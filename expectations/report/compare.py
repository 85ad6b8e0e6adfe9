"""What is different from last time: a run's figures beside the batch before it and the batch a week before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from expectations.report import words
from expectations.report.about import Column
from expectations.report.figures import is_about
from expectations.report.lines import by_batch
from expectations.report.model import Change, Comparison, Line
from expectations.report.texts import Texts

_WEEK = timedelta(days=7)


class Alert(Protocol):
    """What was told of a figure."""

    @property
    def kind(self) -> str: ...

    @property
    def column(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One figure now, in the batch before, and a week before."""

    title: str
    now: str
    before: str
    change: str
    week_before: str
    week_change: str
    notable: bool


def compared(
    line: Line, lines: Sequence[Line], columns: Sequence[Column], earlier_columns: Sequence[Column] | None = None,
    standing: Sequence[Line] | None = None,
) -> Comparison:  # fmt: skip
    """Compare a run with what was published before it; `earlier_columns` are those of the batch before, if known. `standing`:
    `by_batch` of the lines, where it is known: it takes longer than the rest."""
    if line.kind == "rollback":
        # It measured nothing: what it left is the batch before.
        return Comparison()
    standing = by_batch(lines) if standing is None else standing
    before = previous(line, lines, standing)
    week = _week_before(line, standing)
    if before is None:
        return Comparison()
    units = {column.name: column.unit for column in columns}
    names = [name for name in line.figures if name in before.figures or (week and name in week.figures)]
    changes = tuple(
        Change(
            figure=name.partition(":")[0], name=name, column=name.partition(":")[2] or None,
            unit=units.get(name.partition(":")[2]), now=line.figures.get(name), before=before.figures.get(name),
            week_before=week.figures.get(name) if week else None,
        )
        for name in names
    )  # fmt: skip
    old = {c.name: (c.type, c.nullable) for c in earlier_columns or ()}
    new = {c.name: (c.type, c.nullable) for c in columns}
    differs = bool(old and new) and before.schema_hash != line.schema_hash
    return Comparison(
        before=before.label, before_run=before.run_id, week_before=week.label if week else None,
        week_run=week.run_id if week else None, changes=changes,
        schema_added=tuple(name for name in new if differs and name not in old),
        schema_removed=tuple(name for name in old if differs and name not in new),
        schema_changed=tuple(name for name in new if differs and name in old and old[name] != new[name]),
    )  # fmt: skip


def change_rows(comparison: Comparison, alerts: Sequence[Alert], texts: Texts) -> tuple[ChangeRow, ...]:
    """A comparison in words; figures that somebody was told about are notable."""
    return tuple(_row(change, alerts, texts) for change in comparison.changes)


def _row(change: Change, alerts: Sequence[Alert], texts: Texts) -> ChangeRow:
    name, unit = change.name, change.unit
    return ChangeRow(
        title=texts(f"figure.{change.figure}", column=change.column or ""),
        now=words.figure(name, change.now, unit), before=words.figure(name, change.before, unit),
        change=words.change(name, change.now, change.before), week_before=words.figure(name, change.week_before, unit),
        week_change=words.change(name, change.now, change.week_before),
        notable=any(is_about(alert.kind, alert.column, name) for alert in alerts),
    )  # fmt: skip


def previous(line: Line, lines: Sequence[Line], standing: Sequence[Line]) -> Line | None:
    """The published batch just before this one: by window, else by time. `standing`: `by_batch` of the lines."""
    start = line.window_start
    if start is None:
        return next(
            (other for other in reversed(lines) if other.published and other.started_at < line.started_at), None
        )
    return next(
        (other for other in reversed(standing) if other.window_start is not None and other.window_start < start), None
    )


def _week_before(line: Line, standing: Sequence[Line]) -> Line | None:
    start, end = line.window_start, line.window_end
    if start is None or end is None or end - start >= timedelta(days=6):
        return None
    wanted = start - _WEEK
    for other in reversed(standing):
        # A window of local days may be an hour longer or shorter when clocks change.
        if other.window_start and abs(other.window_start - wanted) <= timedelta(hours=1):
            return other
        if (other.window_start or other.at) < wanted - timedelta(hours=1):
            break
    return None
