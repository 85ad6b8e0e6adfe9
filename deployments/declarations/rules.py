"""What must hold between the keys of a declaration, and between declarations. All mistakes are collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployments.declarations.columns import Column
from deployments.declarations.sources import CsvSource, JsonSource, PostgresSource
from deployments.declarations.summary import Summary
from deployments.declarations.table import Table

Fault = tuple[tuple[str, ...], str, str | None]
"""Where (a path of keys), what is wrong, and what is allowed."""


def table_faults(table: Table) -> Iterator[Fault]:
    """Contradictions inside one table's declaration."""
    names = [column.name for column in table.columns]
    yield from _repeated(("columns",), "column", names)
    yield from _repeated(("columns",), "source name", [column.source_name for column in table.columns])
    known = ", ".join(names)
    references: list[tuple[tuple[str, ...], Iterable[str]]] = [
        (("key",), table.key),
        (("pii",), table.pii),
        (("physical", "sortkey"), table.physical.sortkey),
        (("physical", "distkey"), filter(None, [table.physical.distkey])),
        (("load", "window_column"), filter(None, [table.load.window_column])),
        (("load", "keep", "latest_by"), [table.load.keep.latest_by] if table.load.keep else []),
    ]
    for path, used in references:
        for name in used:
            if name not in names:
                yield path, f"'{name}' isn't a column of the contract", known
    for name in table.key:
        if name in names and table.column(name).nullable:
            yield ("key",), f"'{name}' is part of the key but nullable", "nullable: false on key columns"
    for name, how in table.pii.items():
        if name in names and how == "hash" and not _holds_hash(table.column(name)):
            yield ("pii", name), "a hashed column must be varchar(64) or longer: the hash is 64 hex digits", None
    yield from _load_faults(table)
    yield from _source_faults(table)


def _load_faults(table: Table) -> Iterator[Fault]:
    load = table.load
    if load.mode == "merge" and not table.key:
        yield ("load", "mode"), "merge needs a key", "key: [column, ...]"
    if load.mode in ("append", "replace_window") and table.cursor_is_mutable:
        yield (
            ("load", "mode"),
            f"{load.mode} on a mutable cursor loses or doubles rows when an old window is run again",
            "merge with a key, or an immutable cursor",
        )
    if load.mode == "replace_window":
        if table.window is None:
            yield ("load", "mode"), "replace_window needs window", None
        if load.window_column is None:
            yield ("load", "mode"), "replace_window needs load.window_column: the column the window is cut by", None
        elif load.window_column in [column.name for column in table.columns]:
            kind = table.column(load.window_column).column_type.kind
            if kind not in ("date", "timestamp", "timestamptz"):
                yield ("load", "window_column"), f"must be a date or timestamp, not {kind}", None
    elif load.window_column is not None:
        yield ("load", "window_column"), f"belongs to replace_window, not to {load.mode}", None
    if load.mode == "full_refresh" and table.window is not None:
        yield ("window",), "full_refresh replaces the whole table: a window would lose all the others", "no window"
    if load.keep is not None and not table.key:
        yield ("load", "keep"), "needs a key: latest of what?", "key: [column, ...]"
    if load.deletes == "compare_keys" and (load.mode != "merge" or not isinstance(table.source, PostgresSource)):
        yield ("load", "deletes"), "compare_keys needs mode merge and a postgres source", None
    if table.schedule is not None and table.window is None and not table.schedule.catchup:
        yield ("schedule", "catchup"), "has no meaning without window", None


def _source_faults(table: Table) -> Iterator[Fault]:
    source = table.source
    if isinstance(source, PostgresSource):
        if table.window is not None and source.cursor is None:
            yield ("source", "cursor"), "a postgres source with windows needs a cursor", "cursor: {column, kind}"
        if table.window is None and source.cursor is not None:
            yield ("source", "cursor"), "has no meaning without window", None
    if isinstance(source, CsvSource | JsonSource):
        templated = "{window." in source.url
        if table.window is not None and not templated:
            yield ("source", "url"), "every window would read the same address", "{window.start:%Y-%m-%d} in the url"
        if table.window is None and templated:
            yield ("source", "url"), "holds a window placeholder, but the table has no window", None
        if source.url.startswith("/") and source.connection is None:
            yield ("source", "url"), "a path needs a connection that gives the host", "connection: NAME"


def project_faults(tables: Mapping[str, Table], summaries: Mapping[str, Summary]) -> Iterator[tuple[str, Fault]]:
    """Contradictions between declarations, each with the target whose file holds it."""
    known = {*tables, *summaries}
    for name, summary in summaries.items():
        if name in tables:
            yield name, (("target",), "is also declared as a table", None)
        for item in summary.inputs:
            if item.table not in known:
                yield name, (("inputs", item.table), "isn't declared", ", ".join(sorted(known)))
        for trigger in summary.after:
            if trigger not in known:
                yield name, (("after",), f"'{trigger}' isn't declared", ", ".join(sorted(known)))
    yield from ((name, fault) for name, fault in _cycles(summaries))


def _cycles(summaries: Mapping[str, Summary]) -> Iterator[tuple[str, Fault]]:
    for name in summaries:
        path, todo = set[str](), [name]
        while todo:
            for item in summaries[todo.pop()].inputs:
                if item.table == name:
                    yield name, (("inputs",), "depends on itself, by way of other summaries", None)
                    todo.clear()
                    break
                if item.table in summaries and item.table not in path:
                    path.add(item.table)
                    todo.append(item.table)


def _holds_hash(column: Column) -> bool:
    return column.column_type.kind == "varchar" and column.column_type.length >= 64


def _repeated(path: tuple[str, ...], what: str, names: list[str]) -> Iterator[Fault]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield path, f"{what} '{name}' stands more than once", None
