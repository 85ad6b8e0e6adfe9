"""COPY options that a declaration may set: a short allow-list, each rendered from a checked value.

Nothing that would change what was proven is on it by default: no ROUNDEC (values that don't fit a column's scale are
quarantined instead), no EMPTYASNULL, no TRUNCATECOLUMNS, no MAXERROR. Whatever an option lets through, the figures of
the loaded rows must still be the checked ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg2 import sql

from deployments.errors import DeclarationError

Value = str | int | bool
# STATUPDATE OFF: statistics are made once, by ANALYZE, for the table that is really published.
# COMPUPDATE OFF: encodings come from the declaration or from the table's ENCODE AUTO; letting every COPY into a new table
# sample them would double the time of small loads and let them differ from one attempt to the next.
_DEFAULTS: Mapping[str, Value] = {"statupdate": False, "compupdate": False}
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def copy_options(declared: Mapping[str, Value]) -> sql.Composed:
    """The clauses for the declared options and our defaults, in a fixed order. DeclarationError for a wrong value."""
    wanted = {**_DEFAULTS, **{name.lower(): value for name, value in declared.items()}}
    return sql.SQL(" ").join(clause for name in sorted(wanted) if (clause := _clause(name, wanted[name])) is not None)


def _clause(name: str, value: Value) -> sql.Composable | None:
    """The clause of one option; None when it is switched off by leaving it out."""
    if name in ("statupdate", "compupdate") and isinstance(value, bool):
        return sql.SQL(f"{name.upper()} {'ON' if value else 'OFF'}")
    if name == "compupdate" and value == "preset":
        return sql.SQL("COMPUPDATE PRESET")
    if name == "roundec" and isinstance(value, bool):
        return sql.SQL("ROUNDEC") if value else None
    if name in ("maxerror", "comprows") and _whole(value):
        return sql.SQL(f"{name.upper()} {int(value)}")
    if name == "region" and isinstance(value, str) and _REGION.fullmatch(value):
        return sql.SQL("REGION AS {}").format(sql.Literal(value))
    if name == "acceptinvchars" and (isinstance(value, bool) or _is_character(value)):
        if value is False:
            return None
        return sql.SQL("ACCEPTINVCHARS AS {}").format(sql.Literal("?" if value is True else value))
    allowed = {
        "statupdate": "true or false", "compupdate": "true, false or preset", "roundec": "true or false",
        "maxerror": "a whole number", "comprows": "a whole number", "region": "a region such as eu-west-1",
        "acceptinvchars": "true, false or one ASCII character",
    }  # fmt: skip
    what = f"{name}: {value!r}" if name in allowed else name
    raise DeclarationError(
        f"load.copy_options: {what} isn't allowed; allowed: {allowed.get(name, ', '.join(sorted(allowed)))}",
        code="COPY-OPTION",
        next_command="headgate check",
    )


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000_000


def _is_character(value: Value) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value.isprintable()
