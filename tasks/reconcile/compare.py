"""One window of a table, held against its source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deployments.declarations.table import Table
from deployments.errors import DeclarationError, SourceMissingError
from deployments.windows import Window
from expectations.contract.checksum import differences
from tasks.batch import SOURCE_KEY, Validated, new_attempt
from tasks.reconcile import source_rows
from tasks.reconcile.difference import Difference, difference
from tasks.reconcile.live_rows import LiveRows
from tasks.reconcile.source_rows import SourceRows
from tasks.sources.opening import open_source
from tasks.spool import hold, release
from tasks.warehouses.session import explained
from tasks.workbench import Workbench

SAME = Difference()
MOVED_ON = "the source has other content since it was loaded"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison of a window found. `unknown`: why it couldn't be compared; nothing is said of it then. `at`: when it
    began; what is published later isn't in it."""

    batch_key: str
    label: str
    source_rows: int = 0
    live_rows: int = 0
    set_aside: int = 0
    difference: Difference = SAME
    unknown: str = ""
    at: datetime | None = None

    @property
    def differs(self) -> bool:
        return self.difference.is_one


def refuse_incomparable(table: Table) -> None:
    """Raise DeclarationError where nothing tells which live rows are a window's."""
    if table.grid is None or table.compared_by is not None:
        return
    raise DeclarationError(
        f"{table.table}: no column of the contract says which rows are a window's, so that windows can't be compared with the "
        "source",
        code="NOT-COMPARABLE",
        next_command="put source.cursor.column into the contract (a date or time that isn't hashed), or load.mode: "
        "replace_window with load.window_column",
    )


def compare_window(bench: Workbench, table: Table, batch_key: str, label: str, standing: str | None = None) -> Finding:
    """Compare a published window with its source; a difference is told when a second look, at new snapshots, finds one too.

    `standing`: the content that was loaded, of a table without windows: with another one the source has moved on since, and
    there is nothing to compare. Raises what a load would raise for the source.
    """
    refuse_incomparable(table)
    found = _compare(bench, table, batch_key, label, standing)
    return _compare(bench, table, batch_key, label, standing) if found.differs else found


def against_live(
    bench: Workbench, table: Table, window: Window | None, validated: Validated, spool: Path
) -> Difference:
    """What loading a checked batch again would change in the live table."""
    with source_rows.of_batch(table, validated, spool) as source:
        return _difference(bench, table, window, source).difference


def is_unsafe_again(table: Table, found: Difference) -> bool:
    """Whether loading the window again would put older versions of rows over those of later windows."""
    return table.load.does.merges and table.load.keep is None and found.superseded > 0


def _compare(bench: Workbench, table: Table, batch_key: str, label: str, standing: str | None) -> Finding:
    window = None if batch_key == SOURCE_KEY else Window.from_key(batch_key)
    began = datetime.now(UTC)
    try:
        with spool_of(bench, table) as spool:
            if window is None and _content(bench, table) not in (None, standing):
                return Finding(batch_key, label, unknown=MOVED_ON)
            with source_rows.of_window(bench, table, window, spool) as source:
                found = _difference(bench, table, window, source)
            # It may have moved on while it was read.
            if window is None and (_content(bench, table) or source.fingerprint)[:128] != standing:
                return Finding(batch_key, label, unknown=MOVED_ON)
    except SourceMissingError as absent:
        return Finding(batch_key, label, unknown=f"the source has it no longer: {absent.message}")
    return replace(found, batch_key=batch_key, label=label, at=began)


def _difference(bench: Workbench, table: Table, window: Window | None, source: SourceRows) -> Finding:
    if not bench.warehouse.keeps_json_text:
        # What can't be told the same isn't compared (docs/types.md).
        table = table.model_copy(update={"columns": tuple(c for c in table.columns if c.column_type.kind != "json")})
        source = replace(source, table=table)
    with explained(f"comparing {table.table}"), LiveRows(bench.warehouse, table, window) as live:
        # Not before the live snapshot: a hash of millions of rows takes a while, and may as well be of fresh ones.
        expected, found = source.figures(), live.figures()
        same = not differences(table.columns, expected, found)
        rows = SAME if same else difference(source, live, window, bench.pii_key or b"")
    return Finding("", "", expected.rows, found.rows, source.set_aside, rows)


def _content(bench: Workbench, table: Table) -> str | None:
    """What names the source's content now, where it is known without reading all of it."""
    source = open_source(table, None, bench.settings)
    try:
        return source.fingerprint()
    finally:
        source.close()


@contextmanager
def spool_of(bench: Workbench, table: Table) -> Iterator[Path]:
    """A folder for raw rows: removed at the end, and by the next run when this process is killed."""
    attempt = new_attempt(datetime.now(UTC))
    spool = bench.spool / f"reconcile-{table.name}-{attempt}"
    hold(spool, table.table, attempt, f"{table.table}/reconcile-{attempt}")
    try:
        spool.mkdir(parents=True, exist_ok=True)
        yield spool
    finally:
        release(spool)
