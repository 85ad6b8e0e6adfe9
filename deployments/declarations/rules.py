"""What must hold between the keys of a table's declaration. Each rule stands alone, so that all mistakes are collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial as bound

from deployments.declarations.columns import Column
from deployments.declarations.partial import known
from deployments.declarations.problems import Fault, KeyPath, nearest
from deployments.declarations.source_rules import SOURCE_RULES
from deployments.declarations.table import Table


def table_faults(table: Table) -> Iterator[Fault]:
    """Contradictions inside one table's declaration; of a `partial` one, those that don't hang on what is unknown."""
    rules = (
        _repeated_columns, _references, _key, _hashes, _mode, _deletes, _window_column, _full_refresh, _retyped, _keep,
        _hashed_order, _copy_options, *SOURCE_RULES, _schedule_without_window, _without_effect,
        _clocks_without_effect, _json_without_key, _lookback, _reconcile, _goes_on,
    )  # fmt: skip
    yield from known(bound(rule, table) for rule in rules)


def _repeated_columns(table: Table) -> Iterator[Fault]:
    names, sources = [column.name for column in table.columns], [column.source_name for column in table.columns]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Fault(("columns", at, "name"), f"column '{name}' stands more than once")
        elif sources[at] in sources[:at]:
            yield Fault(("columns", at), f"source name '{sources[at]}' stands more than once")


def _references(table: Table) -> Iterator[Fault]:
    """Columns that other keys name, each judged by itself."""
    yield from known(bound(_reference, table, place) for place in _PLACES)


def _reference(table: Table, place: str) -> Iterator[Fault]:
    path, used = _named(table, place)
    yield from known(bound(_unknown_column, table, path, name) for name in used)
    if place in _COMPARED:
        for name in used:
            if any(column.name == name and column.column_type.kind == "json" for column in table.columns):
                yield Fault(
                    path, f"'{name}' is json, which has neither order nor one form to be found by", "another column"
                )


_COMPARED = ("key", "sortkey", "distkey", "latest_by")
_PLACES = ("key", "pii", "sortkey", "distkey", "window_column", "latest_by")


def _named(table: Table, place: str) -> tuple[KeyPath, Iterable[str]]:
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


def _unknown_column(table: Table, path: KeyPath, name: str) -> Iterator[Fault]:
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


def _json_without_key(table: Table) -> Iterator[Fault]:
    if table.load.does.only_adds and not table.key:
        for position, column in enumerate(table.columns):
            if column.column_type.kind == "json":
                yield Fault(
                    ("columns", position, "type"),
                    f"{column.name} is json: without a key, appended rows are told by all values, and Redshift groups no JSON",
                    "key: [column, ...], or varchar",
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


def _goes_on(table: Table) -> Iterator[Fault]:
    if table.goes_on and table.reconcile is not None:
        yield Fault(
            ("reconcile",),
            "a load has what its source has since the one before: nothing to hold all live rows against",
            "no reconcile",
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
