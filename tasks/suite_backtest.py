"""What a suite would say today of a table's past batches, beside what people answered about them.

A batch that stands is its live rows together with those that wait in quarantine: a rule that is to set rows aside sees what it
would have seen. A batch that failed its checks stands nowhere, and is read from its source again, while that has it. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from deployments.declarations.columns import Column
from deployments.declarations.suite import Rule, Suite
from deployments.declarations.table import Table
from deployments.errors import DeclarationError, HeadgateError
from deployments.windows import Window
from expectations.contract.engine import connect, memory_for, single
from expectations.contract.layout import lay_out
from expectations.contract.lexical import duckdb_type
from expectations.contract.part_check import PartChecker
from expectations.contract.quoting import identifier
from expectations.contract.staged_rows import csv_reader, typed_relation
from expectations.record import RuleResult
from expectations.suites.passing import Rows
from tasks.answers import ANSWERED
from tasks.assess import MAX_CELLS_IN_MEMORY, column_types, judge_rows, results_of, suite_parameters
from tasks.batch import SOURCE_KEY, is_whole
from tasks.part_checks import THREADS, null_marker
from tasks.reconcile import source_rows
from tasks.reconcile.compare import refuse_incomparable, spool_of
from tasks.reconcile.live_rows import LiveRows
from tasks.replay import check_gathered, gathered_rows, replay_table
from tasks.warehouses import decisions, names, ops, proofs, quarantine
from tasks.warehouses.names import TableName
from tasks.warehouses.replay_rows import RECORD
from tasks.warehouses.session import explained, session
from tasks.workbench import Workbench

Say = Literal["stop", "warn", "pass"]
"""What would become of a batch: nothing published; published with a word about it, or without some rows; nothing to tell."""
Truth = Literal["good", "bad"]
FAILED = ("fail", "error")
MOST_RUNS = 2_000


@dataclass(frozen=True, slots=True)
class Past:
    """A batch that stands, or one that failed its checks and of which nothing stands."""

    batch_key: str
    label: str
    run_id: str
    stands: bool

    @property
    def window(self) -> Window | None:
        return Window.from_key(self.batch_key) if "/" in self.batch_key else None


@dataclass(frozen=True, slots=True)
class TriedRules:
    """One batch as the suite would judge it. `truth`: what people said of it; None: nothing. `unknown`: why it couldn't be
    judged. Of `rows`, `set_aside` came out of quarantine."""

    batch: Past
    say: Say = "pass"
    rules: tuple[RuleResult, ...] = ()
    rows: int = 0
    set_aside: int = 0
    truth: Truth | None = None
    unknown: str = ""

    @property
    def alarms(self) -> tuple[RuleResult, ...]:
        """The rules that fail and say so: not those that only record."""
        return tuple(rule for rule in self.rules if rule.outcome in FAILED and rule.severity != "info")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rules that can be judged of rows alone, and those that can't, with the reason."""

    suite: Suite
    left_out: Mapping[str, str]


def chosen_of(bench: Workbench, table: Table, codes: Sequence[str]) -> Chosen:
    """What of the suite is tried: all of it, or the rules with these codes; DeclarationError for one that it hasn't."""
    suite = bench.project.suite(table.table)
    known = [rule.code for rule in suite.expectations]
    for code in codes:
        if code not in known:
            raise DeclarationError(
                f"the suite of {table.table} has no rule {code}; it has {', '.join(known) or 'none'}",
                code="UNKNOWN-RULE", next_command=f"headgate suite backtest {table.table}   (all of its rules)",
            )  # fmt: skip
    asked = [rule for rule in suite.expectations if not codes or rule.code in codes]
    left_out = {rule.code: why for rule in asked if (why := _why_not(rule, table))}
    # Where rows would be set aside is not asked here: each rule is, of all rows.
    kept = tuple(
        rule.model_copy(update={"rows": None, "tolerance": None, "on": "batch"})
        for rule in asked
        if rule.code not in left_out
    )
    return Chosen(suite.model_copy(update={"expectations": kept}), left_out)


def _why_not(rule: Rule, table: Table) -> str:
    if not rule.signature.memory:
        return "judged in the warehouse only, on the candidate"
    return "judges values that the table holds as hashes" if rule.judges_hashes(table.hashed) else ""


def past_of(bench: Workbench, table: Table, most: int) -> list[Past]:
    """The newest batches of a table that stand or failed their checks, oldest first, at most so many."""
    refuse_incomparable(table)
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, names.proof(live)):
            return []
        standing = proofs.standing(proofs.read(cursor, live))
    windowed = table.grid is not None
    found = {
        key: Past(key, _label(table, key), proof.run_id, True)
        for key, proof in standing.items()
        if ("/" in key) == windowed and (windowed or key == SOURCE_KEY)
    }
    for run in ops.last_runs(adapter, table.table, MOST_RUNS, status="failed", kind="ingest"):
        key = str(run["batch_key"])
        if run["failure_code"] in ("CHECK-FAILED", "TOLERANCE") and ("/" in key) == windowed and not is_whole(key):
            found.setdefault(key, Past(key, str(run["label"]), str(run["run_id"]), False))
    ordered = sorted(found.values(), key=lambda past: past.window.start.timestamp() if past.window else 0.0)
    return ordered[-most:]


def _label(table: Table, key: str) -> str:
    return table.grid.label(Window.from_key(key)) if table.grid is not None and "/" in key else key


def truths(bench: Workbench, table: Table) -> dict[str, Truth]:
    """What people said of runs. Bad: its drift wasn't meant. Good: published although it failed, or its drift was meant, or no
    news. Of several answers the newest counts.
    """
    said = decisions.read(bench.warehouse, [table.table], tuple(ANSWERED))
    found: dict[str, Truth] = {
        str(run["run_id"]): "good" for run in ops.last_runs(bench.warehouse, table.table, MOST_RUNS, kind="override")
    }
    return found | {i.run_id: "bad" if i.kind == "reject-drift" else "good" for i in said if i.run_id}


def backtest_rules(bench: Workbench, table: Table, chosen: Chosen, pasts: Sequence[Past]) -> Iterator[TriedRules]:
    """Each batch by the rules as they are checked out."""
    said = truths(bench, table)
    for past in pasts:
        truth = said.get(past.run_id)
        try:
            with explained(f"reading {table.table} {past.label}"), _rows(bench, table, past) as (rows, set_aside):
                yield _judged(table, chosen, past, rows, set_aside, truth, bench.project.suite(table.table))
        except HeadgateError as error:
            yield TriedRules(past, truth=truth, unknown=error.message)


def _judged(
    table: Table, chosen: Chosen, past: Past, rows: Rows, set_aside: int, truth: Truth | None, suite: Suite
) -> TriedRules:
    outcomes = judge_rows(table, chosen.suite, rows, suite_parameters(past.window, rows.count))
    told = [outcomes[rule.code] for rule in chosen.suite.expectations if rule.code in outcomes]
    results = results_of(told, chosen.suite, table.owner, "batch")
    unknown = ""
    if len(told) < len(chosen.suite.expectations):
        left = [rule.code for rule in chosen.suite.expectations if rule.code not in outcomes]
        unknown = f"{rows.count:,} rows are too many for memory: {', '.join(left)} not judged"
    found = TriedRules(past, "pass", results, rows.count, set_aside, truth, unknown)
    stops = [rule for rule in found.alarms if _stops(suite.rule(rule.code), rule)]
    say: Say = "stop" if stops else "warn" if found.alarms else "pass"
    return TriedRules(past, say, results, rows.count, set_aside, truth, unknown)


def _stops(rule: Rule | None, result: RuleResult) -> bool:
    """Whether a failed rule keeps the batch from being published: one that sets rows aside does where they are too many."""
    if rule is None or rule.severity != "critical":
        return False
    if rule.rows is None or result.outcome == "error":
        return True
    failed, checked = result.rows_failed or 0, result.rows_checked or 1
    return rule.tolerance is not None and failed > rule.tolerance * checked


@contextmanager
def _rows(bench: Workbench, table: Table, past: Past) -> Iterator[tuple[Rows, int]]:
    with spool_of(bench, table) as spool:
        if not past.stands:
            bare = Suite(table=table.table)
            with source_rows.of_window(bench, table, past.window, spool, bare) as source:
                (count,) = single(source.connection, f"SELECT count(*) FROM {source.relation}")
                yield _of(table, source.connection, source.relation, int(count)), 0
            return
        aside, file = _quarantined(bench, table, past, spool), spool / "live.csv"
        with LiveRows(bench.warehouse, table, past.window) as live:
            live.write(file)
        with closing(connect(spool / "duckdb", memory_mb=memory_for(len(table.columns)), threads=THREADS)) as engine:
            relation = _live_relation(table, file)
            set_aside = 0
            if aside:
                (set_aside,) = single(engine, f"SELECT count(*) FROM {aside}")
                relation = f"(SELECT * FROM {relation} UNION ALL SELECT * FROM {aside})"
            (count,) = single(engine, f"SELECT count(*) FROM {relation}")
            yield _of(table, engine, relation, int(count)), int(set_aside)


def _of(table: Table, connection: duckdb.DuckDBPyConnection, relation: str, count: int) -> Rows:
    return Rows(connection, relation, count, column_types(table), count * len(table.columns) <= MAX_CELLS_IN_MEMORY)


def _live_relation(table: Table, file: Path) -> str:
    """SQL usable after FROM: the live rows as `LiveRows.write` writes them, with the contract's names and types."""
    texts = [f"c{at}" for at in range(len(table.columns))]
    values = ", ".join(
        f"{_value(column, text)} AS {identifier(column.name)}"
        for column, text in zip(table.columns, texts, strict=True)
    )
    if not file.stat().st_size:
        nothing = ", ".join(f"NULL::VARCHAR AS {text}" for text in texts)
        return f"(SELECT {values} FROM (SELECT {nothing} WHERE false))"
    return f"(SELECT {values} FROM {csv_reader([file], ['n', *texts], ',')})"


def _value(column: Column, text: str) -> str:
    """A value from its text as the warehouse writes it (`Adapter.value_text`)."""
    kind = duckdb_type(column.column_type)
    match column.column_type.kind:
        case "boolean":
            return f"({text} = '1')"
        case "date":
            return f"(DATE '1970-01-01' + CAST({text} AS INTEGER))"
        case "timestamp" | "timestamptz" | "time":
            return f"CAST(make_timestamp(CAST({text} AS BIGINT)) AS {kind})"
    return f"CAST({text} AS {kind})"


def _quarantined(bench: Workbench, table: Table, past: Past, spool: Path) -> str:
    """SQL usable after FROM: the rows of a batch that wait in quarantine and fit the contract; empty where there are none."""
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        waiting = quarantine.open_batches(adapter, cursor, live, batch_key=past.batch_key)
        rows = [
            row
            for one in waiting
            for row in quarantine.set_aside(adapter, cursor, live, past.batch_key, one.run_id, None)
        ]
    raw, clean = spool / "aside", spool / "aside-clean"
    raw.mkdir()
    clean.mkdir()
    found = gathered_rows(rows, past.run_id, raw)
    if not found.parts:
        return ""
    again, marker = replay_table(table), null_marker(table, adapter)
    layout = lay_out(again, (*found.header, RECORD), found.delimiter, "quarantine")
    prefix = adapter.bytes_prefix
    with closing(PartChecker(again, layout, [], marker, None, spool / "duckdb-aside", bytes_prefix=prefix)) as checker:
        files = [
            part.path for part in (check_gathered(checker, clean, one, {}) for one in found.parts) if part.accepted
        ]
    if not files:
        return ""
    names_ = ", ".join(identifier(column.name) for column in table.columns)
    return f"(SELECT {names_} FROM {typed_relation(again, files, layout.delimiter, marker)})"
