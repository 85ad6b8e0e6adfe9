"""Contracts against the catalog: what a run would find different in the live tables, told before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployments.errors import DeclarationError, HeadgateError
from tasks.one_sql import as_read
from tasks.only_reads import prove_checks, prove_select
from tasks.reachable import Line
from tasks.summary_output import prove_output
from tasks.warehouses.changes import find_changes, judge
from tasks.warehouses.layouts import laid_out_otherwise, layout_of
from tasks.warehouses.names import TableName
from tasks.warehouses.session import session
from tasks.warehouses.shapes import shape_of, shape_of_summary
from tasks.workbench import Workbench


def compare_live(bench: Workbench) -> Iterator[Line]:
    """One line per declared table: as declared, not there yet, to be changed by the next publish, or forbidden."""
    adapter = bench.warehouse
    for name, table in bench.project.tables.items():
        live = TableName.parse(name)
        with session(adapter.address) as connection, connection.cursor() as cursor:
            columns, stranger = adapter.columns(cursor, live), adapter.stranger(cursor, live)
            replaced = table.load.does.replaces_table
            layout = layout_of(adapter, cursor, live, shape_of(table), is_replaced=replaced) if stranger is None else ()
        if stranger is not None:
            yield Line(name, False, f"{stranger}: it isn't ours", f"headgate plan {name}")
            continue
        shape = shape_of(table)
        changes = find_changes(shape, columns)
        try:
            judge(adapter, live, table.load.on_schema_change, shape, changes, replaced=replaced)
        except DeclarationError as error:
            yield Line(name, False, error.message, f"headgate plan {name}")
            continue
        if not columns:
            yield Line(name, True, "isn't there yet; the first publish makes it")
        elif changes:
            yield Line(
                name, True, _with_layout("the next publish changes " + "; ".join(map(str, changes)), name, layout)
            )
        else:
            yield Line(name, True, _with_layout("as declared", name, layout))


def compare_summaries(bench: Workbench) -> Iterator[Line]:
    """One line per summary: whether the warehouse reads its SQL and that of its checks, which don't run."""
    adapter = bench.warehouse
    for name, summary in bench.project.summaries.items():
        with session(adapter.address) as connection, connection.cursor() as cursor:
            absent = [item.table for item in summary.inputs if not adapter.exists(cursor, TableName.parse(item.table))]
            live, shape = TableName.parse(name), shape_of_summary(summary)
            layout = layout_of(adapter, cursor, live, shape, is_replaced=summary.grid is None)
        if absent:
            yield Line(name, True, f"isn't read: {', '.join(absent)} isn't there yet")
            continue
        try:
            read = as_read(bench, summary)
            prove_checks(adapter, read, "inputs", None)
            prove_select(adapter, read)
            prove_output(adapter, read)
        except HeadgateError as error:
            yield Line(name, False, error.message, error.next_command)
        else:
            yield Line(name, True, _with_layout("the warehouse reads its SQL as declared", name, layout))


def _with_layout(said: str, name: str, layout: Sequence[str]) -> str:
    return f"{said}; {laid_out_otherwise(name)}" if layout else said
