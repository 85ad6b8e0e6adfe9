"""Where a window begins and ends in the values of a source's cursor."""

from __future__ import annotations

from datetime import UTC

from deployments.bounds import Bound, clocks, days
from deployments.clocks import Ambiguous
from deployments.declarations.columns import Column
from deployments.declarations.sources import Cursor
from deployments.errors import DeclarationError
from tasks.sources.protocol import Span

_DATE, _TIMESTAMP, _TIMESTAMPTZ = "date", "timestamp without time zone", "timestamp with time zone"
CUT_BY = (_DATE, _TIMESTAMP, _TIMESTAMPTZ)
"""The types of a cursor that windows can be cut by."""


def bounds(kind: str, cursor: Cursor, column: Column | None, span: Span) -> tuple[Bound, Bound]:
    """The least value of the window and the least of the next. `kind`: the cursor's type at the source; `column`: the cursor
    in the contract, which says how its values are read."""
    window = span.window
    assert window is not None
    if kind not in CUT_BY:
        raise DeclarationError(
            f"source.cursor.column: {cursor.column} is {kind} at the source; a window can only be cut by a date or a time",
            code="CURSOR-TYPE",
            next_command="mend source.cursor, or make a time of it in source.query: to_timestamp(...) AS ...",
        )
    if kind == _TIMESTAMPTZ:
        return window.start.astimezone(UTC), window.end.astimezone(UTC)
    declared = None if column is None else column.column_type.kind
    if declared == "date" or (kind == _DATE and declared != "timestamp"):
        return days(window, span.timezone)
    zone = column.source_timezone if column is not None and declared == "timestamp" else cursor.timezone
    if zone is None:
        raise DeclarationError(
            f"source.cursor.column: {cursor.column} is a time without zone at the source, and nothing says where its clock is",
            code="CURSOR-ZONE",
            next_command="declare source.cursor.timezone, or the column in the contract with its source_timezone",
        )
    ambiguous: Ambiguous = column.ambiguous if column is not None and declared == "timestamp" else "first"
    return clocks(window, zone, ambiguous)
