"""Judge a build of a summary: what was built beside the builds before it, or beside the windows before its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from deployments.declarations.columns import MAX_VARCHAR_BYTES, Column, parse_type
from deployments.declarations.summary import OutputColumn, Summary
from expectations.contract.engine import lock
from expectations.contract.lexical import duckdb_type
from expectations.contract.quoting import identifier
from expectations.record import Drift, RunRecord
from tasks.assess import profile_kind
from tasks.declared import KEY, declared_columns
from tasks.judge import drift_of, stop_on_drift
from tasks.step import OF_A_JOB, step
from tasks.summarize import Built, Job
from tasks.summary_output import NUMBERS, TEXTS
from tasks.switches import reached
from tasks.warehouses import ops
from tasks.warehouses.quoting import identifier as quoted
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import explained, one, session
from tasks.watched import WatchedSummary
from tasks.workbench import Workbench, workbench

if TYPE_CHECKING:
    from expectations.profile import Profile

MEASURED = 200_000
"""Rows of a build that its profile is measured of: all, or so many that a hash of their key chooses. Counts are of all."""
_AT_ONCE = 5_000
_ANY_TEXT, _ANY_NUMBER = f"varchar({MAX_VARCHAR_BYTES})", "double precision"
"""What values of types without a length are measured as."""


@dataclass(frozen=True, slots=True)
class BuildJudged:
    """What a build is beside those before it; None where its header has no `drift`, or it has no rows."""

    drift: Drift | None = None
    profile: dict[str, object] | None = None


@step("judge", of=OF_A_JOB)
def judge_build(job: Job, record: RunRecord, built: Built) -> BuildJudged:
    """Raises DriftStopError. The profile and what is told are kept before the publish; running it again replaces them."""
    bench = workbench()
    summary = bench.project.summary(job.target)
    if summary.drift is None or not built.rows:
        return BuildJudged()
    columns = summary.contract or _as_made(bench, built)
    measured = _profile(bench, summary, columns, built).to_json()
    watched = WatchedSummary.of(summary, columns)
    drift = drift_of(bench, watched, summary.drift, job, measured)
    if not job.overridden("DRIFT"):
        stop_on_drift(job.title, job.run_id, drift)
    kept = {**measured, KEY: declared_columns(watched)}
    ops.save_judged(bench.warehouse, record.model_copy(update={"profile": kept, "drift": drift}))
    reached("judged")
    return BuildJudged(drift, kept)


def _as_made(bench: Workbench, built: Built) -> tuple[Column, ...]:
    """The columns of a build without a contract; those of types that no contract has are left out."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        made = bench.warehouse.columns(cursor, built.candidate)
    found = []
    for column in made:
        kind = _ANY_TEXT if column.type in TEXTS else _ANY_NUMBER if column.type in NUMBERS else column.type
        with suppress(ValueError):
            found.append(OutputColumn(name=column.name, type=str(parse_type(kind))).contract)
    return tuple(found)


def _profile(bench: Workbench, summary: Summary, columns: Sequence[Column], built: Built) -> Profile:
    import duckdb
    import numpy

    from expectations.profile import measure
    from expectations.profile.model import ColumnKind

    kinds = [ColumnKind(column.name, profile_kind(column), masked=column.name in summary.masked) for column in columns]
    counted, rows = _rows(bench, summary, columns, built)
    texts = {
        column.name: numpy.array([None if row[i] is None else str(row[i]) for row in rows], dtype=object)
        for i, column in enumerate(columns)
    }
    with duckdb.connect() as connection:
        lock(connection)
        connection.register("headgate_texts", texts)
        typed = ", ".join(
            f"CAST({identifier(column.name)} AS {duckdb_type(column.column_type)}) AS {identifier(column.name)}"
            for column in columns
        )
        connection.execute(f"CREATE TABLE headgate_built AS SELECT {typed} FROM headgate_texts")
        key = (bench.pii_key or b"").decode(errors="ignore")
        return measure(connection, "headgate_built", kinds, key=key, counted=counted, sampled="headgate_built")


def _rows(
    bench: Workbench, summary: Summary, columns: Sequence[Column], built: Built
) -> tuple[tuple[int, list[int]], list[tuple[object, ...]]]:
    """(rows, values of each column) of the whole build, and the rows that its profile is measured of."""
    table = qualified(built.candidate)
    # A driver makes values of Python of what isn't a text there.
    texts = ("json", "binary")
    names = sql.SQL(", ").join(
        bench.warehouse.value_text(column) if column.column_type.kind in texts else quoted(column.name)
        for column in columns
    )
    figures = sql.SQL(", ").join([sql.SQL("count(*)"), *(_count(column) for column in columns)])
    statement = sql.SQL("SELECT {} FROM {}").format(names, table)
    if built.rows > MEASURED:
        marks = [sql.SQL("coalesce(CAST({} AS varchar(256)), '')").format(quoted(name))
                 for name in summary.key or [column.name for column in columns]]  # fmt: skip
        statement += sql.SQL(" ORDER BY md5({}) LIMIT {}").format(sql.SQL(" || ").join(marks), sql.Literal(MEASURED))
    with explained(f"judging {summary.target}"), session(bench.warehouse.address) as connection:
        with connection.cursor() as cursor:
            rows, *present = one(cursor, sql.SQL("SELECT {} FROM {}").format(figures, table))
        with connection.cursor(name="hg_built") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(statement)
            return (int(rows), [int(count) for count in present]), list(cursor)


def _count(column: Column) -> sql.Composed:
    return sql.SQL("count({})").format(quoted(column.name))
