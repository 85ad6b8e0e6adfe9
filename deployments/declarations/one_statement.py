"""A query as people write it: comments before and behind it, perhaps a semicolon at its end, and one statement."""

from __future__ import annotations

import re

_SKIPPED = re.compile(
    r"""(?isx) e'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "[^"]*" | \$(?P<tag>[a-z_]*)\$.*?\$(?P=tag)\$
    | --[^\n]* | /\*.*?\*/"""
)
_SKIPPED_BY_MYSQL = re.compile(
    r"""(?isx) '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*` | --(?=\s)[^\n]* | \#[^\n]* | /\*.*?\*/"""
)
_COMMENTS = ("--", "/*", "#")


def one_select(query: str, *, of_mysql: bool = False) -> str:
    """The query without the semicolon at its end; ValueError when it isn't one SELECT. The server has the last word.

    MySQL has backslashes in every text, names between backticks, and comments behind #.
    """
    skipped = _SKIPPED_BY_MYSQL if of_mysql else _SKIPPED
    blanked = skipped.sub(lambda match: (" " if match[0].startswith(_COMMENTS) else "x") * len(match[0]), query)
    end = len(blanked.rstrip(" \t\r\n;"))
    if not re.match(r"(?i)\s*(select|with)\b", blanked):
        raise ValueError("must be one SELECT (or WITH ... SELECT)")
    if ";" in blanked[:end]:
        raise ValueError("must be one statement; found a ';' inside")
    behind = (" " if found == ";" else written for found, written in zip(blanked[end:], query[end:], strict=True))
    return (query[:end] + "".join(behind)).strip()
