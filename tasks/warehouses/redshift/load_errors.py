"""Why a COPY was refused: the load-error view, read after ROLLBACK, told as file, line, column, type, length and reason.

The value itself is not read. `sys_load_error_detail` is on every kind of cluster; an old provisioned one has only
`stl_load_errors`, a serverless one refuses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection

from deployments.errors import HeadgateError
from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows
from tasks.warehouses.stage_errors import refused_row

_VIEWS = (
    "SELECT file_name, line_number, column_name, column_type, column_length, error_code, error_message "
    "FROM sys_load_error_detail WHERE table_id = %s ORDER BY file_name, line_number LIMIT 5",
    "SELECT filename, line_number, colname, type, col_length, err_code, err_reason "
    "FROM stl_load_errors WHERE tbl = %s ORDER BY filename, line_number LIMIT 5",
)
_VALUE = re.compile(r"(?i)(value )'.*?'(?=,|$)")


@dataclass(frozen=True, slots=True)
class LoadError:
    """One refused row."""

    file: str
    line: int
    column: str | None
    type: str
    length: str
    code: int
    reason: str

    def __str__(self) -> str:
        kind = f" {self.type}({self.length})" if self.length not in ("", "0") else f" {self.type}" if self.type else ""
        place = f", column {self.column}{kind}" if self.column else ""
        return f"{self.file} line {self.line}{place}: {self.reason} (code {self.code})"


def load_errors(connection: Connection, table_id: int) -> list[LoadError]:
    """The first refused rows of a table's loads; empty when neither view can be read or has any."""
    for statement in _VIEWS:
        try:
            with connection.cursor() as cursor:
                found = rows(cursor, statement, (table_id,))
        except psycopg2.Error:
            # Not on this kind of cluster, or not for this user: the other view may answer.
            if connection.closed:
                return []
            connection.rollback()
            continue
        connection.rollback()
        if found:
            return [_load_error(row) for row in found]
    return []


def refused(table: TableName, found: list[LoadError], in_place: bool = False) -> HeadgateError:
    """The error for rows that COPY refuses."""
    first = found[0]
    more = f", and at least {len(found) - 1} more" if len(found) > 1 else ""
    return refused_row(
        f"COPY into {table} was refused: {first}{more}", in_place,
        file=first.file, line=first.line, column=first.column, type=first.type, length=first.length,
        reason=first.reason, error_code=first.code,
    )  # fmt: skip


def _load_error(row: tuple[object, ...]) -> LoadError:
    # The older view pads its texts with blanks.
    file, line, column, kind, length, code, reason = (str(item or "").strip() for item in row)
    return LoadError(file, int(line), column or None, kind, length, int(code), _VALUE.sub(r"\1'...'", reason))
