"""The SELECT of a summary, read without a server: whether it is one, which columns it makes and which tables it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from deployments.declarations.redshift_pivot import without_pivots
from deployments.declarations.sql_depth import too_deep
from deployments.declarations.sql_functions import call_faults
from deployments.declarations.sql_text import ONE_SELECT, SqlFault, SqlTextError, Token, tokens, without_comments

_DIALECTS = ("postgres", "redshift")
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Command, exp.Into, exp.Lock)
_UNNAMED = "?column?"
_CLOSED = ("ops", "quarantine", "pg_catalog", "information_schema", "pg_toast", "pg_temp")
_CATALOGS = ("pg_", "stl_", "stv_", "stcs_", "svl_", "svv_", "svcs_", "sys_", "padb_")
_BESIDE = "__hg_"


@dataclass(frozen=True, slots=True)
class Read:
    """A table that is read, as `schema.table`, and where its name begins in the SQL."""

    table: str
    start: int


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A column whose name isn't written out: what the warehouse calls it, and where it begins in the SQL."""

    name: str
    start: int


@dataclass(frozen=True, slots=True)
class Select:
    """What a sound SELECT says: names of its columns in order, and the tables it reads."""

    columns: tuple[str, ...]
    reads: tuple[Read, ...]
    unnamed: tuple[Unnamed, ...]
    """Columns of which the name isn't written out, by itself or with AS."""

    @property
    def is_certain(self) -> bool:
        """Whether the name of each column is written out."""
        return not self.unnamed


@lru_cache(maxsize=512)
def read_select(sql: str, *, makes_table: bool = True) -> tuple[Select | None, tuple[SqlFault, ...]]:
    """The SELECT and its faults; None when it can't be read as one. `makes_table`: its columns become those of a table."""
    try:
        words = tokens(sql)
        bare = without_comments(sql)
    except SqlTextError as error:
        return None, (error.fault,)
    first = next((word for word in words if word.text != "("), None)
    if first is None or first.kind != "word" or first.name not in ("select", "with"):
        return None, (SqlFault("must be one SELECT (or WITH ... SELECT)", ONE_SELECT, first.start if first else 0),)
    deep = too_deep(words)
    if deep is not None:
        # The parser's time doubles with each level of some brackets.
        return None, (deep,)
    tree, fault = _parsed(bare)
    if tree is None:
        return None, (fault,)
    query = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    writing = next(tree.find_all(*_WRITES), None)
    if not isinstance(query, exp.Query) or writing is not None:
        said = "must only read: no INTO, no FOR UPDATE, nothing that writes inside WITH"
        return None, (SqlFault(said, ONE_SELECT, start_of(writing or tree)),)
    faults = (*_closed(words), *_unplaced(tree), *_types(tree), *call_faults(words, _named(tree)))
    if makes_table:
        faults = (*_stars(query), *_repeated(query), *faults)
    columns = _first(query).selects
    unnamed = [column for column in columns if not isinstance(column, exp.Alias | exp.Column) or _is_star(column)]
    found = tuple(Unnamed(_name(column), start_of(column)) for column in unnamed)
    return Select(tuple(map(_name, columns)), tuple(_reads(tree)), found), faults


def tree_of(sql: str, dialect: str) -> exp.Expr | None:
    """The tree of a statement, as a warehouse reads it before the other one, with GROUP BY in place of PIVOT; None of one that
    isn't cut or read as SQL is."""
    try:
        if too_deep(tokens(sql)) is not None:
            return None
        tree = _parsed(without_comments(sql), _DIALECTS if dialect == "postgresql" else _DIALECTS[::-1])[0]
    except SqlTextError:
        return None
    return None if tree is None else without_pivots(tree)


def in_other_schemas(sql: str, schemas: Mapping[str, str]) -> str:
    """A sound SELECT with other schemas in the names of its tables, and of columns that are named with them."""
    tree = _parsed(without_comments(sql))[0]
    assert tree is not None
    names = [node.args["db"] for node in tree.find_all(exp.Table, exp.Column) if node.args.get("db")]
    for name in sorted(names, key=lambda item: -item.meta["start"]):
        start, end = name.meta["start"], name.meta["end"] + 1
        sql = f'{sql[:start]}"{schemas[_folded(name)]}"{sql[end:]}'
    return sql


def _parsed(sql: str, dialects: Sequence[str] = _DIALECTS) -> tuple[exp.Expr | None, SqlFault]:
    """The tree of the statement, in the dialect of either warehouse."""
    fault = SqlFault("can't be read", ONE_SELECT)
    for dialect in dialects:
        try:
            found = parse(sql, read=dialect)
        except SqlglotError as error:
            fault = _unread(sql, error)
        except RecursionError:
            fault = SqlFault("is nested too deeply to be read", ONE_SELECT)
        else:
            if len(found) == 1 and found[0] is not None:
                return found[0], fault
    return None, fault


def _unread(sql: str, error: SqlglotError) -> SqlFault:
    first = (getattr(error, "errors", None) or [{}])[0]
    said, near = first.get("description") or "not understood", first.get("highlight") or ""
    said = said.partition(" but got <")[0]
    where = f" near '{near}'" if near else ""
    lines = sql.split("\n")
    line = min(int(first.get("line") or 1), len(lines)) - 1
    # The parser tells where a word ends.
    column = max(int(first.get("col") or 1) - len(near), 0)
    start = sum(len(text) + 1 for text in lines[:line]) + min(column, len(lines[line]))
    return SqlFault(f"isn't SQL that either warehouse reads{where}: {said}", ONE_SELECT, start)


def _closed(words: Sequence[Token]) -> Iterator[SqlFault]:
    """Names that lead to what isn't for summaries, wherever they stand."""
    for index, word in enumerate(words):
        if not word.is_name:
            continue
        name = word.name.lower()
        before_dot = index + 1 < len(words) and words[index + 1].text == "."
        after_dot = index > 0 and words[index - 1].text == "."
        if before_dot and not after_dot and (name in _CLOSED or name.startswith("pg_")):
            yield SqlFault(
                f"names the schema '{name}', which is closed to summaries", "tables of the project", word.start
            )
        elif _BESIDE in name:
            yield SqlFault(
                f"names '{name}': a table that headgate keeps beside another one",
                "tables of the project",
                word.start,
            )


def _unplaced(tree: exp.Expr) -> Iterator[SqlFault]:
    """Tables without a schema, which only the server's own catalogs are found by; and CTEs that are named like those."""
    known = {cte.alias for cte in tree.find_all(exp.CTE)}
    for cte in tree.find_all(exp.CTE):
        if cte.alias.lower().startswith(_CATALOGS):
            allowed = "another name: this one is like those of the server's own tables"
            yield SqlFault(f"calls a query '{cte.alias}'", allowed, start_of(cte.args["alias"]))
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db and table.name not in known:
            yield SqlFault(f"reads '{table.name}' without a schema", f"schema.{table.name}", start_of(table))
        elif table.catalog:
            yield SqlFault(f"reads {table.sql()}, which is in another database", "schema.table", start_of(table))


def _types(tree: exp.Expr) -> Iterator[SqlFault]:
    """Types of somebody's own making: a value that becomes one runs what they say."""
    for cast in tree.find_all(exp.Cast):
        if cast.to.this == exp.DataType.Type.USERDEFINED:
            written = cast.to.sql(dialect="postgres")
            yield SqlFault(
                f"casts to '{written}', a type of somebody's own making", "types of the warehouse", start_of(cast)
            )


def _named(tree: exp.Expr) -> set[int]:
    """Where names begin that a list of columns may follow: those of CTEs, and aliases of tables and queries."""
    return {start_of(alias) for alias in tree.find_all(exp.TableAlias) if alias.this is not None}


def start_of(node: exp.Expr) -> int:
    """Where the first name of a part of the tree begins; of one without names, where what it stands in does."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    if starts or node.parent is None:
        return min(starts, default=0)
    return start_of(node.parent)


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
                    start_of(column),
                )


def _is_star(column: exp.Expr) -> bool:
    """Whether it stands for columns that aren't named; count(*) doesn't."""
    if isinstance(column, exp.Star) or getattr(column, "is_star", False):
        return True
    return isinstance(column, exp.Dot) and isinstance(column.expression, exp.Star)


def _repeated(query: exp.Expr) -> Iterator[SqlFault]:
    columns = [column for column in _first(query).selects if not _is_star(column)]
    for name, times in Counter(_name(column).lower() for column in columns).items():
        if times > 1:
            said = "columns without a name" if name == _UNNAMED else f"columns called '{name}'"
            last = [column for column in columns if _name(column).lower() == name][-1]
            yield SqlFault(f"has {times} {said}", "a name of its own for each column: ... AS name", start_of(last))


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


def _reads(tree: exp.Expr) -> Iterator[Read]:
    """Every table once, where it is read first."""
    starts: dict[str, int] = {}
    for table in tree.find_all(exp.Table):
        if table.db:
            name, start = ".".join(map(_folded, (table.args["db"], table.this))), start_of(table)
            starts[name] = min(start, starts.get(name, start))
    return (Read(name, start) for name, start in sorted(starts.items(), key=lambda item: item[1]))


def _folded(name: exp.Expr) -> str:
    """A name as the warehouse keeps it."""
    return name.name if name.args.get("quoted") else Token("word", name.name, 0).name
