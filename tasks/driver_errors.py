"""What of a database driver's error may be told: everything that names objects, nothing that may be a value of a row."""

from __future__ import annotations

import re

import psycopg2
from psycopg2 import errorcodes

# Classes whose texts name tables, rights, places and limits. All others (22 and 23 first of all, and whatever a function
# raises) may quote the value that was refused.
_NAMING = ("08", "0A", "25", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|\([^)]*\)=\([^)]*\)")


def said(error: psycopg2.Error) -> str:
    """The server's first line, or the name of what happened, its SQLSTATE and its column where the text may hold a value."""
    text = next(iter(str(error).strip().splitlines()), type(error).__name__)
    state = error.pgcode
    if state is None or state.startswith(_NAMING):
        return text
    if state.startswith("XX"):
        # Redshift tells many kinds of trouble by their text only.
        return _QUOTED.sub("…", text)
    column = getattr(error.diag, "column_name", None)
    constraint = getattr(error.diag, "constraint_name", None)
    told = f"{_name(state)} ({state})"
    if column:
        told += f" in column {column}"
    return f"{told}, constraint {constraint}" if constraint else told


def _name(state: str) -> str:
    try:
        return str(errorcodes.lookup(state)).lower().replace("_", " ")
    except KeyError:
        return "an error of the server's own"
