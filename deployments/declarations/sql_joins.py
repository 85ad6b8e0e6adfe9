"""Joins that give a row several times: on both sides of one join, or because two joins find several rows for the same row.

Told only where the keys of all relations concerned are known and the condition compares columns by nothing but equality: a join
by a range, or of rows with themselves, is one that somebody thought about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from deployments.declarations.select import start_of
from deployments.declarations.sql_clauses import aggregates, constants
from deployments.declarations.sql_scopes import Scopes
from deployments.declarations.sql_text import SqlFault

_ONCE = (exp.Min, exp.Max)


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a relation is joined by: its own columns, the columns they equal by relation, and whether that is all."""

    mine: frozenset[str]
    theirs: frozenset[tuple[str, str]]
    only_equal: bool


def join_faults(scopes: Scopes, scope: Scope, select: exp.Select) -> Iterator[SqlFault]:
    """Joins of one SELECT by which rows are multiplied."""
    source, joins = select.args.get("from_"), select.args.get("joins") or ()
    if source is None or not joins or not _repeats_matter(select):
        return
    before, several = [source.this.alias_or_name], Counter[str]()
    relations, fixed = scopes.relations(scope), constants(scope)
    for join in joins:
        name = join.this.alias_or_name
        condition = _condition(select, join, before, name)
        # What a function or a LATERAL query finds is found for each row.
        is_relation = name in relations and isinstance(join.this, exp.Table | exp.Subquery)
        if is_relation and condition.only_equal and join.args.get("kind") != "CROSS":
            keys = scopes.keys(relations[name])
            held = [other for other in before if other in relations and any(
                key <= {column for holder, column in condition.theirs if holder == other} | fixed
                for key in scopes.keys(relations[other]))]  # fmt: skip
            unheld = [other for other in before if other not in held]
            if not condition.mine and not condition.theirs:
                if not held and frozenset() not in keys:
                    yield SqlFault(f"every row of '{name}' comes with every other row: nothing joins them",
                                   f"JOIN {name} ON ...; or CROSS JOIN, where it is meant", start_of(join.this),
                                   kind="joins")  # fmt: skip
            elif keys and not any(key <= condition.mine | fixed for key in keys):
                if not held and all(other in relations and scopes.keys(relations[other]) for other in unheld):
                    yield _both_sides(name, sorted(min(keys, key=lambda key: len(list(key)))), start_of(join.this))
                several.update(held)
                for other in held:
                    if several[other] == 2:
                        yield _twice(name, other, start_of(join.this))
        before.append(name)


def _both_sides(name: str, key: Sequence[str], start: int) -> SqlFault:
    return SqlFault(
        f"rows may come out several times: the condition has neither the key of '{name}' ({', '.join(key)}) nor that of the "
        "other side",
        f"ON ... AND {name}.{key[0]} = ...; or '{name}' grouped by what is compared, before the join", start, kind="joins",
    )  # fmt: skip


def _twice(name: str, other: str, start: int) -> SqlFault:
    return SqlFault(
        f"rows are multiplied: two joins find several rows for each row of '{other}', and each of these comes with each of those",
        f"'{name}' grouped by what is compared with '{other}', before the join", start, kind="joins",
    )  # fmt: skip


def _repeats_matter(select: exp.Select) -> bool:
    """Whether a row that comes out twice changes the result."""
    if select.args.get("distinct") is not None or isinstance(select.parent, exp.Exists | exp.In):
        return False
    found = [aggregate for column in select.selects for aggregate in aggregates(column)]
    return not found or not all(isinstance(item, _ONCE) or isinstance(item.this, exp.Distinct) for item in found)


def _condition(select: exp.Select, join: exp.Join, before: Sequence[str], name: str) -> _Condition:
    if join.args.get("using"):
        names = [item.name for item in join.args["using"]]
        return _Condition(frozenset(names), frozenset((other, item) for other in before for item in names), True)
    if join.method == "NATURAL":
        return _Condition(frozenset(), frozenset(), False)
    mine, theirs = set(), set()
    for part in _parts(select, join):
        tables = {column.table for column in part.find_all(exp.Column)}
        if "" in tables:
            return _Condition(frozenset(), frozenset(), False)
        own = [side for side in (part.left, part.right) if isinstance(side, exp.Column) and side.table == name] if isinstance(
            part, exp.EQ) else []  # fmt: skip
        if name not in tables:
            continue
        if len(own) == 1 and isinstance(part, exp.EQ):
            other = part.right if part.left is own[0] else part.left
            mine.add(own[0].name)
            theirs |= {(other.table, other.name)} if isinstance(other, exp.Column) else set()
        elif tables != {name}:
            return _Condition(frozenset(), frozenset(), False)
    return _Condition(frozenset(mine), frozenset(theirs), True)


def _parts(select: exp.Select, join: exp.Join) -> Iterator[exp.Expr]:
    """What has to hold for two rows to be joined: ON, or WHERE behind a comma."""
    on, where = join.args.get("on"), select.args.get("where")
    whole = on if on is not None else where.this if where is not None else None
    if whole is not None:
        yield from whole.flatten() if isinstance(whole, exp.And) else (whole,)
