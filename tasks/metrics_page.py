"""The page of the metrics, written with the pages of each run: definitions as declared, and what comparisons found last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from deployments.declarations.metric_grains import dimensions, grain_of
from deployments.project import Project
from expectations.report import shelf
from expectations.report.metrics import Held, MetricTwin, Used, metrics_html
from expectations.report.texts import Texts
from tasks.warehouses import metric_comparisons
from tasks.warehouses.metric_comparisons import Comparison
from tasks.warehouses.session import session
from tasks.workbench import Workbench


def write_metrics(bench: Workbench, pages: shelf.Shelf, now: datetime) -> None:
    """Write the page, or take it away where no metric is declared any more."""
    if not bench.project.metrics:
        if shelf.has_metrics(pages):
            pages.delete(shelf.METRICS_PAGE)
            pages.delete(shelf.METRICS_TWIN)
        return
    found = list(_gathered(bench.project, _compared(bench)))
    twin = {"version": 1, "written_at": now.isoformat(), "metrics": [item.model_dump(mode="json") for item in found]}
    shelf.write(pages, shelf.METRICS_TWIN, json.dumps(twin, ensure_ascii=False))
    shelf.write(pages, shelf.METRICS_PAGE, metrics_html(found, Texts(), now))


def _compared(bench: Workbench) -> list[Comparison]:
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        return metric_comparisons.read(bench.warehouse, cursor)


def _gathered(project: Project, compared: list[Comparison]) -> Iterator[MetricTwin]:
    last = {(item.metric, frozenset((item.target, item.other))): item for item in compared}
    for name, metric in sorted(project.metrics.items()):
        used = project.summaries_with(name)
        yield MetricTwin(
            name=name, definition=metric.definition, owner=metric.owner, adds_up=metric.adds_up, distinct_of=metric.distinct_of,
            unit=metric.unit, grain=metric.grain, tolerance=metric.tolerance, stops=metric.severity == "critical",
            used=tuple(
                Used(table=table, column=column, by=tuple(dimensions(project.summaries[table])),
                     owner=project.summaries[table].owner)
                for table, column in used.items()
            ),
            held=tuple(
                _held(project, name, here, there, last.get((name, frozenset((here, there)))))
                for n, here in enumerate(used) for there in list(used)[n + 1 :]
            ),
        )  # fmt: skip


def _held(project: Project, name: str, here: str, there: str, found: Comparison | None) -> Held:
    if found is not None:
        return Held(here=found.target, there=found.other, grain=found.grain, at=found.at, compared=found.compared,
                    differing=found.differing, examples=found.examples)  # fmt: skip
    grain = grain_of(name, project.metrics[name], project.summaries[here], project.summaries[there])
    return Held(here=here, there=there, why_not=grain.why_not)
