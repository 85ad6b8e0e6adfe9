"""The SELECT of a summary, read without a server: whether it is one, and which columns and tables it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

# Read in one go: a comment may hold a quote, and a text may hold what looks like a comment.
_TEXT_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_DIALECTS = ("postgres", "redshift")
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Command, exp.Into, exp.Lock)
_UNNAMED = "?column?"
ONE_SELECT = "one SELECT (or WITH ... SELECT)"


@dataclass(frozen=True, slots=True)
class SqlFault:
    """What is wrong, what is allowed, and at which line of the SQL (from 0); None: the statement as a whole."""

    message: str
    allowed: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """What a sound SELECT says: names of its columns in order, and the `schema.table` it reads."""

    columns: tuple[str, ...]
    tables: frozenset[str]
    is_certain: bool
    """Whether the name of each column is written out, by itself or with AS."""


def read_select(sql: str) -> tuple[Select | None, list[SqlFault]]:
    """The SELECT and its faults; None when it can't be read as one."""
    bare = _TEXT_OR_COMMENT.sub(lambda match: "''" if match[0][0] in "'\"" else " ", sql).strip()
    if not re.match(r"(?is)^\(*\s*(select|with)\b", bare):
        return None, [SqlFault("must be one SELECT (or WITH ... SELECT)", ONE_SELECT)]
    if ";" in bare:
        return None, [SqlFault("must be one statement; found a ';' inside", ONE_SELECT)]
    tree, fault = _parsed(sql)
    if tree is None:
        return None, [fault]
    query = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    if not isinstance(query, exp.Query) or any(True for _ in tree.find_all(*_WRITES)):
        return None, [SqlFault("must only read: no INTO, no FOR UPDATE, nothing that writes inside WITH", ONE_SELECT)]
    faults = [*_stars(query), *_repeated(query)]
    columns = _first(query).selects
    certain = all(isinstance(column, exp.Alias | exp.Column) and not _is_star(column) for column in columns)
    return Select(tuple(map(_name, columns)), frozenset(_tables(tree)), certain), faults


def _parsed(sql: str) -> tuple[exp.Expr | None, SqlFault]:
    """The tree of the statement, in the dialect of either warehouse."""
    fault = SqlFault("can't be read", ONE_SELECT)
    for dialect in _DIALECTS:
        try:
            found = parse(sql, read=dialect)
        except SqlglotError as error:
            first = (getattr(error, "errors", None) or [{}])[0]
            said, near = first.get("description") or "not understood", first.get("highlight") or ""
            said = said.partition(" but got <")[0]
            where = f" near '{near}'" if near else ""
            fault = SqlFault(
                f"isn't SQL that either warehouse reads{where}: {said}", ONE_SELECT, int(first.get("line") or 1) - 1
            )
        except RecursionError:
            fault = SqlFault("is nested too deeply to be read", ONE_SELECT)
        else:
            if len(found) == 1 and found[0] is not None:
                return found[0], fault
    return None, fault


def _branches(query: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs whose columns are those of the table: more than one with UNION."""
    if isinstance(query, exp.SetOperation):
        yield from _branches(query.left)
        yield from _branches(query.right)
    elif isinstance(query, exp.Subquery):
        yield from _branches(query.this)
    elif isinstance(query, exp.Select):
        yield query


def _first(query: exp.Expr) -> exp.Select:
    return next(_branches(query))


def _stars(query: exp.Expr) -> Iterator[SqlFault]:
    for select in _branches(query):
        for column in select.selects:
            if _is_star(column):
                written = column.sql(dialect="postgres")
                yield SqlFault(
                    f"must list its columns: SELECT {written} changes the table when an input changes",
                    "columns by name",
                )


def _is_star(column: exp.Expr) -> bool:
    """Whether it stands for columns that aren't named; count(*) doesn't."""
    if isinstance(column, exp.Star) or getattr(column, "is_star", False):
        return True
    return isinstance(column, exp.Dot) and isinstance(column.expression, exp.Star)


def _repeated(query: exp.Expr) -> Iterator[SqlFault]:
    names = Counter(_name(column).lower() for column in _first(query).selects if not _is_star(column))
    for name, times in names.items():
        if times > 1:
            said = "columns without a name" if name == _UNNAMED else f"columns called '{name}'"
            yield SqlFault(f"has {times} {said}", "a name of its own for each column: ... AS name")


def _name(column: exp.Expr) -> str:
    """What the warehouse calls a column of the result."""
    if column.alias_or_name and isinstance(column, exp.Alias | exp.Column | exp.Dot):
        return str(column.alias_or_name)
    if isinstance(column, exp.Cast):
        inner = _name(column.this)
        return str(column.to.this.value).lower() if inner == _UNNAMED else inner
    if isinstance(column, exp.Paren | exp.Window | exp.Filter | exp.WithinGroup):
        return _name(column.this)
    if isinstance(column, exp.Subquery):
        return str(column.alias) or _name(_first(column).selects[0])
    if isinstance(column, exp.Anonymous):
        return str(column.this).lower()
    return column.sql_name().lower() if isinstance(column, exp.Func) else _UNNAMED


def _tables(tree: exp.Expr) -> Iterator[str]:
    for table in tree.find_all(exp.Table):
        if table.db:
            yield f"{table.db}.{table.name}".lower()
