"""What must hold between a summary's header and its SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial as bound
from typing import TYPE_CHECKING

from deployments.declarations.partial import known
from deployments.declarations.problems import nearest
from deployments.declarations.rule_columns import columns_named
from deployments.declarations.rules import Fault, Path
from deployments.declarations.suite import Rule
from deployments.declarations.summary import Summary, statements
from deployments.declarations.table import SchemaChange

if TYPE_CHECKING:
    from deployments.declarations.select import Select
    from deployments.declarations.sql_text import SqlFault


def summary_faults(summary: Summary, select: Select | None) -> Iterator[Fault]:
    """Columns the header names and the SELECT doesn't make, and keys that say nothing beside one another."""
    yield from known([
        bound(_codes, summary), bound(_after, summary), bound(_statements, summary), bound(_contract, summary),
    ])  # fmt: skip
    if select is not None and select.is_certain:
        yield from known([
            bound(_made, summary, select.columns),
            bound(_places, summary, select.columns), bound(_metrics, summary, select.columns),
            *(bound(_rule, rule, position, select.columns) for position, rule in enumerate(summary.expectations)),
        ])  # fmt: skip


def _codes(summary: Summary) -> Iterator[Fault]:
    seen: set[str] = set()
    places: list[tuple[Path, str]] = [
        *((("inputs", n, "checks", m, "code"), check.code)
          for n, item in enumerate(summary.inputs) for m, check in enumerate(item.checks)),
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
        if select is not None and own is None and len(select.columns) != 1:
            yield Fault(path, f"must return one number; it makes {len(select.columns)} columns", "SELECT COUNT(*) ...")


def in_text(path: Path, sql: str, faults: Iterable[SqlFault]) -> Iterator[Fault]:
    """Faults of a text that stands in YAML."""
    for fault in faults:
        yield Fault(path, f"{fault.message}{_near(sql, fault.start)}", fault.allowed, fault.nearest)


def _near(sql: str, start: int) -> str:
    """The place in a text of the header, whose lines YAML may have folded."""
    return f" (at character {start + 1}, '{' '.join(sql[start : start + 24].split())}')"


def _after(summary: Summary) -> Iterator[Fault]:
    if summary.after and summary.schedule is not None:
        yield Fault(("after",), "has no meaning beside schedule, which says when to build", "after or schedule")


def _contract(summary: Summary) -> Iterator[Fault]:
    """Keys that belong to the contract, without it; and columns that contradict it."""
    if not summary.columns:
        for place, said in (("on_schema_change", summary.on_schema_change != SchemaChange()), ("pii", summary.pii)):
            if said:
                yield Fault((place,), "has no meaning without columns", "columns: the contract of the result")
        return
    for name in ("added", "reordered"):
        if name in summary.on_schema_change.model_fields_set:
            told = "is about what a source delivers; the SELECT makes the columns it lists"
            yield Fault(("on_schema_change", name), told, "removed, widened, narrowed, retyped, new_column")
    names = [column.name for column in summary.columns]
    for position, name in enumerate(names):
        if name in names[:position]:
            yield Fault(("columns", position, "name"), f"'{name}' stands twice", "each column once")
    nullable = {column.name for column in summary.columns if column.nullable}
    for name in summary.key:
        if name in nullable:
            yield Fault(("key",), f"'{name}' is part of the key but nullable", "nullable: false on key columns")
    for name in summary.pii:
        if name not in names:
            yield Fault(("pii", name), f"'{name}' isn't a column", ", ".join(names), nearest(name, names))


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
    named: tuple[tuple[Path, tuple[str | None, ...]], ...] = (
        (("key",), summary.key), (("physical", "sortkey"), physical.sortkey), (("physical", "distkey"), (physical.distkey,)),
    )  # fmt: skip
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


def _no_column(path: Path, name: str, columns: tuple[str, ...]) -> Fault:
    return Fault(path, f"the SELECT makes no column '{name}'", ", ".join(columns), nearest(name, columns))
