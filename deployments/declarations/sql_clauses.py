"""What the clauses of one SELECT say by themselves, whatever its tables hold: conditions, constants, aggregates, outer sides."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

_OUTER_LEFT, _OUTER_RIGHT = ("LEFT", "FULL"), ("RIGHT", "FULL")


def says(scope: Scope, node: exp.Expr, how: tuple[type[exp.Expr], ...]) -> bool:
    """Whether a part of WHERE or HAVING that always holds compares the expression so: IS NOT NULL, or with a number."""
    text = node.sql()
    for part in conditions(scope):
        inner = part.this if isinstance(part, exp.Not) else part
        if isinstance(inner, how) and isinstance(inner, exp.Binary) and text in (inner.left.sql(), inner.right.sql()):
            if isinstance(inner, exp.Is):
                return isinstance(part, exp.Not) != bool(inner.args.get("negate"))
            number = next((side for side in (inner.left, inner.right) if isinstance(side, exp.Literal)), None)
            if number is not None and not number.is_string:
                return float(number.this) > 0 if isinstance(inner, exp.GTE) else float(number.this) >= 0
    return False


def conditions(scope: Scope) -> Iterator[exp.Expr]:
    """Parts of WHERE and HAVING that all have to hold."""
    for clause in ("where", "having", "qualify"):
        found = scope.expression.args.get(clause)
        if found is not None:
            whole = found.this
            yield from whole.flatten() if isinstance(whole, exp.And) else (whole,)


def constants(scope: Scope) -> frozenset[str]:
    """Columns that WHERE holds to one value."""
    found = set()
    for part in conditions(scope):
        if isinstance(part, exp.EQ):
            sides = (part.left, part.right)
            found |= {side.name for side in sides if isinstance(side, exp.Column)
                      and any(isinstance(other, exp.Literal) for other in sides)}  # fmt: skip
    return frozenset(found)


def written(select: exp.Select, item: exp.Expr) -> str:
    """An expression of GROUP BY as SELECT has it: written out, by its place, or by its name."""
    if isinstance(item, exp.Literal) and item.is_int and 0 < int(item.this) <= len(select.selects):
        return str(select.selects[int(item.this) - 1].unalias().sql())
    if isinstance(item, exp.Column) and not item.table:
        named = next(
            (column for column in select.selects if isinstance(column, exp.Alias) and column.alias == item.name), None
        )
        if named is not None and item.sql() not in {column.unalias().sql() for column in select.selects}:
            return str(named.this.sql())
    return str(item.sql())


def outer_relations(scope: Scope) -> set[str]:
    """Relations on the outer side of a join: their columns are empty where nothing matches."""
    found: set[str] = set()
    source = scope.expression.args.get("from_")
    before = {source.this.alias_or_name} if source is not None else set()
    for join in scope.expression.args.get("joins") or ():
        if join.side in _OUTER_LEFT:
            found.add(join.this.alias_or_name)
        if join.side in _OUTER_RIGHT:
            found |= before
        before.add(join.this.alias_or_name)
    return found


def of_scope(node: exp.Expr) -> Iterator[exp.Expr]:
    """An expression and its parts, without the queries inside it."""
    return node.walk(prune=lambda part: isinstance(part, exp.Query) and part is not node)


def aggregates(node: exp.Expr) -> Iterator[exp.AggFunc]:
    """Aggregates of an expression, those of windows left out."""
    for part in of_scope(node):
        if isinstance(part, exp.AggFunc):
            holder = part.parent
            while isinstance(holder, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
                holder = holder.parent
            if not isinstance(holder, exp.Window) or holder.args.get("this") is None or part not in holder.this.walk():
                yield part


def is_recursive(scope: Scope) -> bool:
    """Whether it may be read by itself, while it is made."""
    cte = scope.expression.find_ancestor(exp.CTE)
    return cte is not None and isinstance(cte.parent, exp.With) and bool(cte.parent.recursive)


def counts(node: exp.Expr) -> bool:
    """Whether it is a count, or a number above 0, and so never below 0."""
    return isinstance(node, exp.Count) or (isinstance(node, exp.Literal) and is_positive(node))


def is_positive(node: exp.Expr) -> bool:
    """Whether it is a number above 0."""
    return isinstance(node, exp.Literal) and not node.is_string and float(node.this) > 0
