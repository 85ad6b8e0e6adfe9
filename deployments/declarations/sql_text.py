"""SQL as text: cut into words, signs and literals in the one way that every reader of it agrees on.

Servers, the parser and people disagree about backslashes in literals, dollar quotes, nested comments and lone carriage
returns: what one takes for text, another one runs. Here such a text isn't understood, it is refused. So whatever passes
has the same words for PostgreSQL and for Redshift, and without a ';' among them it is one statement.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ONE_SELECT = "one SELECT (or WITH ... SELECT)"
_TOKEN = re.compile(
    r"(?P<blank>(?:[ \t\n]|\r\n)+|--[^\r\n]*|/\*(?:(?!\*/|/\*).|\n)*\*/)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"\\\r\n]+")'
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign>(?!/\*)[-+*/%<>=!~^&|#@?,.:()\[\]])"
)
_ESCAPED_QUOTE = re.compile(r"(?<!\\)(?:\\\\)*\\'")
_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_OF_ANOTHER_KIND = re.compile(r"\w['\"]|[uU]&['\"]")

Kind = Literal["blank", "text", "quoted", "number", "word", "sign"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign or literal, and where it begins (characters from the start of the SQL)."""

    kind: Kind
    text: str
    start: int

    @property
    def name(self) -> str:
        """What a word or a quoted name is called: servers fold A to Z of a word, and nothing else."""
        return self.text[1:-1] if self.kind == "quoted" else self.text.translate(_FOLDED)

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


@dataclass(frozen=True, slots=True)
class SqlFault:
    """What is wrong, what to write instead, and where (characters from the start of the SQL)."""

    message: str
    allowed: str | None = None
    start: int = 0
    nearest: str | None = None
    kind: str = ""
    """Of what may be meant, the word that allows it; empty: it is wrong."""


class SqlTextError(ValueError):
    """The text has a place that can be read in two ways, or by nobody."""

    def __init__(self, fault: SqlFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def tokens(sql: str) -> list[Token]:
    """Everything but blanks and comments, in order. Raises SqlTextError at the first place that isn't plain."""
    return [token for token in _cut(sql) if token.kind != "blank"]


def without_comments(sql: str) -> str:
    """The same text with blanks in place of comments: what is left stands where it stood."""
    parts = [re.sub(r"[^\n]", " ", token.text) if token.kind == "blank" else token.text for token in _cut(sql)]
    return "".join(parts)


def place(sql: str, start: int) -> tuple[int, int]:
    """(line from 0, column from 1) of a character."""
    return sql.count("\n", 0, start), start - sql.rfind("\n", 0, start)


def _cut(sql: str) -> Iterator[Token]:
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None or _OF_ANOTHER_KIND.match(sql, at) or (match[0][0] == "'" and _ESCAPED_QUOTE.search(match[0])):
            raise SqlTextError(_not_plain(sql, at))
        kind = match.lastgroup
        if kind == "word" and _OF_ANOTHER_KIND.match(sql, match.end() - 1):
            raise SqlTextError(_not_plain(sql, match.end() - 1))
        assert kind is not None
        yield Token(kind, match[0], at)  # type: ignore[arg-type]
        at = match.end()


def _not_plain(sql: str, at: int) -> SqlFault:
    found = sql[at]
    if found == ";":
        return SqlFault("must be one statement; found a ';' inside", ONE_SELECT, at)
    if found == "\r":
        return SqlFault("has a carriage return of its own: a comment ends there, or goes on", "newlines", at)
    if found in "{}":
        return SqlFault(f"has a {found!r}: templates aren't filled in", "the table's name, as schema.table", at)
    if found == "$":
        return SqlFault("has a '$': texts between dollars are read in two ways", "texts in plain quotes: '...'", at)
    if found == "'" and not _TOKEN.match(sql, at):
        return SqlFault("has a quote that is never closed", "'...'; a quote inside is written twice: ''", at)
    if found == "'":
        return SqlFault(
            "has a backslash before a quote: PostgreSQL ends the text there, Redshift doesn't",
            "'...'; a quote inside is written twice: ''", at,
        )  # fmt: skip
    if sql.startswith("/*", at):
        return SqlFault("has a comment inside a comment, or one that is never closed", "/* ... */ once", at)
    if _OF_ANOTHER_KIND.match(sql, at):
        return SqlFault(f"has a letter right before a quote: {sql[at : at + 6]!r}", "a plain '...' or \"...\"", at)
    return SqlFault(f"has a character that belongs to no SQL: {found!r}", "letters, digits, '...' and signs", at)
