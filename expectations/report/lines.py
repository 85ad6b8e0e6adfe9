"""From the record of a run to its line in the table's index, and from declared columns to a schema's fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from expectations.record import RunRecord
from expectations.report.about import Column
from expectations.report.figures import figures, labels, learned
from expectations.report.model import Failed, FailedRule, Line, Neighbour, SetAside, Told

LISTED = 20
CHARACTERS = 400
SOURCE = "source"
"""The label of the only batch of a table without windows."""


def line_of(record: RunRecord) -> Line:
    """The bounded figures of a run. The record must have been cleaned (see `withheld`)."""
    columns = columns_of(record)
    measured = figures(record, columns)
    if record.status == "failed" and (rows := rows_read(record)) is not None:
        # A batch that was stopped by its rows has no profile and isn't accounted for: how many came is known all the same.
        measured.setdefault("rows", rows)
    judged = [rule for rule in record.rules if rule.outcome != "skipped"]
    failure = record.failure
    return Line(
        run_id=record.run_id, kind=record.kind, status=record.status, batch_key=record.batch_key, label=record.label,
        window_start=record.window_start, window_end=record.window_end, started_at=record.started_at,
        finished_at=record.finished_at, counts=_counts(record),
        passed=sum(rule.outcome == "pass" for rule in judged), judged=len(judged),
        failed_rules=tuple(
            FailedRule(code=rule.code, severity=rule.severity, outcome=rule.outcome, column=rule.column,
                       message=_short(rule.message or rule.sentence), overridden=rule.overridden_by is not None)
            for rule in record.failed_rules[:LISTED]
        ),
        quarantine=tuple(
            SetAside(code=item.code, column=item.column, rows=item.rows, sentence=_short(item.sentence),
                     examples=item.examples, names=item.names)
            for item in record.quarantine[:LISTED]
        ),
        alerts=tuple(
            Told(column=alert.column, kind=alert.kind, level=alert.level, message=_short(alert.message),
                 since=alert.since, under=alert.under)
            for alert in (record.drift.alerts if record.drift else ())[:LISTED]
        ),
        drift=record.drift.verdict if record.drift else None, history=record.drift.history if record.drift else 0,
        warnings=len(record.warnings), figures=measured, bands=learned(record, measured),
        labels=labels(record, columns), noticed=record.drift.noticed if record.drift else (),
        schema_hash=schema_hash(columns), sequence=record.sequence,
        failure=None if failure is None else Failed(
            code=failure.code, family=failure.family, step=failure.step, message=_short(failure.message),
            who_must_act=failure.who_must_act, next_command=failure.next_command,
        ),
    )  # fmt: skip


def rows_read(record: RunRecord) -> int | None:
    """Rows that came from the source: of a run that ended before they were accounted for, what its extract says; None where
    nothing was read.
    """
    extracts = (step.rows for step in record.steps if step.name == "extract")
    return record.counts.get("extracted", next(extracts, None))


def _counts(record: RunRecord) -> dict[str, int]:
    rows = rows_read(record)
    return record.counts if rows is None else {"extracted": rows, **record.counts}


def is_load(label: str) -> bool:
    """Whether a label names a load of a table without windows: such loads have no name that people know."""
    return label == SOURCE or (label.startswith("#") and label[1:].isdigit())


def loads_named(record: RunRecord, lines: Iterable[Line]) -> dict[str, datetime]:
    """When the loads ended that the drift watch names in a run of a table without windows, by their labels."""
    if record.drift is None or record.label != SOURCE:
        return {}
    wanted = {*record.drift.left_out, *(alert.since for alert in record.drift.alerts)}
    ended = {f"#{line.sequence}": line.at for line in lines if line.sequence is not None}
    ended[SOURCE] = record.finished_at or record.started_at
    return {label: at for label, at in ended.items() if label in wanted}


def columns_of(record: RunRecord) -> tuple[Column, ...]:
    """The contract's columns as the run used them."""
    return tuple(Column.model_validate(column) for column in record.schema_columns)


def schema_hash(columns: Sequence[Column]) -> str:
    """A short name of what readers can rely on: names, types and nullability, in order; '' without columns."""
    if not columns:
        return ""
    shape = [[column.name, column.type, column.nullable] for column in columns]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:12]


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Lines as they happened, oldest first; of a run that was told twice the last word counts."""
    latest = {line.run_id: line for line in lines}
    return sorted(latest.values(), key=lambda line: (line.started_at, line.run_id))


def latest_runs(lines: Iterable[Line]) -> list[Line]:
    """Runs that had something to say of the table: not looks without an outcome."""
    return [line for line in lines if line.status not in ("checked", "running", "waiting", "held")]


Beside = tuple[Neighbour | None, Neighbour | None]


def beside(run_ids: Iterable[str], lines: Sequence[Line], pages: set[str]) -> dict[str, Beside]:
    """The runs before and after each of these that had something to say and have a page. `lines`: as they happened."""
    wanted, told = set(run_ids), {line.run_id for line in latest_runs(lines)} & pages
    before, after = (
        {run_id: _neighbour(at) for run_id, at in _last(order, wanted, told)} for order in (lines, lines[::-1])
    )
    return {run_id: (before[run_id], after[run_id]) for run_id in before}


def _last(lines: Iterable[Line], wanted: set[str], told: set[str]) -> Iterator[tuple[str, Line | None]]:
    """Each run that is wanted with the last one before it that is told."""
    last = None
    for line in lines:
        if line.run_id in wanted:
            yield line.run_id, last
        if line.run_id in told:
            last = line


def around(run_ids: set[str], lines: Sequence[Line], pages: set[str]) -> set[str]:
    """Runs with a page that are next to one of these."""
    found: set[str] = set()
    told = [line.run_id for line in latest_runs(lines)]
    for order in (told, told[::-1]):
        last = ""
        for run_id in order:
            if run_id in run_ids and last:
                found.add(last)
            if run_id in pages and run_id not in run_ids:
                last = run_id
    return found


def _neighbour(line: Line | None) -> Neighbour | None:
    return None if line is None else Neighbour(run_id=line.run_id, label=line.label, at=line.at)


def by_batch(lines: Iterable[Line]) -> list[Line]:
    """The standing publish of each batch, in the order of the data: by window, else as they happened."""
    standing: dict[str, Line] = {}
    for line in lines:
        if line.published and line.kind != "replay":
            key = line.batch_key if line.window_start else f"{line.batch_key}#{line.run_id}"
            standing[key] = line
    return sorted(standing.values(), key=lambda line: line.window_start or line.at)


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
