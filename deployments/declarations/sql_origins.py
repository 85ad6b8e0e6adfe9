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
_DECIDING = ("where", "group", "having", "qualify")


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
            for clause in _DECIDING:
                node = scope.expression.args.get(clause)
                if node is not None:
                    yield from self.of_expression(scope, node)
            for join in scope.expression.args.get("joins") or ():
                if join.args.get("on") is not None:
                    yield from self.of_expression(scope, join.args["on"])
                for name in join.args.get("using") or ():
                    for source in self.scopes.relations(scope).values():
                        yield from self.of_relation(source, name.name)

    def of_expression(self, scope: Scope, node: exp.Expr) -> Iterator[Origin]:
        """Of every column in it; of a query in it, of the columns that makes."""
        inner = {id(found.expression): found for found in self.scopes.all}
        for part in node.walk(prune=lambda found: id(found) in inner):
            if id(part) in inner:
                for name in self.scopes.names(inner[id(part)]) or ():
                    yield from self.of_made(inner[id(part)], name)
            elif isinstance(part, exp.Column):
                yield from self._of_column(scope, part)

    def of_relation(self, source: exp.Expr | Scope, name: str) -> Iterator[Origin]:
        """Of one column of a relation."""
        if isinstance(source, exp.Table) and name in (self.scopes.names(source) or ()):
            yield f"{source.db}.{source.name}", name
        elif isinstance(source, Scope):
            yield from self.of_made(source, name)

    def of_made(self, scope: Scope, name: str) -> Iterator[Origin]:
        """Of a column that a query makes; of UNION, in each of its branches."""
        names = self.scopes.names(scope) or []
        if name not in names:
            return
        for where, node in self.scopes.makers(scope, names.index(name)):
            yield from self.of_expression(where, node)

    def _of_column(self, scope: Scope, column: exp.Column) -> Iterator[Origin]:
        for place in self.scopes.visible(scope):
            relations = self.scopes.relations(place)
            held = [source for name, source in relations.items()
                    if column.table in ("", name) and column.name in (self.scopes.names(source) or ())]  # fmt: skip
            if held:
                for source in held[:1]:
                    yield from self.of_relation(source, column.name)
                return
        # GROUP BY and QUALIFY may name a column by what SELECT calls it.
        if not column.table and isinstance(scope.expression, exp.Select):
            made = [
                item for item in scope.expression.selects if isinstance(item, exp.Alias) and item.alias == column.name
            ]
            if made and column.find_ancestor(exp.Group, exp.Qualify, exp.Having) is not None:
                yield from self.of_expression(scope, made[0].this)
