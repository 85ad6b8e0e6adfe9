"""Faults of a SELECT against the declared columns of its result, as far as its text and the contracts of its inputs tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from deployments.declarations.select import start_of
from deployments.declarations.sql_scopes import Kind, Known, Scopes, kind_of_type
from deployments.declarations.sql_text import SqlFault
from deployments.declarations.summary import OutputColumn

_FIT: dict[Kind, tuple[Kind, ...]] = {
    # Whether a number keeps its value in a narrower type is proven of the values, in each build.
    "integer": ("integer", "number"), "number": ("number", "integer"), "text": ("text",), "moment": ("moment",),
    "boolean": ("boolean",),
}  # fmt: skip
_WORDS: dict[Kind, str] = {
    "integer": "a whole number", "number": "a number", "text": "a text", "moment": "a date or time", "boolean": "true or false",
}  # fmt: skip


def output_faults(tree: exp.Expr, tables: Mapping[str, Known], columns: Sequence[OutputColumn]) -> Iterator[SqlFault]:
    """Columns that are of another kind than the contract says, or may be empty where it says they aren't."""
    try:
        scopes = Scopes(normalize_identifiers(tree, dialect="postgres"), tables)
        root = scopes.all[-1]
        names = scopes.names(root) or []
    except SqlglotError:
        return
    for column in columns:
        if column.name not in names:
            continue
        wanted = kind_of_type(column.type)
        for scope, node in scopes.makers(root, names.index(column.name)):
            found = scopes.kind(scope, node)
            if found is not None and wanted is not None and wanted not in _FIT[found]:
                said = f"'{column.name}' is {_WORDS[found]} here, and {column.type} among the columns"
                yield SqlFault(said, f"CAST({node.sql()} AS {column.type}); or another type there", start_of(node))
            elif not column.nullable and scopes.nullable(scope, node):
                said = (
                    f"'{column.name}' may be empty here, and is nullable: false among the columns: the build would fail"
                )
                yield SqlFault(said, f"COALESCE({node.sql()}, ...); or nullable: true", start_of(node), kind="nulls")
