"""Where the columns of a SELECT come from: the columns of tables that their values are made of, and those that decide rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope

from deployments.declarations.sql_scopes import Known, Scopes

Origin = tuple[str, str]
"""(schema.table, column)"""
_DECIDING = ("where", "having", "qualify")


@dataclass(frozen=True, slots=True)
class Origins:
    """`values`: of each column that is made, the columns its values are made of. `deciding`: columns that rows are joined,
    kept or grouped by, wherever in the statement."""

    values: Mapping[str, frozenset[Origin]]
    deciding: frozenset[Origin]


def origins_of(tree: exp.Expr, tables: Mapping[str, Known]) -> Origins:
    """The origins of one statement; empty where its aliases contradict each other. `tables`: what is declared."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        walk = _Walk(scopes)
        root = scopes.all[-1]
        values = {name: frozenset(walk.of_made(root, name)) for name in scopes.names(root) or ()}
        return Origins(values, frozenset(walk.deciding()))
    except SqlglotError:
        return Origins({}, frozenset())


def plain_origins(tree: exp.Expr, tables: Mapping[str, Known]) -> dict[str, Origin]:
    """Columns that are a column of a table as it is, without any change; of a UNION none."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        walk = _Walk(scopes)
        found: dict[str, Origin] = {}
        root = scopes.all[-1]
        for position, name in enumerate(scopes.names(root) or ()):
            makers = list(scopes.makers(root, position))
            if len(makers) == 1 and isinstance(makers[0][1], exp.Column):
                origins = list(walk.of_expression(*makers[0]))
                found |= {name: origins[0]} if len(origins) == 1 else {}
        return found
    except SqlglotError:
        return {}


def key_of(tree: exp.Expr, tables: Mapping[str, Known]) -> tuple[str, ...]:
    """The fewest columns that identify a row of the result, in its order; () where none are known to."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        root = scopes.all[-1]
        names = scopes.names(root) or []
        keys = [sorted(key, key=names.index) for key in scopes.keys(root) if key and key <= set(names)]
    except SqlglotError:
        return ()
    return min((tuple(key) for key in keys), key=lambda key: len(key), default=())


@dataclass(frozen=True, slots=True)
class _Walk:
    scopes: Scopes

    def deciding(self) -> Iterator[Origin]:
        for scope in self.scopes.all:
            select = scope.expression
            for clause in (*_DECIDING, "order") if select.args.get("limit") is not None else _DECIDING:
                node = select.args.get(clause)
                if node is not None:
                    yield from self.of_expression(scope, node)
            if isinstance(select, exp.Select):
                yield from self._of_groups(scope, select)
            elif isinstance(select, exp.Except | exp.Intersect):
                other = scope.set_operation_scopes[1]
                for name in self._names(other):
                    yield from self.of_made(other, name)
            for join in scope.expression.args.get("joins") or ():
                if join.args.get("on") is not None:
                    yield from self.of_expression(scope, join.args["on"])
                for name in join.args.get("using") or ():
                    for source in self.scopes.relations(scope).values():
                        yield from self.of_relation(source, name.name)

    def _of_groups(self, scope: Scope, select: exp.Select) -> Iterator[Origin]:
        """Of GROUP BY, by names, by expressions, and by places among the columns."""
        group = select.args.get("group")
        for item in () if group is None else group.iter_expressions():
            place = int(item.this) if isinstance(item, exp.Literal) and item.is_int else 0
            node = select.selects[place - 1].unalias() if 0 < place <= len(select.selects) else item
            yield from self.of_expression(scope, node)

    def _names(self, source: exp.Expr | Scope) -> list[str]:
        return self.scopes.names(source) or (self.scopes.made_names(source) if isinstance(source, Scope) else [])

    def of_expression(self, scope: Scope, node: exp.Expr) -> Iterator[Origin]:
        """Of every column in it; of a query in it, of the columns that makes."""
        inner = {id(found.expression): found for found in self.scopes.all}
        for part in node.walk(prune=lambda found: id(found) in inner):
            if id(part) in inner:
                for name in self._names(inner[id(part)]):
                    yield from self.of_made(inner[id(part)], name)
            elif isinstance(part, exp.Column):
                yield from self._of_column(scope, part)
            elif isinstance(part, exp.Window) and part.alias:
                yield from self._of_named_window(scope, part.alias)

    def _of_named_window(self, scope: Scope, name: str) -> Iterator[Origin]:
        for window in scope.expression.args.get("windows") or ():
            if window.name == name:
                for part in (*(window.args.get("partition_by") or ()), window.args.get("order")):
                    if part is not None:
                        yield from self.of_expression(scope, part)

    def of_relation(self, source: exp.Expr | Scope, name: str) -> Iterator[Origin]:
        """Of one column of a relation."""
        if isinstance(source, exp.Table) and name in (self.scopes.names(source) or ()):
            yield f"{source.db}.{source.name}", name
        elif isinstance(source, Scope):
            yield from self.of_made(source, name)

    def of_made(self, scope: Scope, name: str) -> Iterator[Origin]:
        """Of a column that a query makes; of UNION, in each of its branches."""
        names = self._names(scope)
        if name not in names:
            return
        for where, node in self.scopes.makers(scope, names.index(name)):
            yield from self.of_expression(where, node)

    def _of_column(self, scope: Scope, column: exp.Column) -> Iterator[Origin]:
        for place in self.scopes.visible(scope):
            relations = self.scopes.relations(place)
            held = [source for name, source in relations.items()
                    if column.table in ("", name) and column.name in self._names(source)]  # fmt: skip
            if held:
                for source in held[:1]:
                    yield from self.of_relation(source, column.name)
                return
        # A name that the SELECT gives itself: GROUP BY, HAVING, QUALIFY and ORDER BY may have it, and its columns further on.
        select = scope.expression
        if not column.table and isinstance(select, exp.Select):
            inside, given = column.find_ancestor(exp.Alias), select.selects
            before = next((n for n, item in enumerate(given) if item is inside), len(given))
            for item in given[:before]:
                if isinstance(item, exp.Alias) and item.alias == column.name:
                    return (yield from self.of_expression(scope, item.this))
