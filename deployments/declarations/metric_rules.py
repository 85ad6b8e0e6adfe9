"""What must hold between the columns of summaries and the metrics they name, and between consumers and what they read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from deployments.declarations.metric_grains import PERIODS, dimensions, is_calendar
from deployments.declarations.metrics import Consumers, Metric
from deployments.declarations.problems import Fault, nearest, nearest_table
from deployments.declarations.summary import Summary
from deployments.declarations.table import Table


def metric_faults(summary: Summary, metrics: Mapping[str, Metric]) -> Iterator[Fault]:
    """Metrics that aren't declared, or that a column can't be."""
    used: dict[str, str] = {}
    for position, column in enumerate(summary.columns):
        if column.dimension is not None:
            yield from _dimension(summary, position)
        name = column.metric
        if name is None:
            continue
        place = ("columns", position, "metric")
        if name not in metrics:
            listing = ", ".join(sorted(metrics)) or "none is declared: metrics.yaml (docs/metrics.md)"
            yield Fault(place, f"'{name}' isn't a declared metric", listing, nearest(name, metrics))
            continue
        if name in used:
            yield Fault(place, f"'{name}' is the metric of {used[name]} already", "one column for each metric")
        used[name] = column.name
        if column.name in summary.metrics:
            yield Fault(("metrics", column.name), f"is defined by the metric '{name}' already", "one of the two")
        yield from _fits(summary, position, metrics[name])


def _fits(summary: Summary, position: int, metric: Metric) -> Iterator[Fault]:
    column = summary.columns[position]
    place = ("columns", position, "metric")
    if not column.contract.column_type.is_number:
        yield Fault(place, f"is of a figure; {column.name} is {column.type}", "a column of numbers")
    if column.name in summary.key:
        yield Fault(place, f"is of a figure; {column.name} is part of the key", "a column that isn't in key")
    if column.unit is not None and metric.unit is not None and column.unit != metric.unit:
        told = f"{column.unit} isn't the unit of the metric '{column.metric}'"
        yield Fault(("columns", position, "unit"), told, f"{metric.unit}, or no unit: that of the metric")
    lacking = [name for name in metric.grain if name not in dimensions(summary)]
    if lacking:
        told = f"'{column.metric}' is told by {' and '.join(metric.grain)}; the key has no {' and no '.join(lacking)}"
        yield Fault(
            place,
            told,
            f"key: [..., {', '.join(lacking)}], or dimension: {lacking[0]} at the column of the key that is it",
        )


def _dimension(summary: Summary, position: int) -> Iterator[Fault]:
    column = summary.columns[position]
    place = ("columns", position, "dimension")
    if column.name not in summary.key:
        yield Fault(place, f"is what a column of the key is called; {column.name} isn't in it", ", ".join(summary.key))
    elif column.dimension in PERIODS and not is_calendar(column):
        yield Fault(
            place, f"'{column.dimension}' is a span of the calendar; {column.name} is {column.type}", "date, timestamp"
        )
    others = [other.name for other in summary.columns if other.name in summary.key and other is not column
              and (other.dimension or other.name) == column.dimension]  # fmt: skip
    if others:
        yield Fault(place, f"'{column.dimension}' is what {others[0]} is called already", "another name")


def consumer_faults(
    consumers: Consumers, tables: Mapping[str, Table], summaries: Mapping[str, Summary], unread: Collection[str]
) -> Iterator[Fault]:
    """Tables and columns that consumers read and nothing declares. `unread`: names in files that can't be read."""
    for name, consumer in consumers.consumers.items():
        for position, read in enumerate(consumer.reads):
            place = ("consumers", name, "reads", position)
            table, column = ".".join(read.split(".")[:2]), read.split(".")[2:]
            declared = tables.get(table) or summaries.get(table)
            if declared is None:
                if table not in unread:
                    known = sorted({*tables, *summaries})
                    yield Fault(place, f"{table} isn't declared", ", ".join(known), nearest_table(table, known))
                continue
            columns = columns_of(declared)
            if column and columns and column[0] not in columns:
                told = f"{table} has no column '{column[0]}'"
                yield Fault(place, told, ", ".join(columns), nearest(column[0], columns))


def columns_of(declared: Table | Summary) -> list[str]:
    """What a table or summary is sure to have; nothing where only the warehouse knows."""
    if isinstance(declared, Table) or declared.columns:
        return [column.name for column in declared.columns]
    from deployments.declarations.select import read_select

    select, _ = read_select(declared.text)
    return list(select.columns) if select is not None and select.is_certain else []
