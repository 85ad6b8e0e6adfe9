"""What is known of the columns in a SELECT: where each comes from, what kind of value it is, whether it may be empty.

Every scope (a SELECT of its own: the statement, a query of WITH, a query in FROM or in an expression) has relations, by the
names they go by there. Of a relation that isn't declared nothing is known, and nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, ScopeType, traverse_scope

from deployments.declarations.sql_clauses import (
    aggregates,
    constants,
    counts,
    is_positive,
    is_recursive,
    outer_relations,
    says,
    written,
)

Kind = Literal["integer", "number", "text", "moment", "boolean"]
Keys = tuple[frozenset[str], ...]
_KINDS: dict[str, Kind] = {
    "smallint": "integer", "integer": "integer", "int": "integer", "bigint": "integer", "tinyint": "integer",
    "decimal": "number", "numeric": "number", "double": "number", "real": "number", "float": "number",
    "varchar": "text", "char": "text", "text": "text", "nchar": "text", "nvarchar": "text",
    "date": "moment", "timestamp": "moment", "timestamptz": "moment", "boolean": "boolean",
}  # fmt: skip
_NUMBERED = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a declared table."""

    kind: Kind | None
    nullable: bool | None
    is_double: bool = False
    """Whether its numbers are double precision, or real."""


@dataclass(frozen=True, slots=True)
class Known:
    """A table that is declared: its columns, and the sets of columns of which each identifies a row."""

    columns: Mapping[str, Column]
    keys: Keys = ()


def kind_of_type(name: str) -> Kind | None:
    """What values a declared type holds, such as `decimal(12,2)`."""
    return _KINDS.get(name.partition("(")[0].strip().lower())


def is_double_type(name: str) -> bool:
    """Whether numbers of a declared type are double precision, or real."""
    return name.partition("(")[0].strip().lower().split(" ")[0] in ("double", "float", "float4", "float8", "real")


@dataclass(frozen=True)
class Found:
    """Where a column of a scope comes from: a declared column, or an expression of an inner scope."""

    column: Column | None = None
    scope: Scope | None = None
    expression: exp.Expr | None = None
    may_be_absent: bool = False
    """Whether its relation stands on the outer side of a join."""


class Scopes:
    """All scopes of one statement, inner ones first."""

    def __init__(self, tree: exp.Expr, tables: Mapping[str, Known]) -> None:
        self.all = traverse_scope(tree)
        self._tables = tables
        self._under_way: set[int] = set()

    def relations(self, scope: Scope) -> dict[str, exp.Expr | Scope]:
        """What the scope reads, by the names it goes by there."""
        return {name: source for name, (_, source) in scope.selected_sources.items()}

    def names(self, source: exp.Expr | Scope) -> list[str] | None:
        """Names of a relation's columns; None when they aren't known."""
        if isinstance(source, exp.Table):
            known = self._known(source)
            return None if known is None else list(known.columns)
        if not isinstance(source, Scope) or id(source) in self._under_way or is_recursive(source):
            return None
        made = self._made(source)
        return None if made is None else [name for name, _, _ in made]

    def made_names(self, scope: Scope) -> list[str]:
        """Names of the columns that a query makes, one that reads itself among them; [] when they aren't known."""
        made = None if id(scope) in self._under_way else self._made(scope)
        return [name for name, _, _ in made or ()]

    def keys(self, source: exp.Expr | Scope) -> Keys:
        """Sets of columns of which each identifies a row of a relation; () when none is known. An empty set: one row."""
        if isinstance(source, exp.Table):
            known = self._known(source)
            return () if known is None else known.keys
        if (
            not isinstance(source, Scope)
            or not isinstance(source.expression, exp.Select)
            or id(source) in self._under_way
        ):
            return ()
        self._under_way.add(id(source))
        try:
            return tuple(self._keys_made(source, source.expression))
        finally:
            self._under_way.discard(id(source))

    def makers(self, scope: Scope, position: int) -> Iterator[tuple[Scope, exp.Expr]]:
        """The expressions a column of a query is made by, each with its scope: one for each branch of a UNION."""
        # EXCEPT takes rows away by its other branch, and no value of it.
        branches = scope.set_operation_scopes
        for branch in branches[:1] if isinstance(scope.expression, exp.Except) else branches:
            yield from self.makers(branch, position)
        made = [] if scope.set_operation_scopes else self._made(scope) or []
        for _, where, node in made[position : position + 1]:
            if node is not None:
                yield where, node

    def visible(self, scope: Scope) -> Iterator[Scope]:
        """The scope, and those around it whose columns an inner query may name."""
        found: Scope | None = scope
        while found is not None:
            yield found
            inward = found.scope_type in (ScopeType.SUBQUERY, ScopeType.UDTF, ScopeType.SET_OPERATION)
            found = found.parent if inward else None

    def find(self, scope: Scope, column: exp.Column) -> Found | None:
        """Where a column comes from; None when it isn't known."""
        for place in self.visible(scope):
            for name, source in self.relations(place).items():
                if column.table and column.table != name:
                    continue
                found = self._column(source, column.name)
                if found is not None:
                    absent = name in outer_relations(place)
                    return Found(found.column, found.scope, found.expression, absent)
        return self._given_before(scope, column)

    def _given_before(self, scope: Scope, column: exp.Column) -> Found | None:
        """What a name stands for that the SELECT itself gave before, as Redshift reads it."""
        select = scope.expression
        if column.table or not isinstance(select, exp.Select):
            return None
        if any(self.names(source) is None for source in self.relations(scope).values()):
            return None
        given: dict[str, int] = {}
        for n, item in enumerate(select.selects):
            if isinstance(item, exp.Alias):
                given.setdefault(item.alias, n)
        at = given.get(column.name)
        if at is None:
            return None
        expression = select.selects[at].unalias()
        # Of names that were given before it only: so this comes to an end.
        named = (given.get(inner.name, -1) for inner in expression.find_all(exp.Column) if not inner.table)
        return Found(None, scope, expression) if all(n < at for n in named) else None

    def kind(self, scope: Scope, node: exp.Expr | None) -> Kind | None:
        """What values an expression gives; None when that isn't sure."""
        match node:
            case exp.Column():
                found = self.find(scope, node)
                if found is None:
                    return None
                return found.column.kind if found.column is not None else self._inner_kind(found)
            case exp.Literal():
                return "text" if node.is_string else "integer" if node.is_int else "number"
            case exp.Cast():
                return kind_of_type(node.to.sql(dialect="postgres")) or kind_of_type(str(node.to.this.value))
            case (
                exp.Count()
                | exp.ApproxDistinct()
                | exp.RowNumber()
                | exp.Rank()
                | exp.DenseRank()
                | exp.Ntile()
                | exp.Length()
                | exp.TsOrDsDiff()
            ):
                return "integer"
            case (
                exp.Sum()
                | exp.Min()
                | exp.Max()
                | exp.Paren()
                | exp.Window()
                | exp.Filter()
                | exp.Distinct()
                | exp.Neg()
            ):
                return self.kind(scope, node.this)
            case exp.Avg() | exp.Extract() | exp.Round():
                return "number"
            case exp.Anonymous():
                return "number" if str(node.this).lower() == "ratio_to_report" else None
            case exp.Coalesce() | exp.Nullif():
                return self.kind(scope, node.this)
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                sides = {self.kind(scope, node.left), self.kind(scope, node.right)}
                return "integer" if sides == {"integer"} else "number" if sides <= {"integer", "number"} else None
            case exp.Upper() | exp.Lower() | exp.Substring() | exp.Concat() | exp.DPipe() | exp.Trim() | exp.Replace():
                return "text"
            case exp.TimestampTrunc() | exp.DateTrunc() | exp.CurrentDate() | exp.CurrentTimestamp() | exp.TsOrDsAdd():
                return "moment"
            case exp.LastDay() | exp.NextDay() | exp.ConvertTimezone():
                return "moment"
            case exp.Any() | exp.All():
                return None
            case exp.Boolean() | exp.Predicate() | exp.Connector() | exp.Not():
                return "boolean"
            case exp.Case():
                kinds = {self.kind(scope, branch.args["true"]) for branch in node.args["ifs"]} - {None}
                return kinds.pop() if len(kinds) == 1 else None
        return None

    def nullable(self, scope: Scope, node: exp.Expr | None) -> bool | None:
        """Whether a column may be empty; None when that isn't known, as of most expressions."""
        if not isinstance(node, exp.Column):
            return None
        found = self.find(scope, node)
        if found is None or says(scope, node, (exp.Is,)):
            return None if found is None else False
        if found.may_be_absent:
            return True
        if found.column is not None:
            return found.column.nullable
        return None if found.scope is None else self.nullable(found.scope, found.expression)

    def never_zero(self, scope: Scope, node: exp.Expr | None) -> bool:
        """Whether an expression can't be 0 for sure; empty it may be."""
        match node:
            case exp.Literal():
                return not node.is_string and float(node.this) != 0
            case exp.Nullif():
                return isinstance(node.expression, exp.Literal) and float(node.expression.this or 0) == 0
            case exp.Paren() | exp.Cast() | exp.Neg() | exp.Alias() | exp.Sqrt() | exp.Abs() | exp.Min() | exp.Max():
                return self.never_zero(scope, node.this)
            case exp.Mul():
                return self.never_zero(scope, node.left) and self.never_zero(scope, node.right)
            case exp.Add():
                sides = (node.left, node.right)
                return any(map(counts, sides)) and any(self.never_zero(scope, side) for side in sides)
            case exp.Greatest():
                return any(
                    self.never_zero(scope, item) and is_positive(item) for item in (node.this, *node.expressions)
                )
            case exp.Coalesce():
                return all(self.never_zero(scope, item) for item in (node.this, *node.expressions))
            case exp.Window():
                inner = node.this
                of_rows = isinstance(inner, exp.Count) and isinstance(inner.this, exp.Star)
                sums = isinstance(inner, exp.Sum) and self.never_zero(scope, inner.this) and counts(inner.this)
                return of_rows or sums or isinstance(inner, _NUMBERED) or self._guarded(scope, node)
            case exp.Count():
                counted = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
                whole = isinstance(counted, exp.Star | exp.Literal) or self.nullable(scope, counted) is False
                grouped = scope.expression.args.get("group") is not None
                return (whole and grouped) or self._guarded(scope, node)
            case exp.Column():
                if self._guarded(scope, node):
                    return True
                found = self.find(scope, node)
                inner_scope = None if found is None else found.scope
                return inner_scope is not None and self.never_zero(inner_scope, found.expression if found else None)
            case exp.Case():
                branches = [branch.args["true"] for branch in node.args["ifs"]]
                default = node.args.get("default")
                return all(self.never_zero(scope, branch) for branch in [*branches, *([default] if default else [])])
        return node is not None and self._guarded(scope, node)

    def _guarded(self, scope: Scope, node: exp.Expr) -> bool:
        """Whether rows where it is 0 were left out, by WHERE, HAVING, or the CASE around it."""
        if says(scope, node, (exp.GT, exp.NEQ, exp.GTE)):
            return True
        text, place = node.sql(), node.parent
        while place is not None and not isinstance(place, exp.Query):
            if isinstance(place, exp.Case):
                return any(text in branch.this.sql() for branch in place.args["ifs"])
            place = place.parent
        return False

    def _known(self, table: exp.Table) -> Known | None:
        if table.args.get("alias") is not None and table.args["alias"].columns:
            return None
        return self._tables.get(f"{table.db}.{table.name}".lower())

    def _made(self, scope: Scope) -> list[tuple[str, Scope, exp.Expr | None]] | None:
        """Columns that an inner query makes, each with the scope and the expression it is made by."""
        self._under_way.add(id(scope))
        try:
            columns = self._selected(scope)
        finally:
            self._under_way.discard(id(scope))
        if columns is None or len(scope.outer_columns) > len(columns):
            return None
        renamed = [*scope.outer_columns, *(name for name, _, _ in columns[len(scope.outer_columns) :])]
        return [(name, where, node) for name, (_, where, node) in zip(renamed, columns, strict=True)]

    def _selected(self, scope: Scope) -> list[tuple[str, Scope, exp.Expr | None]] | None:
        if scope.set_operation_scopes:
            first = self._made(scope.set_operation_scopes[0])
            # Of several branches only the names are sure.
            return None if first is None else [(name, scope, None) for name, _, _ in first]
        if not isinstance(scope.expression, exp.Select):
            return None
        found: list[tuple[str, Scope, exp.Expr | None]] = []
        for column in scope.expression.selects:
            if not column.is_star:
                found.append((column.alias_or_name, scope, column.unalias()))
                continue
            wanted = column.table if isinstance(column, exp.Column) else ""
            for name, source in self.relations(scope).items():
                if wanted in ("", name):
                    names = self.names(source)
                    if names is None:
                        return None
                    found += [(inner, scope, exp.column(inner, table=name)) for inner in names]
        return found

    def _column(self, source: exp.Expr | Scope, name: str) -> Found | None:
        if isinstance(source, exp.Table):
            known = self._known(source)
            return Found(known.columns[name]) if known is not None and name in known.columns else None
        if not isinstance(source, Scope) or id(source) in self._under_way:
            return None
        made = self._made(source)
        return next((Found(None, where, node) for found, where, node in made or () if found == name), None)

    def _inner_kind(self, found: Found) -> Kind | None:
        return None if found.scope is None else self.kind(found.scope, found.expression)

    def _keys_made(self, scope: Scope, select: exp.Select) -> Iterator[frozenset[str]]:
        made = {column.unalias().sql(): column.alias_or_name for column in select.selects if not column.is_star}
        group, aggregated = (
            select.args.get("group"),
            any(any(True for _ in aggregates(item)) for item in select.selects),
        )
        if group is None and aggregated:
            yield frozenset()
        elif group is not None:
            by = [written(select, item) for item in group.expressions]
            if all(item in made for item in by) and not group.args.get("rollup") and not group.args.get("cube"):
                yield frozenset(made[item] for item in by)
        elif select.args.get("distinct") is not None:
            yield frozenset(made.values())
        relations = self.relations(scope)
        if group is None and not aggregated and not select.args.get("joins") and len(relations) == 1:
            ((alias, source),) = relations.items()
            yield from self._passed(scope, select, alias, source, made)

    def _passed(
        self, scope: Scope, select: exp.Select, alias: str, source: exp.Expr | Scope, made: Mapping[str, str]
    ) -> Iterator[frozenset[str]]:
        """Keys of the only relation that are among the columns, and those of numbered rows of which one is kept."""
        stars = (
            {name: name for name in self.names(source) or ()} if any(item.is_star for item in select.selects) else {}
        )
        names = stars | {text.removeprefix(f"{alias}."): name for text, name in made.items()}
        fixed = constants(scope)
        for key in self.keys(source):
            if key - fixed <= names.keys():
                yield frozenset(names[part] for part in key - fixed)
        for name in fixed:
            found = self._column(source, name)
            window = found.expression if found is not None else None
            if isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber) and found and found.scope:
                numbered = getattr(found.scope.expression, "selects", ())
                inner = {item.unalias().sql(): item.alias_or_name for item in numbered}
                by = [part.sql() for part in window.args.get("partition_by") or ()]
                if all(part in inner and inner[part] in names for part in by):
                    yield frozenset(names[inner[part]] for part in by)
