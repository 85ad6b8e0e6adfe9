"""Joins that hold every row against every other: those whose condition compares no column of both sides by equality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope

from deployments.declarations.sql_scopes import Known, Scopes


def joins_without_equality(tree: exp.Expr, tables: Mapping[str, Known]) -> list[str]:
    """Names of the relations that are joined so. One that is sure to have one row, or whose columns aren't known, isn't told."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        return [
            name for scope in scopes.all if isinstance(scope.expression, exp.Select) for name in _joined(scopes, scope)
        ]
    except SqlglotError:
        return []


def _joined(scopes: Scopes, scope: Scope) -> Iterator[str]:
    select = scope.expression
    source, relations = select.args.get("from_"), scopes.relations(scope)
    if source is None:
        return
    before, where = [source.this.alias_or_name], select.args.get("where")
    for join in select.args.get("joins") or ():
        name = join.this.alias_or_name
        parts = [*_parts(join.args.get("on")), *_parts(where.this if where is not None else None)]
        equal = bool(join.args.get("using")) or join.method == "NATURAL"
        equal = equal or any(_compares(scopes, relations, part, name, before) for part in parts)
        one_row = [
            other for other in (name, *before) if other in relations and frozenset() in scopes.keys(relations[other])
        ]
        if not equal and name in relations and name not in one_row and set(before) - set(one_row):
            yield name
        before.append(name)


def _parts(condition: exp.Expr | None) -> Sequence[exp.Expr]:
    if condition is None:
        return ()
    inner = condition.unnest()
    return [part for side in inner.flatten() for part in _parts(side)] if isinstance(inner, exp.And) else (inner,)


def _compares(
    scopes: Scopes, relations: Mapping[str, exp.Expr | Scope], part: exp.Expr, name: str, before: Sequence[str]
) -> bool:
    """Whether it is an equality of something of the joined relation with something of those before it, or may be one."""
    if not isinstance(part, exp.EQ):
        return False
    left, right = (_relations_of(scopes, relations, side) for side in (part.left, part.right))
    if left is None or right is None:
        return True
    return any(
        name in mine and name not in theirs and theirs & set(before) for mine, theirs in ((left, right), (right, left))
    )


def _relations_of(scopes: Scopes, relations: Mapping[str, exp.Expr | Scope], side: exp.Expr) -> set[str] | None:
    """Relations whose columns stand in an expression; None where that isn't sure."""
    found: set[str] = set()
    for column in side.find_all(exp.Column):
        if column.table:
            found.add(column.table)
            continue
        names = {name: scopes.names(source) for name, source in relations.items()}
        holders = [name for name, there in names.items() if there is None or column.name in there]
        if len(holders) != 1 or names[holders[0]] is None:
            return None
        found.add(holders[0])
    return found
