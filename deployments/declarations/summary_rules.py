"""What must hold between a summary's header and its SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial as bound
from typing import TYPE_CHECKING

from deployments.declarations.partial import known
from deployments.declarations.problems import Fault, KeyPath, nearest
from deployments.declarations.rule_columns import columns_named
from deployments.declarations.suite import Rule
from deployments.declarations.summary import Summary, statements
from deployments.declarations.summary_statements import ALLOWED, read_statement
from deployments.declarations.summary_window import placeholders, stand_in
from deployments.declarations.table import SchemaChange

if TYPE_CHECKING:
    from deployments.declarations.select import Select
    from deployments.declarations.sql_text import SqlFault


def summary_faults(summary: Summary, select: Select | None) -> Iterator[Fault]:
    """Columns the header names and the SELECT doesn't make, and keys that say nothing beside one another."""
    yield from known([
        bound(_codes, summary), bound(_after, summary), bound(_statements, summary), bound(_contract, summary),
        bound(_windows, summary), bound(_beside, summary), bound(_shrinking, summary),
    ])  # fmt: skip
    if select is not None and select.is_certain:
        yield from known([
            bound(_made, summary, select.columns),
            bound(_places, summary, select.columns), bound(_metrics, summary, select.columns),
            *(bound(_rule, rule, position, select.columns) for position, rule in enumerate(summary.expectations)),
        ])  # fmt: skip


def _codes(summary: Summary) -> Iterator[Fault]:
    seen: set[str] = set()
    places: list[tuple[KeyPath, str]] = [
        *((("inputs", n, "checks", m, "code"), check.code)
          for n, item in enumerate(summary.inputs) for m, check in enumerate(item.checks)),
        *((("inputs", n, "balances", m, "code"), balance.code)
          for n, item in enumerate(summary.inputs) for m, balance in enumerate(item.balances)),
        *((("expectations", n, "code"), rule.code) for n, rule in enumerate(summary.expectations)),
    ]  # fmt: skip
    for place, code in places:
        if code in seen:
            yield Fault(place, f"'{code}' is used twice", "a code of its own for each check")
        seen.add(code)


def _statements(summary: Summary) -> Iterator[Fault]:
    """SQL of checks: as the SELECT itself, one SELECT that only reads. That one's own faults are told where it is read."""
    from deployments.declarations.select import read_select

    for path, sql, own in statements(summary):
        if path == ("sql",):
            continue
        select, faults = read_select(sql, makes_table=False)
        yield from in_text(path, sql, faults)
        of_figure = own is None or path[-1] == "here"
        if select is not None and of_figure and len(select.columns) != 1:
            yield Fault(path, f"must return one number; it makes {len(select.columns)} columns", "SELECT COUNT(*) ...")


def in_text(path: KeyPath, sql: str, faults: Iterable[SqlFault]) -> Iterator[Fault]:
    """Faults of a text that stands in YAML."""
    for fault in faults:
        yield Fault(path, f"{fault.message}{_near(sql, fault.start)}", fault.allowed, fault.nearest)


def _near(sql: str, start: int) -> str:
    """The place in a text of the header, whose lines YAML may have folded."""
    return f" (at character {start + 1}, '{' '.join(sql[start : start + 24].split())}')"


def _shrinking(summary: Summary) -> Iterator[Fault]:
    if summary.shrink_guard is None:
        return
    if summary.allow_empty:
        yield Fault(("shrink_guard",), "has no meaning beside allow_empty, which lets all rows go", "one of them")
    elif summary.mode != "rebuild":
        yield Fault(("shrink_guard",), "is about a table that is built anew as a whole", "no shrink_guard; or drift")


def _after(summary: Summary) -> Iterator[Fault]:
    if summary.after and summary.schedule is not None:
        yield Fault(("after",), "has no meaning beside schedule, which says when to build", "after or schedule")


def _contract(summary: Summary) -> Iterator[Fault]:
    """Keys that belong to the contract, without it; and columns that contradict it."""
    if not summary.columns:
        for place, said, instead in (
            ("on_schema_change", summary.on_schema_change != SchemaChange(), "columns: the contract of the result"),
            ("pii", summary.pii and summary.drift is None, "columns: the contract of the result; or drift"),
        ):  # fmt: skip
            if said:
                yield Fault((place,), "has no meaning without columns", instead)
        return
    for name in ("added", "reordered"):
        if name in summary.on_schema_change.model_fields_set:
            told = "is about what a source delivers; the SELECT makes the columns it lists"
            yield Fault(("on_schema_change", name), told, "removed, widened, narrowed, retyped, new_column")
    names = [column.name for column in summary.columns]
    for position, name in enumerate(names):
        if name in names[:position]:
            yield Fault(("columns", position, "name"), f"'{name}' stands twice", "each column once")
    for position, name in enumerate(summary.drift.ignore if summary.drift is not None else ()):
        if name not in names:
            yield Fault(
                ("drift", "ignore", position), f"'{name}' isn't a column", ", ".join(names), nearest(name, names)
            )
    nullable = {column.name for column in summary.columns if column.nullable}
    for name in summary.key:
        if name in nullable:
            yield Fault(("key",), f"'{name}' is part of the key but nullable", "nullable: false on key columns")
    for name in summary.pii:
        if name not in names:
            yield Fault(("pii", name), f"'{name}' isn't a column", ", ".join(names), nearest(name, names))


def _windows(summary: Summary) -> Iterator[Fault]:
    """What a mode needs, and what has no meaning in another one."""
    named = set(placeholders(summary.sql))
    if summary.mode == "rebuild":
        for key in ("window", "window_column"):
            if getattr(summary, key) is not None:
                yield Fault(
                    (key,), "has no meaning where the whole table is built anew", "mode: window, or mode: merge"
                )
        for path, sql in _written(summary):
            for place in placeholders(sql):
                yield Fault(
                    path, f"{place} has no meaning where the whole table is built anew", "mode: window, and a window"
                )
        return
    if summary.window is None:
        yield Fault(
            ("mode",), f"mode {summary.mode} builds window by window", "window: {every: day, timezone: UTC, start: ...}"
        )
    elif summary.window.lookback:
        yield Fault(("window", "lookback"), "a window is built again when one of its inputs is", "no lookback")
    if not summary.columns:
        yield Fault(("mode",), f"mode {summary.mode} keeps the table, so its columns are declared", "columns")
    if not {"{window.start}", "{window.start.date}"} & named or not {"{window.end}", "{window.end.date}"} & named:
        yield Fault(
            ("sql",),
            "doesn't say which rows are a window's",
            "WHERE at >= {window.start} AND at < {window.end}",
            start=0,
        )
    if summary.mode == "merge":
        if not summary.key:
            yield Fault(("key",), "mode merge replaces the rows of a key", "key: [...]")
        if summary.window_column is not None:
            yield Fault(("window_column",), "belongs to mode window; merge finds rows by their key", "no window_column")
        return
    kinds = {column.name: column.type for column in summary.columns}
    moments = [name for name, kind in kinds.items() if kind in ("date", "timestamp", "timestamptz")]
    if summary.window_column not in moments:
        told = f"'{summary.window_column}' isn't one" if summary.window_column else "is missing"
        yield Fault(
            ("window_column",),
            f"mode window replaces rows by a date or timestamp of the contract: {told}",
            ", ".join(moments),
        )


def _beside(summary: Summary) -> Iterator[Fault]:
    """Statements of the publish: of the short list, on the target, and conditions of its own rows alone."""
    from deployments.declarations.select import read_select

    for key, written in (("before_publish", summary.before_publish), ("after_publish", summary.after_publish)):
        for position, text in enumerate(written):
            try:
                statement = read_statement(stand_in(text), summary.target)
            except ValueError as error:
                yield Fault((key, position), str(error), ALLOWED)
                continue
            if statement.kind != "delete":
                continue
            if summary.mode == "rebuild":
                told = "the whole table is built anew: nothing of before is left to delete"
                yield Fault((key, position), told, "a WHERE in the SELECT; or mode: window")
                continue
            select, faults = read_select(f"SELECT 1 AS n FROM {summary.target} WHERE {statement.what}")
            yield from (Fault((key, position), fault.message, fault.allowed, fault.nearest) for fault in faults)
            more = [read.table for read in select.reads if read.table != summary.target] if select is not None else []
            if more:
                yield Fault((key, position), f"its condition reads {', '.join(more)}", "columns of the target alone")


def _written(summary: Summary) -> Iterator[tuple[KeyPath, str]]:
    """SQL in which the moments of a window may stand."""
    yield ("sql",), summary.sql
    for key, written in (("before_publish", summary.before_publish), ("after_publish", summary.after_publish)):
        yield from (((key, position), text) for position, text in enumerate(written))
    for n, item in enumerate(summary.inputs):
        for m, check in enumerate(item.checks):
            if check.sql is not None:
                yield ("inputs", n, "checks", m, "sql"), check.sql
        for m, balance in enumerate(item.balances):
            yield ("inputs", n, "balances", m, "where"), balance.where or ""


def _made(summary: Summary, columns: tuple[str, ...]) -> Iterator[Fault]:
    """Columns of the contract that the SELECT doesn't make, those it makes besides, and another order."""
    if not summary.columns:
        return
    declared = [column.name for column in summary.columns]
    for position, name in enumerate(declared):
        if name not in columns:
            yield _no_column(("columns", position, "name"), name, columns)
    more = [name for name in columns if name not in declared]
    if more:
        told = f"the SELECT makes {', '.join(more)} besides, which the contract lacks"
        yield Fault(("columns",), told, f"- {{name: {more[0]}, type: ...}}", nearest(more[0], declared))
    elif sorted(declared) == sorted(columns) and declared != list(columns):
        yield Fault(("columns",), "stand in another order than in the SELECT", ", ".join(columns))


def _places(summary: Summary, columns: tuple[str, ...]) -> Iterator[Fault]:
    physical = summary.physical
    named: tuple[tuple[KeyPath, tuple[str | None, ...]], ...] = (
        (("key",), summary.key), (("physical", "sortkey"), physical.sortkey), (("physical", "distkey"), (physical.distkey,)),
    )  # fmt: skip
    if not summary.columns:
        ignored = () if summary.drift is None else summary.drift.ignore
        named = (*named, (("pii",), tuple(summary.pii)), (("drift", "ignore"), ignored))
    for path, names in named:
        yield from (_no_column(path, name, columns) for name in names if name is not None and name not in columns)


def _metrics(summary: Summary, columns: tuple[str, ...]) -> Iterator[Fault]:
    for name in summary.metrics:
        if name not in columns:
            yield _no_column(("metrics", name), name, columns)


def _rule(rule: Rule, position: int, columns: tuple[str, ...]) -> Iterator[Fault]:
    for place, name in columns_named(rule.kwargs):
        if name not in columns:
            yield _no_column(("expectations", position, "kwargs", *place), name, columns)


def _no_column(path: KeyPath, name: str, columns: tuple[str, ...]) -> Fault:
    return Fault(path, f"the SELECT makes no column '{name}'", ", ".join(columns), nearest(name, columns))
