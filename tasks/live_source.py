"""Contracts against the sources as they are now: columns that appeared, went or were renamed, told before a run meets them."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import cast

from deployments.declarations.table import Table
from deployments.errors import ContractError, HeadgateError, SourceMissingError
from expectations.contract.layout import Layout, emptied, lay_out, read_header
from expectations.contract.split import first_record
from tasks.reachable import Line
from tasks.sources.opening import open_source
from tasks.sources.protocol import OpenSource
from tasks.sources.spoken import with_source
from tasks.workbench import Workbench

_HEADER_BYTES = 1_000_000


def compare_source(bench: Workbench, table: Table, now: datetime) -> Line:
    """What the newest window that is due, or the whole source, has for a header. Only its beginning is read."""
    what = f"{table.table}: source"
    due = [] if table.grid is None else list(table.grid.due(now - table.lag))
    if table.load.stage == "in_place" or (table.grid is not None and not due):
        return Line(
            what, True, "not looked at: " + ("in place" if table.load.stage == "in_place" else "nothing is due")
        )
    window = due[-1] if due else None
    try:
        source = open_source(table, window, bench.settings, _newest_object(bench, table))
        record, rows = _beginning(source, with_rows=not (table.source.has_header or table.source.is_database))
        if record is None:
            return Line(what, True, f"{source.where} has no header to look at")
        layout = lay_out(table, read_header(record, source.delimiter, source.where), source.delimiter, source.where)
    except ContractError as error:
        label = "source" if window is None or table.grid is None else table.grid.label(window)
        return Line(what, False, error.message, with_source(error.next_command or "", table, label) or None)
    except HeadgateError as error:
        return Line(what, True, f"not looked at: {error.message}")
    told = (*layout.warnings, *(emptied(table, layout, _empty(table, layout, rows)) if rows else ()))
    return Line(what, True, "; ".join(told) or "as declared")


def _empty(table: Table, layout: Layout, rows: bytes) -> list[str]:
    """Columns of the contract that none of these rows has a value of."""
    read = list(csv.reader(io.StringIO(rows.decode("utf-8", "replace"), newline=""), delimiter=layout.delimiter))
    places = zip(table.columns, layout.positions, strict=True)
    return [column.source_name for column, at in places if not any(row[at] for row in read if 0 <= at < len(row))]


def _newest_object(bench: Workbench, table: Table) -> str:
    """The last one by name of a table whose objects are batches; '' of another."""
    if not table.source.has_objects:
        return ""
    from tasks.sources.objects import objects_of

    found = objects_of(table, bench.settings)
    if not found:
        raise SourceMissingError(
            f"no object lies at {table.source.address} yet", code="SOURCE-MISSING", next_command="-"
        )
    return found[-1].name


def _beginning(source: OpenSource, *, with_rows: bool) -> tuple[bytes | None, bytes]:
    """The first record, however the source cuts its bytes; and the rows that JSON has in its next piece."""
    buffer = b""
    # A source is a generator of its own: closing it gives its connection back.
    with closing(cast("Generator[bytes]", source.chunks())) as chunks:
        for chunk in chunks:
            buffer += chunk
            found = first_record(buffer, source.delimiter)
            if found is not None or len(buffer) > _HEADER_BYTES:
                return found, next(chunks, b"") if with_rows else b""
    return buffer.rstrip(b"\r\n") or None, b""
