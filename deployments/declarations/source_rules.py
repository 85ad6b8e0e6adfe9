"""What must hold between a table and its source: where rows are read, how windows cut them, objects loaded as they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from deployments.declarations.database_sources import DatabaseSource
from deployments.declarations.problems import Fault
from deployments.declarations.sources import CsvSource, JsonSource, ParquetSource
from deployments.declarations.table import CopyOptions, Table

_UNPACKED = "in_place can't unpack {}: a warehouse reads gzip and zstd"


def _in_place_source(table: Table) -> Iterator[Fault]:
    """Loaded as it lies in the bucket, a value can neither be converted nor set aside."""
    if table.load.stage != "in_place":
        return
    path, source = ("load", "stage"), table.source
    if not isinstance(source, CsvSource | JsonSource | ParquetSource) or not source.url.startswith(
        ("s3://", "file://")
    ):
        yield Fault(
            path, "in_place needs a csv, json or parquet source at s3:// (or file:// with a PostgreSQL warehouse)",
            "stage: parts",
        )  # fmt: skip
    elif isinstance(source, ParquetSource):
        if table.load.copy_options != CopyOptions():
            yield Fault(("load", "copy_options"), "COPY of Parquet takes none", "no copy_options, or stage: parts")
    elif isinstance(source, JsonSource):
        if source.format != "lines":
            yield Fault(path, "in_place reads JSON lines, a record on each", "source.format: lines, or stage: parts")
        for column in table.columns:
            if column.source_name != column.name or column.name != column.name.lower():
                yield Fault(
                    path, f"in_place takes JSON keys by the name of their column: {column.name}", "stage: parts"
                )
        if source.compression not in ("none", "gzip", "zstd", "auto"):
            yield Fault(path, _UNPACKED.format(source.compression), "stage: parts")
    elif source.encoding.lower() not in ("utf-8", "utf8"):
        yield Fault(path, f"in_place can't decode {source.encoding}", "stage: parts")
    elif not source.is_rfc4180 or source.skip_lines:
        yield Fault(path, "in_place reads CSV of RFC 4180, with the header in the first line", "stage: parts")
    elif source.compression not in ("none", "gzip", "zstd", "auto"):
        yield Fault(path, _UNPACKED.format(source.compression), "stage: parts")


def _in_place_columns(table: Table) -> Iterator[Fault]:
    if table.load.stage != "in_place":
        return
    path = ("load", "stage")
    for column in table.columns:
        zone = column.source_timezone
        if column.null or column.cast or column.format or (zone is not None and zone.upper() not in ("UTC", "ETC/UTC")):
            yield Fault(path, f"in_place can't convert {column.name}", "stage: parts")
        if column.column_type.kind in ("binary", "json"):
            yield Fault(path, f"in_place can't bring {column.name} into the one form of {column.type}", "stage: parts")
    if "hash" in table.pii.values():
        yield Fault(
            path, "in_place can't hash a column: its values would reach the warehouse as they are", "stage: parts"
        )
    if "tolerance" in table.load.model_fields_set:
        yield Fault(
            ("load", "tolerance"), "has no meaning with in_place: no row is set aside, a bad one stops the batch"
        )


def _cursor(table: Table) -> Iterator[Fault]:
    source = table.source
    if not source.is_database:
        return
    if table.window is not None and source.cut_by is None and not table.load.does.replaces_table:
        yield Fault(
            ("source", "cursor"), f"a {source.kind} source with windows needs a cursor", "cursor: {column, kind}"
        )
    if table.window is None and source.cut_by is not None:
        yield Fault(("source", "cursor"), "has no meaning without window", "window: {every, timezone, start}")


def _chunks(table: Table) -> Iterator[Fault]:
    source = table.source
    if not isinstance(source, DatabaseSource) or source.chunks is None:
        return
    path = ("source", "chunks")
    if source.cursor is not None:
        yield Fault(path, "windows cut the rows already: the cursor and chunks aren't taken together",
                    "no chunks, and a smaller window.every")  # fmt: skip
    key = [table.column(name).source_name for name in table.key]
    if source.chunks.snapshot == "chunk" and source.chunks.by not in key:
        yield Fault(
            (*path, "snapshot"),
            "chunk: a row whose value changes while chunks are read could be missed or read twice, unnoticed unless the column "
            "is of the key", f"by: one of {', '.join(key)}" if key else "a key, and by: a column of it; or snapshot: batch",
        )  # fmt: skip


def _cursor_zone(table: Table) -> Iterator[Fault]:
    cursor = table.source.cut_by
    if cursor is None or cursor.timezone is None:
        return
    if any(column.source_name == cursor.column and column.source_timezone is not None for column in table.columns):
        yield Fault(
            ("source", "cursor", "timezone"), "the contract has the column", "source_timezone of the column, alone"
        )


def _cursor_nulls(table: Table) -> Iterator[Fault]:
    cursor = table.source.cut_by
    if cursor is None or cursor.nulls != "load":
        return
    path = ("source", "cursor", "nulls")
    if not table.load.does.merges:
        yield Fault(path, f"load: with {table.load.mode} the rows would stand once per window", "mode: merge")
    if table.load.keep is not None and table.column(table.load.keep.latest_by).source_name == cursor.column:
        yield Fault(
            path, "load: load.keep.latest_by is the cursor: a row without it can't be the latest", "another latest_by"
        )


def _window_placeholders(table: Table) -> Iterator[Fault]:
    if table.source.address is None and not table.source.keeps_state:
        return
    templated, key = table.source.is_templated, "arguments" if table.source.address is None else "url"
    if table.window is not None and not templated and not table.load.does.replaces_table:
        allowed = f"{{window.start:%Y-%m-%d}} in {table.source.window_goes_to}"
        yield Fault(("source", key), "every window would read the same address", allowed)
    in_url = templated and table.source.window_goes_to == "the url"
    if table.window is not None and in_url and not table.load.does.replaces_table and _same_address(table):
        yield Fault(
            ("source", "url"), f"two windows of {table.window.every} after one another would read the same address",
            "every part of {window.start:...} that tells them apart, such as %Y-%m-%d of days",
        )  # fmt: skip
    if table.window is None and templated:
        yield Fault(
            ("source", key), "holds a window placeholder, but the table has no window", f"window, or a plain {key}"
        )


def _objects(table: Table) -> Iterator[Fault]:
    """Objects that are a batch each."""
    if table.load.stage == "in_place" and "pattern" in table.source.model_fields_set:
        yield Fault(
            ("source", "pattern"), "has no meaning with in_place: all objects of a window are loaded", "stage: parts"
        )
    if not table.source.has_objects:
        return
    path = ("source", "objects")
    if table.window is not None:
        yield Fault(path, "each object is a batch, and so is each window: not both", "no window, or objects: together")
    if not (table.load.does.only_adds or table.load.does.merges):
        yield Fault(path, f"with {table.load.mode} an object would replace those before it", "mode: append or merge")
    if table.load.stage == "in_place":
        yield Fault(path, "in_place loads all objects of a batch at once", "stage: parts")
    if table.source.on_missing == "wait":
        yield Fault(("source", "on_missing"), "wait: no object is awaited by name", "fail or empty (one without rows)")
    if table.reconcile is not None:
        yield Fault(("reconcile",), "nothing tells which live rows came with which object", "no reconcile")


def _same_address(table: Table) -> bool:
    """Whether no placeholder tells the first window from the second."""
    grid = table.grid
    assert grid is not None
    try:
        windows = grid.nth(0), grid.nth(1)
    except (ValueError, OverflowError):
        # No grid at all, which is told itself.
        return False
    for place, form in re.findall(r"\{window\.(start|end|last)(?::([^}]*))?\}", table.source.address or ""):
        if not form or form.startswith("epoch"):
            return False
        moments = [
            item.start if place == "start" else item.end - timedelta(seconds=place == "last") for item in windows
        ]
        if len({moment.astimezone(grid.zone).strftime(form) for moment in moments}) > 1:
            return False
    return True


def _own_of_source(table: Table) -> Iterator[Fault]:
    for path, message, allowed in table.source.faults([column.source_name for column in table.columns]):
        if path == ("url",) and table.load.stage == "in_place":
            # One COPY reads all objects below a prefix, whatever their form.
            continue
        yield Fault(("source", *path), message, allowed)


def _path_needs_connection(table: Table) -> Iterator[Fault]:
    source = table.source
    if (source.address or "").startswith("/") and source.connection is None:
        yield Fault(("source", "url"), "a path needs a connection that gives the host", "connection: NAME")


def _wait_for(table: Table) -> Iterator[Fault]:
    wait = table.source.wait_for
    if wait is None:
        return
    path = ("source", "wait_for")
    if wait.query is not None and not table.source.is_database:
        yield Fault((*path, "query"), f"a {table.source.kind} source has no database to ask", "url or table")
    hostless = table.source.is_database or table.source.connection is None
    if wait.url is not None and wait.url.startswith("/") and hostless:
        yield Fault((*path, "url"), "a path needs a source with a connection that gives the host", "a whole address")
    if wait.table is not None and wait.table == table.table:
        yield Fault((*path, "table"), "a table can't wait for itself", "another table of the project")
    if table.window is None and "{window." in f"{wait.url or ''}{wait.query or ''}":
        place = "url" if wait.url is not None else "query"
        yield Fault(
            (*path, place), "holds a window placeholder, but the table has no window", "window, or no placeholder"
        )


SOURCE_RULES = (
    _in_place_source, _in_place_columns, _cursor, _chunks, _cursor_zone, _cursor_nulls, _window_placeholders,
    _path_needs_connection, _wait_for, _own_of_source, _objects,
)  # fmt: skip
