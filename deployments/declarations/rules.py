"""What must hold between the keys of a table's declaration. Each rule stands alone, so that all mistakes are collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial as bound

from deployments.declarations.columns import Column
from deployments.declarations.partial import known
from deployments.declarations.problems import nearest
from deployments.declarations.sources import CsvSource
from deployments.declarations.table import Table

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where (a path of keys), what is wrong, what is allowed, and the known name that was probably meant.

    `start`: where in the SELECT of a summary, in characters from its beginning.
    """

    path: Path
    message: str
    allowed: str | None = None
    nearest: str | None = None
    start: int | None = None


def table_faults(table: Table) -> Iterator[Fault]:
    """Contradictions inside one table's declaration; of a `partial` one, those that don't hang on what is unknown."""
    rules = (
        _repeated_columns, _references, _key, _hashes, _mode, _deletes, _window_column, _full_refresh, _retyped, _keep,
        _hashed_order, _copy_options, _in_place_source, _in_place_columns, _cursor,
        _cursor_zone, _cursor_nulls, _window_placeholders, _path_needs_connection, _wait_for,
        _schedule_without_window, _without_effect, _clocks_without_effect, _own_of_source, _objects,
        _lookback, _reconcile,
    )  # fmt: skip
    yield from known(bound(rule, table) for rule in rules)


def _repeated_columns(table: Table) -> Iterator[Fault]:
    yield from _repeated("column", [column.name for column in table.columns])
    yield from _repeated("source name", [column.source_name for column in table.columns])


def _repeated(what: str, names: list[str]) -> Iterator[Fault]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(("columns",), f"{what} '{name}' stands more than once")


def _references(table: Table) -> Iterator[Fault]:
    """Columns that other keys name, each judged by itself."""
    yield from known(bound(_reference, table, place) for place in _PLACES)


def _reference(table: Table, place: str) -> Iterator[Fault]:
    path, used = _named(table, place)
    yield from known(bound(_unknown_column, table, path, name) for name in used)


_PLACES = ("key", "pii", "sortkey", "distkey", "window_column", "latest_by")


def _named(table: Table, place: str) -> tuple[Path, Iterable[str]]:
    match place:
        case "key":
            return ("key",), table.key
        case "pii":
            return ("pii",), table.pii
        case "sortkey":
            return ("physical", "sortkey"), table.physical.sortkey
        case "distkey":
            return ("physical", "distkey"), filter(None, [table.physical.distkey])
        case "window_column":
            return ("load", "window_column"), filter(None, [table.load.window_column])
    return ("load", "keep", "latest_by"), [table.load.keep.latest_by] if table.load.keep is not None else []


def _unknown_column(table: Table, path: Path, name: str) -> Iterator[Fault]:
    names = [column.name for column in table.columns]
    if name not in names:
        yield Fault(path, f"'{name}' isn't a column of the contract", ", ".join(names), nearest(name, names))


def _key(table: Table) -> Iterator[Fault]:
    for path, names in ((("key",), table.key), (("physical", "sortkey"), table.physical.sortkey)):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Fault(path, f"'{name}' stands more than once")
    for name in table.key:
        if any(column.name == name and column.nullable for column in table.columns):
            yield Fault(("key",), f"'{name}' is part of the key but nullable", "nullable: false on key columns")


def _hashes(table: Table) -> Iterator[Fault]:
    for name, how in table.pii.items():
        if how == "hash" and any(column.name == name and not _holds_hash(column) for column in table.columns):
            yield Fault(
                ("pii", name),
                "a hashed column must be varchar(64) or longer: the hash is 64 hex digits",
                "varchar(64)",
            )


def _holds_hash(column: Column) -> bool:
    return column.column_type.kind == "varchar" and column.column_type.length >= 64


def _mode(table: Table) -> Iterator[Fault]:
    does = table.load.does
    if does.merges and not table.key:
        yield Fault(("load", "mode"), "merge needs a key", "key: [column, ...]")
    if not (does.merges or does.replaces_table) and table.cursor_is_mutable:
        yield Fault(
            ("load", "mode"),
            f"{table.load.mode} on a mutable cursor loses or doubles rows when an old window is run again",
            "merge with a key, or an immutable cursor",
        )


def _deletes(table: Table) -> Iterator[Fault]:
    load = table.load
    if load.deletes == "compare_keys" and (not load.does.merges or not table.source.can_list_keys):
        yield Fault(("load", "deletes"), "compare_keys needs mode merge and a database to ask", "keep")


def _window_column(table: Table) -> Iterator[Fault]:
    load = table.load
    if not load.does.replaces_window:
        if load.window_column is not None:
            yield Fault(("load", "window_column"), f"belongs to replace_window, not to {load.mode}")
        return
    if table.window is None:
        yield Fault(("load", "mode"), "replace_window needs window", "window: {every, timezone, start}")
    if load.window_column is None:
        yield Fault(
            ("load", "mode"),
            "replace_window needs load.window_column: the column the window is cut by",
            "window_column: COLUMN",
        )
    for column in table.columns:
        if column.name == load.window_column and column.column_type.kind not in ("date", "timestamp", "timestamptz"):
            yield Fault(
                ("load", "window_column"),
                f"must be a date or timestamp, not {column.column_type.kind}",
                "date, timestamp, timestamptz",
            )


def _full_refresh(table: Table) -> Iterator[Fault]:
    if table.load.does.replaces_table and table.window is not None:
        yield Fault(
            ("window",), "full_refresh replaces the whole table: a window would lose all the others", "no window"
        )


def _retyped(table: Table) -> Iterator[Fault]:
    load = table.load
    if load.on_schema_change.retyped == "evolve" and not load.does.replaces_table:
        yield Fault(
            ("load", "on_schema_change", "retyped"),
            f"{load.mode} keeps rows, which would have to be converted: their values could change without a word",
            "fail, or load.mode full_refresh",
        )


def _keep(table: Table) -> Iterator[Fault]:
    if table.load.keep is not None and not table.key:
        yield Fault(("load", "keep"), "needs a key: latest of what?", "key: [column, ...]")


def _hashed_order(table: Table) -> Iterator[Fault]:
    if table.load.keep is not None and table.load.keep.latest_by in table.hashed:
        yield Fault(("load", "keep", "latest_by"), "is hashed: hashes have no order", "a column that isn't hashed")


def _copy_options(table: Table) -> Iterator[Fault]:
    options = table.load.copy_options
    if options.comprows is not None and options.compupdate is not True:
        yield Fault(
            ("load", "copy_options", "comprows"),
            "is the size of the sample that compupdate takes, which is off",
            "compupdate: true",
        )


def _in_place_source(table: Table) -> Iterator[Fault]:
    """Loaded as it lies in the bucket, a value can neither be converted nor set aside."""
    if table.load.stage != "in_place":
        return
    path, source = ("load", "stage"), table.source
    if not isinstance(source, CsvSource) or not source.url.startswith(("s3://", "file://")):
        yield Fault(
            path, "in_place needs a csv source at s3:// (or file:// with a PostgreSQL warehouse)", "stage: parts"
        )
    elif source.encoding.lower() not in ("utf-8", "utf8"):
        yield Fault(path, f"in_place can't decode {source.encoding}", "stage: parts")
    elif not source.is_rfc4180 or source.skip_lines:
        yield Fault(path, "in_place reads CSV of RFC 4180, with the header in the first line", "stage: parts")
    elif source.compression not in ("none", "gzip", "zstd", "auto"):
        yield Fault(
            path, f"in_place can't unpack {source.compression}: a warehouse reads gzip and zstd", "stage: parts"
        )


def _in_place_columns(table: Table) -> Iterator[Fault]:
    if table.load.stage != "in_place":
        return
    path = ("load", "stage")
    for column in table.columns:
        zone = column.source_timezone
        if column.null or column.cast or column.format or (zone is not None and zone.upper() not in ("UTC", "ETC/UTC")):
            yield Fault(path, f"in_place can't convert {column.name}", "stage: parts")
    if "hash" in table.pii.values():
        yield Fault(
            path, "in_place can't hash a column: its values would reach the warehouse as they are", "stage: parts"
        )
    if "tolerance" in table.load.model_fields_set:
        yield Fault(
            ("load", "tolerance"), "has no meaning with in_place: no row is set aside, a bad one stops the batch"
        )


def _cursor(table: Table) -> Iterator[Fault]:
    source = table.source
    if not source.is_database:
        return
    if table.window is not None and source.cut_by is None and not table.load.does.replaces_table:
        yield Fault(
            ("source", "cursor"), f"a {source.kind} source with windows needs a cursor", "cursor: {column, kind}"
        )
    if table.window is None and source.cut_by is not None:
        yield Fault(("source", "cursor"), "has no meaning without window", "window: {every, timezone, start}")


def _cursor_zone(table: Table) -> Iterator[Fault]:
    cursor = table.source.cut_by
    if cursor is None or cursor.timezone is None:
        return
    if any(column.source_name == cursor.column and column.source_timezone is not None for column in table.columns):
        yield Fault(
            ("source", "cursor", "timezone"), "the contract has the column", "source_timezone of the column, alone"
        )


def _cursor_nulls(table: Table) -> Iterator[Fault]:
    cursor = table.source.cut_by
    if cursor is None or cursor.nulls != "load":
        return
    path = ("source", "cursor", "nulls")
    if not table.load.does.merges:
        yield Fault(path, f"load: with {table.load.mode} the rows would stand once per window", "mode: merge")
    if table.load.keep is not None and table.column(table.load.keep.latest_by).source_name == cursor.column:
        yield Fault(
            path, "load: load.keep.latest_by is the cursor: a row without it can't be the latest", "another latest_by"
        )


def _window_placeholders(table: Table) -> Iterator[Fault]:
    if table.source.address is None:
        return
    templated = table.source.is_templated
    if table.window is not None and not templated and not table.load.does.replaces_table:
        allowed = f"{{window.start:%Y-%m-%d}} in {table.source.window_goes_to}"
        yield Fault(("source", "url"), "every window would read the same address", allowed)
    in_url = templated and table.source.window_goes_to == "the url"
    if table.window is not None and in_url and not table.load.does.replaces_table and _same_address(table):
        yield Fault(
            ("source", "url"), f"two windows of {table.window.every} after one another would read the same address",
            "every part of {window.start:...} that tells them apart, such as %Y-%m-%d of days",
        )  # fmt: skip
    if table.window is None and templated:
        yield Fault(
            ("source", "url"), "holds a window placeholder, but the table has no window", "window, or a plain url"
        )


def _objects(table: Table) -> Iterator[Fault]:
    """Objects that are a batch each."""
    if table.load.stage == "in_place" and "pattern" in table.source.model_fields_set:
        yield Fault(
            ("source", "pattern"), "has no meaning with in_place: all objects of a window are loaded", "stage: parts"
        )
    if not table.source.has_objects:
        return
    path = ("source", "objects")
    if table.window is not None:
        yield Fault(path, "each object is a batch, and so is each window: not both", "no window, or objects: together")
    if not (table.load.does.only_adds or table.load.does.merges):
        yield Fault(path, f"with {table.load.mode} an object would replace those before it", "mode: append or merge")
    if table.load.stage == "in_place":
        yield Fault(path, "in_place loads all objects of a batch at once", "stage: parts")
    if table.source.on_missing == "wait":
        yield Fault(("source", "on_missing"), "wait: no object is awaited by name", "fail or empty (one without rows)")
    if table.reconcile is not None:
        yield Fault(("reconcile",), "nothing tells which live rows came with which object", "no reconcile")


def _same_address(table: Table) -> bool:
    """Whether no placeholder tells the first window from the second."""
    grid = table.grid
    assert grid is not None
    try:
        windows = grid.nth(0), grid.nth(1)
    except (ValueError, OverflowError):
        # No grid at all, which is told itself.
        return False
    for place, form in re.findall(r"\{window\.(start|end|last)(?::([^}]*))?\}", table.source.address or ""):
        if not form or form.startswith("epoch"):
            return False
        moments = [
            item.start if place == "start" else item.end - timedelta(seconds=place == "last") for item in windows
        ]
        if len({moment.astimezone(grid.zone).strftime(form) for moment in moments}) > 1:
            return False
    return True


def _own_of_source(table: Table) -> Iterator[Fault]:
    for path, message, allowed in table.source.faults([column.source_name for column in table.columns]):
        yield Fault(("source", *path), message, allowed)


def _path_needs_connection(table: Table) -> Iterator[Fault]:
    source = table.source
    if (source.address or "").startswith("/") and source.connection is None:
        yield Fault(("source", "url"), "a path needs a connection that gives the host", "connection: NAME")


def _wait_for(table: Table) -> Iterator[Fault]:
    wait = table.source.wait_for
    if wait is None:
        return
    path = ("source", "wait_for")
    if wait.query is not None and not table.source.is_database:
        yield Fault((*path, "query"), f"a {table.source.kind} source has no database to ask", "url or table")
    hostless = table.source.is_database or table.source.connection is None
    if wait.url is not None and wait.url.startswith("/") and hostless:
        yield Fault((*path, "url"), "a path needs a source with a connection that gives the host", "a whole address")
    if wait.table is not None and wait.table == table.table:
        yield Fault((*path, "table"), "a table can't wait for itself", "another table of the project")
    if table.window is None and "{window." in f"{wait.url or ''}{wait.query or ''}":
        place = "url" if wait.url is not None else "query"
        yield Fault(
            (*path, place), "holds a window placeholder, but the table has no window", "window, or no placeholder"
        )


def _schedule_without_window(table: Table) -> Iterator[Fault]:
    if table.schedule is None or table.window is not None:
        return
    if not table.schedule.catchup:
        yield Fault(("schedule", "catchup"), "has no meaning without window", "window: {every, timezone, start}")
    if table.schedule.parallel > 1 and not table.source.has_objects:
        yield Fault(("schedule", "parallel"), "has no meaning without window", "window: {every, timezone, start}")


def _without_effect(table: Table) -> Iterator[Fault]:
    load = table.load
    if "shrink_guard" in load.model_fields_set and not load.does.replaces_table and load.deletes != "compare_keys":
        yield Fault(
            ("load", "shrink_guard"),
            f"has no meaning with {load.mode}: it takes no rows away but those of its window",
            "full_refresh, or merge with deletes: compare_keys",
        )


def _clocks_without_effect(table: Table) -> Iterator[Fault]:
    for position, column in enumerate(table.columns):
        if "ambiguous" in column.model_fields_set and column.source_timezone is None:
            yield Fault(
                ("columns", position, "ambiguous"),
                "has no meaning without source_timezone: no clock goes back",
                "source_timezone: ZONE",
            )


def _lookback(table: Table) -> Iterator[Fault]:
    if table.window is None or not table.window.lookback:
        return
    path = ("window", "lookback")
    if table.load.does.only_adds:
        yield Fault(path, "append can't load a window again without doubling it", "replace_window or merge")
    elif table.compared_by is None:
        yield Fault(path, *_INCOMPARABLE)


def _reconcile(table: Table) -> Iterator[Fault]:
    if table.reconcile is None:
        return
    if table.reconcile.repair and table.load.does.only_adds:
        yield Fault(
            ("reconcile", "repair"),
            "append can't load a window again without doubling it",
            "repair: false, or load.mode: replace_window or merge",
        )
    if table.window is None and "windows" in table.reconcile.model_fields_set:
        yield Fault(("reconcile", "windows"), "has no meaning without window: all of the table is compared")
    if table.window is not None and table.compared_by is None:
        yield Fault(("reconcile",), *_INCOMPARABLE)


_INCOMPARABLE = (
    "no column of the contract says which rows are a window's",
    "source.cursor.column in the contract (a date or time that isn't hashed), or load.mode: replace_window",
)
