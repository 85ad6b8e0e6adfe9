"""COPY options that a declaration may set, each rendered from a checked value.

Nothing that would change what was proven is among them: no ROUNDEC (values that don't fit a column's scale are
quarantined instead), no EMPTYASNULL, no TRUNCATECOLUMNS, no MAXERROR, no ACCEPTINVCHARS.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql

from deployments.declarations.table import CopyOptions

Value = str | int | bool


def copy_options(declared: Mapping[str, Value]) -> sql.Composed:
    """The clauses for the declared options and our defaults, in a fixed order.

    STATUPDATE OFF: statistics are made once, by ANALYZE, for the table that is really published. COMPUPDATE OFF: encodings
    come from the declaration or from the table's ENCODE AUTO; letting every COPY into a new table sample them would double
    the time of small loads and let them differ from one attempt to the next.
    """
    options = CopyOptions.model_validate(dict(declared))
    clauses: list[sql.Composable] = []
    if options.comprows is not None:
        clauses.append(sql.SQL(f"COMPROWS {options.comprows}"))
    clauses.append(sql.SQL(f"COMPUPDATE {_switch(options.compupdate)}"))
    if options.region is not None:
        clauses.append(sql.SQL("REGION AS {}").format(sql.Literal(options.region)))
    clauses.append(sql.SQL(f"STATUPDATE {_switch(options.statupdate)}"))
    return sql.SQL(" ").join(clauses)


def _switch(value: bool | str) -> str:
    return value.upper() if isinstance(value, str) else "ON" if value else "OFF"
