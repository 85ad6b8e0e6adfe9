"""Readiness: whether what a batch waits for is there. Only looks; a source that can't be reached isn't ready, but told."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from deployments.windows import Window
from tasks.sources.address import fill
from tasks.sources.location import locate_beside
from tasks.sources.opening import open_database
from tasks.sources.protocol import Span
from tasks.sources.stored import exists
from tasks.warehouses import names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.workbench import Workbench


def awaited(bench: Workbench, table: Table, window: Window | None) -> str | None:
    """What the batch still has to wait for, in a few words; None when it may be read."""
    wait = table.source.wait_for
    if wait is None:
        return None
    zone = "UTC" if table.window is None else table.window.timezone
    if wait.table is not None:
        ready = _published(bench, bench.project.full_name(wait.table), window)
        return None if ready else f"{wait.table} to publish {_said(table, window)}"
    if wait.url is not None:
        place = locate_beside(table.source, wait.url, bench.settings, Span(window, zone)).place
        return None if exists(place) else f"{place.shown} to be there"
    ready = _answers_true(bench, table, fill(wait.query or "", window, zone))
    return None if ready else "the source's query to say that it is complete"


def covered(standing: Sequence[Proof], window: Window) -> bool:
    """Whether published windows cover every moment of `window`, or a publish without a window came after it."""
    if any("/" not in item.batch_key and item.published_at >= window.end for item in standing):
        return True
    reached = window.start
    for known in sorted(Window.from_key(item.batch_key) for item in standing if "/" in item.batch_key):
        if known.start <= reached < known.end:
            reached = known.end
    return reached >= window.end


def _published(bench: Workbench, name: str, window: Window | None) -> bool:
    live, adapter = TableName.parse(name), bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
    standing = list(proofs.standing(known).values())
    return bool(standing) if window is None else covered(standing, window)


def _answers_true(bench: Workbench, table: Table, query: str) -> bool:
    database = open_database(table.source, bench.settings)
    if database is None:
        raise DeclarationError(
            f"{table.table}: wait_for.query needs a database: where is it to be asked?",
            code="WAIT-FOR", next_command="headgate check",
        )  # fmt: skip
    return database.says_yes(query)


def _said(table: Table, window: Window | None) -> str:
    return "once" if window is None or table.grid is None else table.grid.label(window)
