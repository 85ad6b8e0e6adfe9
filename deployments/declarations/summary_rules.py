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

if TYPE_CHECKING:
    from deployments.declarations.select import Select
    from deployments.declarations.sql_text import SqlFault


def summary_faults(summary: Summary, select: Select | None) -> Iterator[Fault]:
    """Columns the header names and the SELECT doesn't make, and keys that say nothing beside one another."""
    yield from known([bound(_codes, summary), bound(_after, summary), bound(_statements, summary)])
    if select is not None and select.is_certain:
        yield from known([
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
