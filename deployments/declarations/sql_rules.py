"""Faults of a SELECT that its text and the declared contracts tell: what can't run, and what runs and isn't what was meant.

What is certain is a mistake. What may be meant is told by its kind (`Doubt`), and `allow: {kind: reason}` keeps it quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope

from deployments.declarations.problems import nearest
from deployments.declarations.select import start_of
from deployments.declarations.sql_clauses import aggregates, conditions, of_scope
from deployments.declarations.sql_joins import join_faults
from deployments.declarations.sql_scopes import Known, Scopes
from deployments.declarations.sql_text import SqlFault

_WINDOWS_IN_ORDER = (
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.Ntile,
    exp.Lag,
    exp.Lead,
    exp.FirstValue,
    exp.LastValue,
)
_CLOCKS = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
)


def select_faults(tree: exp.Expr, tables: Mapping[str, Known]) -> Iterator[SqlFault]:
    """All faults, of every scope of the statement. `tables`: what is declared, by its full name."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        for scope in scopes.all:
            scopes.relations(scope)
    except SqlglotError as error:
        yield SqlFault(str(error).partition(".")[0].lower(), "another alias for one of them")
        return
    for scope in scopes.all:
        if isinstance(scope.expression, exp.SetOperation):
            yield from _branches(scope)
        elif isinstance(scope.expression, exp.Select):
            for rule in _RULES:
                yield from rule(scopes, scope, scope.expression)


def _branches(scope: Scope) -> Iterator[SqlFault]:
    branches = [inner.expression for inner in scope.set_operation_scopes if isinstance(inner.expression, exp.Select)]
    counts = [len(branch.selects) for branch in branches if not any(column.is_star for column in branch.selects)]
    if len(counts) == 2 and counts[0] != counts[1]:
        said = f"{scope.expression.key.upper()} joins {counts[0]} columns with {counts[1]}"
        yield SqlFault(said, "as many columns in each SELECT", start_of(branches[1]))


def _columns(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    """Columns that aren't there, or that stand in several relations."""
    made = {column.alias for column in select.selects if isinstance(column, exp.Alias)}
    joins = select.args.get("joins") or ()
    shared = {item.name for join in joins for item in join.args.get("using") or ()}
    if any(join.method == "NATURAL" for join in joins):
        return
    for column in scope.find_all(exp.Column):
        of_whole_row = column.name in scopes.relations(scope)
        if isinstance(column.this, exp.Star) or (not column.table and (column.name in shared or of_whole_row)):
            continue
        if column.table:
            yield from _of_relation(scopes, scope, column)
        else:
            yield from _of_any(scopes, scope, column, made)


def _of_relation(scopes: Scopes, scope: Scope, column: exp.Column) -> Iterator[SqlFault]:
    known: dict[str, exp.Expr | Scope] = {}
    for place in scopes.visible(scope):
        known = scopes.relations(place) | known
    if column.table not in known:
        if column.db or any(name == "" for name in known):
            return
        names = ", ".join(known)
        yield SqlFault(
            f"no table goes by the name '{column.table}' here", names, start_of(column), nearest(column.table, known)
        )
        return
    names_there = scopes.names(known[column.table])
    if names_there is not None and column.name not in names_there:
        yield SqlFault(f"'{column.table}' has no column '{column.name}'", ", ".join(names_there), start_of(column),
                       nearest(column.name, names_there))  # fmt: skip


def _of_any(scopes: Scopes, scope: Scope, column: exp.Column, made: set[str]) -> Iterator[SqlFault]:
    seen: list[str] = []
    for place in scopes.visible(scope):
        relations = scopes.relations(place)
        names = {name: scopes.names(source) for name, source in relations.items()}
        if any(there is None for there in names.values()):
            return
        holders = [name for name, there in names.items() if column.name in (there or ())]
        if len(holders) > 1 and not (column.name in made and _orders(column)):
            allowed = " or ".join(f"{name}.{column.name}" for name in holders)
            yield SqlFault(f"'{column.name}' stands in {' and '.join(holders)}", allowed, start_of(column))
        if holders:
            return
        seen += [item for there in names.values() for item in there or ()]
    if column.name in made:
        if not _orders(column):
            said = f"'{column.name}' is a name that this SELECT itself gives: PostgreSQL doesn't know it here"
            yield SqlFault(said, "the expression again, or a WITH around it", start_of(column), kind="postgresql")
        return
    if seen:
        yield SqlFault(f"no table here has a column '{column.name}'", ", ".join(dict.fromkeys(seen)), start_of(column),
                       nearest(column.name, seen))  # fmt: skip


def _orders(column: exp.Column) -> bool:
    """Whether it stands where names that SELECT gives are known: GROUP BY, ORDER BY of the query, and HAVING on Redshift."""
    place = column.find_ancestor(exp.Group, exp.Order, exp.Window, exp.Query, exp.Qualify)
    return isinstance(place, exp.Group | exp.Order | exp.Qualify) and not isinstance(place.parent, exp.Window)


def _grouping(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    """Columns beside aggregates that GROUP BY doesn't have, and aggregates where there are none."""
    for clause, name in (("where", "WHERE"), ("group", "GROUP BY")):
        found = select.args.get(clause)
        for aggregate in aggregates(found) if found is not None else ():
            yield SqlFault(
                f"{name} has the aggregate {aggregate.sql()}", "HAVING, or a WITH around it", start_of(aggregate)
            )
        windows = (part for part in of_scope(found) if isinstance(part, exp.Window)) if found is not None else ()
        for window in windows:
            yield SqlFault(
                f"{name} has a window function", "WITH numbered AS (...), and WHERE outside of it", start_of(window)
            )
    for column in select.selects:
        for outer in aggregates(column):
            if any(inner is not outer and isinstance(inner, exp.AggFunc) for inner in of_scope(outer)):
                yield SqlFault(
                    f"{outer.sql()} is an aggregate of an aggregate", "WITH ... AS (the inner one)", start_of(outer)
                )
    group = select.args.get("group")
    if group is None and not any(True for column in select.selects for _ in aggregates(column)):
        return
    if group is not None and group.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None:
        return
    grouped = set()
    for item in group.expressions if group is not None else ():
        place = int(item.this) if isinstance(item, exp.Literal) and item.is_int else 0
        if place > len(select.selects):
            yield SqlFault(
                f"GROUP BY {place}, and there are {len(select.selects)} columns", "an expression", start_of(item)
            )
            return
        grouped.add(select.selects[place - 1].unalias().sql() if 0 < place <= len(select.selects) else item.sql())
        named = [
            column.this.sql()
            for column in select.selects
            if isinstance(column, exp.Alias) and column.alias == item.name
        ]
        grouped |= set(named) if isinstance(item, exp.Column) and not item.table else set()
    bare = {text.rpartition(".")[2] for text in grouped}
    having = select.args.get("having")
    for node in [*select.selects, *([having] if having is not None else [])]:
        for column in _ungrouped(node, grouped):
            if column.name in bare or not _is_own(scopes, scope, column):
                continue
            what = f"'{column.sql()}' is neither in GROUP BY nor in an aggregate"
            yield SqlFault(what, f"GROUP BY ..., {column.sql()}; or MAX({column.sql()})", start_of(column))


def _ungrouped(node: exp.Expr, grouped: set[str]) -> Iterator[exp.Column]:
    def skipped(part: exp.Expr) -> bool:
        aggregate = isinstance(part, exp.AggFunc | exp.Filter | exp.WithinGroup) and not isinstance(
            part.parent, exp.Window
        )
        return part.sql() in grouped or isinstance(part, exp.Query) or aggregate

    for part in node.walk(prune=skipped):
        if isinstance(part, exp.Column) and not skipped(part) and not isinstance(part.this, exp.Star):
            yield part


def _is_own(scopes: Scopes, scope: Scope, column: exp.Column) -> bool:
    """Whether it is a column of a relation of this scope, for sure."""
    relations = scopes.relations(scope)
    if column.table:
        return column.table in relations
    return any(column.name in (scopes.names(source) or ()) for source in relations.values())


def _division(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    for node in scope.find_all(exp.Div, exp.Mod):
        below = node.expression.unnest()
        if isinstance(below, exp.Literal) and not below.is_string and float(below.this) == 0:
            yield SqlFault("divides by 0", "another number", start_of(node))
        elif not scopes.never_zero(scope, below):
            yield SqlFault(f"divides by {below.sql()}, which may be 0: the build would fail", f"/ NULLIF({below.sql()}, 0)",
                           start_of(node.expression), kind="division")  # fmt: skip
        if isinstance(node, exp.Div) and _is_count(scopes, scope, node.left) and _is_count(scopes, scope, below):
            yield SqlFault(f"{node.sql()} divides whole numbers: both warehouses leave out what is behind the point",
                           f"CAST({node.left.sql()} AS double precision) / ...", start_of(node), kind="division")  # fmt: skip


def _is_count(scopes: Scopes, scope: Scope, node: exp.Expr) -> bool:
    """Whether it is a whole number that was counted or added up."""
    inner = node.unnest()
    if isinstance(inner, exp.Nullif | exp.Coalesce):
        return _is_count(scopes, scope, inner.this)
    if isinstance(inner, exp.Column):
        found = scopes.find(scope, inner)
        return found is not None and found.scope is not None and found.expression is not None and _is_count(
            scopes, found.scope, found.expression)  # fmt: skip
    if isinstance(inner, exp.Window | exp.Filter):
        return _is_count(scopes, scope, inner.this)
    return isinstance(inner, exp.Count | exp.Sum) and scopes.kind(scope, inner) == "integer"


def _nulls(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    for node in scope.find_all(exp.EQ, exp.NEQ, exp.GT, exp.LT):
        if isinstance(node.left, exp.Null) or isinstance(node.right, exp.Null):
            said = "a comparison with NULL is never true"
            yield SqlFault(said, "IS NULL" if isinstance(node, exp.EQ) else "IS NOT NULL", start_of(node))
    for listed in scope.find_all(exp.In):
        if not isinstance(listed.parent, exp.Not):
            continue
        if any(isinstance(item, exp.Null) for item in listed.expressions):
            yield SqlFault("NOT IN with a NULL in its list is never true", "the list without NULL", start_of(listed))
        query = listed.args.get("query")
        inner = next((found for found in scopes.all if query is not None and found.expression is query.unnest()), None)
        if inner is not None and isinstance(inner.expression, exp.Select) and inner.expression.selects:
            column = inner.expression.selects[0].unalias()
            if scopes.nullable(inner, column):
                yield SqlFault(f"NOT IN gives no row at all as soon as one '{column.sql()}' is empty",
                               f"NOT EXISTS (SELECT 1 ...); or WHERE {column.sql()} IS NOT NULL inside", start_of(listed),
                               kind="nulls")  # fmt: skip
    for part in conditions(scope):
        if isinstance(part, exp.NEQ) and isinstance(part.right, exp.Literal) and scopes.nullable(scope, part.left):
            text = part.left.sql()
            allowed = f"({part.sql()} OR {text} IS NULL); or AND {text} IS NOT NULL"
            yield SqlFault(f"drops the rows in which {text} is empty, too", allowed, start_of(part), kind="nulls")
    absent = {node.table for node in scope.find_all(exp.Column) if node.table}
    for part in conditions(scope) if select.args.get("where") is not None else ():
        outer = _undone(select, part, absent)
        if outer is not None:
            yield SqlFault(f"WHERE on '{outer}' leaves out what its LEFT JOIN kept: it is an inner join now",
                           f"the condition in ON; or JOIN {outer}, where it is meant", start_of(part), kind="nulls")  # fmt: skip


def _undone(select: exp.Select, part: exp.Expr, named: set[str]) -> str | None:
    """The left-joined relation that a comparison with a value takes back to an inner join."""
    left = {join.this.alias_or_name for join in select.args.get("joins") or () if join.side == "LEFT"} & named
    compares = isinstance(part, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE | exp.Between | exp.In)
    side = part.this if compares else None
    if isinstance(side, exp.Column) and side.table in left and part.find_ancestor(exp.Having) is None:
        return str(side.table)
    return None


def _moments(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    for node in scope.find_all(*_CLOCKS):
        yield SqlFault("asks for the present: figures would change without an input that changes, and a summary is built again "
                       "only when one does", "a moment of the data, such as (SELECT MAX(updated_at) FROM ...)", start_of(node),
                       kind="now")  # fmt: skip


def _order(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    for window in scope.find_all(exp.Window):
        function = window.this.this if isinstance(window.this, exp.IgnoreNulls | exp.RespectNulls) else window.this
        order = window.args.get("order")
        if isinstance(function, _WINDOWS_IN_ORDER) and order is None and not window.args.get("alias"):
            said = f"{function.sql_name()} without ORDER BY: any row may be the first, another one each time"
            yield SqlFault(said, "OVER (PARTITION BY ... ORDER BY ...)", start_of(window), kind="order")
        if isinstance(function, exp.LastValue) and order is not None and window.args.get("spec") is None:
            said = "LAST_VALUE sees the rows up to the current one only, so it gives the current one"
            allowed = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING; or FIRST_VALUE with ORDER BY ... DESC"
            yield SqlFault(said, allowed, start_of(window), kind="order")
    limit = select.args.get("limit")
    if (limit is not None and select.args.get("order") is None and scope.parent is None) or (
        limit is not None and select.args.get("order") is None and not isinstance(select.parent, exp.Exists)
    ):  # fmt: skip
        yield SqlFault(
            "LIMIT without ORDER BY: any rows may be kept", "ORDER BY ... LIMIT", start_of(limit), kind="order"
        )


def _types(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    """Values of kinds that don't go together in either warehouse, or on PostgreSQL."""
    for summed in scope.find_all(exp.Sum, exp.Avg):
        kind = scopes.kind(scope, summed.this)
        if kind in ("text", "moment", "boolean"):
            allowed = "CAST(... AS decimal(18,2))" if kind == "text" else "SUM(CASE WHEN ... THEN 1 ELSE 0 END)"
            yield SqlFault(f"{summed.sql()}: {summed.this.sql()} holds {_said(kind)}", allowed, start_of(summed))
    for node in scope.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
        kinds = {side: scopes.kind(scope, side) for side in (node.left, node.right)}
        groups = {"number" if kind == "integer" else kind for kind in kinds.values()}
        if None in groups or len(groups) < 2:
            continue
        words = [side for side in kinds if isinstance(side, exp.Literal)]
        if words and words[0].is_string and not (groups == {"number", "text"} and not _is_number(words[0].this)):
            # A text is read as what it is compared with: '2024-01-01' as a date.
            continue
        what = " with ".join(_said(kind) for kind in kinds.values() if kind)
        yield SqlFault(f"{node.sql()} compares {what}", "CAST one of them", start_of(node), kind="postgresql")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _said(kind: str) -> str:
    return {
        "integer": "numbers",
        "number": "numbers",
        "text": "text",
        "moment": "moments",
        "boolean": "true and false",
    }[kind]


def _one_warehouse(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    """What only one of the warehouses reads."""
    found: list[tuple[exp.Expr, str, str]] = []
    found += [(node, "FILTER", "SUM(CASE WHEN ... THEN x END)") for node in scope.find_all(exp.Filter)]
    found += [(node, "LATERAL", "a join with a WITH query") for node in scope.find_all(exp.Lateral)]
    found += [(node, "VALUES in FROM", "SELECT ... UNION ALL SELECT ...") for node in scope.find_all(exp.Values)]
    found += [(node, "GENERATE_SERIES", "a table of days or numbers") for node in scope.find_all(exp.GenerateSeries)]
    found += [(node, "ARRAY_AGG", "LISTAGG") for node in scope.find_all(exp.ArrayAgg)]
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        found.append(
            (distinct, "DISTINCT ON", "ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) AS n, and WHERE n = 1")
        )
    for node, what, instead in found:
        yield SqlFault(f"Redshift doesn't read {what}", instead, start_of(node), kind="redshift")


_RULES: tuple[Callable[[Scopes, Scope, exp.Select], Iterator[SqlFault]], ...] = (
    _columns, _grouping, join_faults, _division, _nulls, _moments, _order, _types, _one_warehouse,
)  # fmt: skip
