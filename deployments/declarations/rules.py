"""What must hold between the keys of a declaration, and between declarations. All mistakes are collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deployments.declarations.columns import Column
from deployments.declarations.problems import nearest
from deployments.declarations.sources import CsvSource, JsonSource, PostgresSource
from deployments.declarations.summary import Summary
from deployments.declarations.table import Table

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where (a path of keys), what is wrong, what is allowed, and the known name that was probably meant."""

    path: Path
    message: str
    allowed: str | None = None
    nearest: str | None = None


def table_faults(table: Table) -> Iterator[Fault]:
    """Contradictions inside one table's declaration."""
    names = [column.name for column in table.columns]
    yield from _repeated(("columns",), "column", names)
    yield from _repeated(("columns",), "source name", [column.source_name for column in table.columns])
    known = ", ".join(names)
    references: list[tuple[Path, Iterable[str]]] = [
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
                yield Fault(path, f"'{name}' isn't a column of the contract", known, nearest(name, names))
    for name in table.key:
        if name in names and table.column(name).nullable:
            yield Fault(("key",), f"'{name}' is part of the key but nullable", "nullable: false on key columns")
    for name, how in table.pii.items():
        if name in names and how == "hash" and not _holds_hash(table.column(name)):
            yield Fault(("pii", name), "a hashed column must be varchar(64) or longer: the hash is 64 hex digits")
    yield from _load_faults(table)
    yield from _in_place_faults(table)
    yield from _source_faults(table)


def _load_faults(table: Table) -> Iterator[Fault]:
    load = table.load
    if load.mode == "merge" and not table.key:
        yield Fault(("load", "mode"), "merge needs a key", "key: [column, ...]")
    if load.mode in ("append", "replace_window") and table.cursor_is_mutable:
        yield Fault(
            ("load", "mode"),
            f"{load.mode} on a mutable cursor loses or doubles rows when an old window is run again",
            "merge with a key, or an immutable cursor",
        )
    if load.mode == "replace_window":
        if table.window is None:
            yield Fault(("load", "mode"), "replace_window needs window")
        if load.window_column is None:
            yield Fault(("load", "mode"), "replace_window needs load.window_column: the column the window is cut by")
        elif load.window_column in [column.name for column in table.columns]:
            kind = table.column(load.window_column).column_type.kind
            if kind not in ("date", "timestamp", "timestamptz"):
                yield Fault(("load", "window_column"), f"must be a date or timestamp, not {kind}")
    elif load.window_column is not None:
        yield Fault(("load", "window_column"), f"belongs to replace_window, not to {load.mode}")
    if load.mode == "full_refresh" and table.window is not None:
        yield Fault(
            ("window",), "full_refresh replaces the whole table: a window would lose all the others", "no window"
        )
    if load.keep is not None and not table.key:
        yield Fault(("load", "keep"), "needs a key: latest of what?", "key: [column, ...]")
    if load.deletes == "compare_keys" and (load.mode != "merge" or not isinstance(table.source, PostgresSource)):
        yield Fault(("load", "deletes"), "compare_keys needs mode merge and a postgres source")
    if table.schedule is not None and table.window is None and not table.schedule.catchup:
        yield Fault(("schedule", "catchup"), "has no meaning without window")


def _in_place_faults(table: Table) -> Iterator[Fault]:
    """Loaded as it lies in the bucket, a value can neither be converted nor set aside."""
    if table.load.stage != "in_place":
        return
    path: tuple[str, ...] = ("load", "stage")
    source = table.source
    if not isinstance(source, CsvSource) or not source.url.startswith(("s3://", "file://")):
        yield Fault(
            path, "in_place needs a csv source at s3:// (or file:// with a PostgreSQL warehouse)", "stage: parts"
        )
    elif source.encoding.lower() not in ("utf-8", "utf8"):
        yield Fault(path, f"in_place can't decode {source.encoding}", "stage: parts")
    for column in table.columns:
        zone = column.source_timezone
        if column.null or column.cast or column.format or (zone is not None and zone.upper() not in ("UTC", "ETC/UTC")):
            yield Fault(path, f"in_place can't convert {column.name}", "stage: parts")
    if "hash" in table.pii.values():
        yield Fault(
            path, "in_place can't hash a column: its values would reach the warehouse as they are", "stage: parts"
        )


def _source_faults(table: Table) -> Iterator[Fault]:
    source = table.source
    if isinstance(source, PostgresSource):
        if table.window is not None and source.cursor is None:
            yield Fault(("source", "cursor"), "a postgres source with windows needs a cursor", "cursor: {column, kind}")
        if table.window is None and source.cursor is not None:
            yield Fault(("source", "cursor"), "has no meaning without window")
    if isinstance(source, CsvSource | JsonSource):
        templated = "{window." in source.url
        if table.window is not None and not templated:
            yield Fault(
                ("source", "url"), "every window would read the same address", "{window.start:%Y-%m-%d} in the url"
            )
        if table.window is None and templated:
            yield Fault(("source", "url"), "holds a window placeholder, but the table has no window")
        if source.url.startswith("/") and source.connection is None:
            yield Fault(("source", "url"), "a path needs a connection that gives the host", "connection: NAME")


def project_faults(tables: Mapping[str, Table], summaries: Mapping[str, Summary]) -> Iterator[tuple[str, Fault]]:
    """Contradictions between declarations, each with the target whose file holds it."""
    known = {*tables, *summaries}
    for name, summary in summaries.items():
        if name in tables:
            yield name, Fault(("target",), "is also declared as a table")
        places: list[tuple[Path, str]] = [
            *((("inputs", index, "table"), item.table) for index, item in enumerate(summary.inputs)),
            *((("after", index), trigger) for index, trigger in enumerate(summary.after)),
        ]
        for place, used in places:
            if used not in known:
                listing = ", ".join(sorted(known - {name}))
                yield name, Fault(place, f"'{used}' isn't declared", listing, nearest(used, known - {name}))
    yield from ((name, fault) for name, fault in _cycles(summaries))


def _cycles(summaries: Mapping[str, Summary]) -> Iterator[tuple[str, Fault]]:
    for name in summaries:
        path, todo = set[str](), [name]
        while todo:
            for item in summaries[todo.pop()].inputs:
                if item.table == name:
                    yield name, Fault(("inputs",), "depends on itself, by way of other summaries")
                    todo.clear()
                    break
                if item.table in summaries and item.table not in path:
                    path.add(item.table)
                    todo.append(item.table)


def _holds_hash(column: Column) -> bool:
    return column.column_type.kind == "varchar" and column.column_type.length >= 64


def _repeated(path: Path, what: str, names: list[str]) -> Iterator[Fault]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(path, f"{what} '{name}' stands more than once")
