"""The deployments a project wants, as plain data. Knows nothing of a server and imports no Prefect."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deployments.declarations.connections import with_replicas
from deployments.declarations.summary import Summary
from deployments.declarations.table import Cron, Reconcile, Table
from deployments.project import Project, software
from flows.deploy.forms import FORMS

TAG = "headgate"
PUBLISHED_EVENT = "headgate.published"
LOAD, BUILD, WINDOW, WATCH, RECONCILE = "load", "build", "ingest", "watch", "reconcile"
WATCH_CRON = "* * * * *"
HEARTBEAT_SECONDS = 30
"""The shortest beat Prefect sends; a run that misses three is dead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One deployment: everything `headgate deploy` decides about it. `table_choices`: the form offers these names."""

    flow: str
    name: str
    entrypoint: str
    description: str
    version: str
    tags: tuple[str, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    cron: str | None = None
    timezone: str = "UTC"
    at_once: int = 1
    triggered_by: tuple[str, ...] = ()
    table_choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name Prefect knows it by: flow/deployment."""
        return f"{self.flow}/{self.name}"


def wanted(project: Project) -> tuple[Wanted, ...]:
    """Every deployment of a project: one per table and summary, the work on one window, the watch, and the forms."""
    return (
        *(_table(project, table) for table in project.tables.values()),
        *(_reconcile(project, table, table.reconcile) for table in project.tables.values() if table.reconcile),
        *(_summary(project, summary) for summary in project.summaries.values()),
        Wanted(
            flow=WINDOW, name="one window", entrypoint="flows.ingest.ingest", version=software(),
            description="One window of one table. Started by a backfill that is spread over workers.",
            tags=(TAG, "part:window"), at_once=0, table_choices=tuple(sorted(project.tables)),
        ),
        Wanted(
            flow=WATCH, name="loads and promises", entrypoint="flows.watch.watch", version=software(), cron=WATCH_CRON,
            description="Looks for runs that are late or whose process died, and keeps what it finds.",
            tags=(TAG, "part:watch"),
        ),
        *_forms(project),
    )  # fmt: skip


def environment() -> dict[str, str]:
    """What every run gets from its deployment: no secret, nothing of the deployer's machine."""
    return {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        # Each step's line, on the page of the run.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


def version_of(project: Project, name: str) -> str:
    """What a deployment of this table or summary is a version of: the software and everything declared of it."""
    if name in project.summaries:
        marks = project.summaries[name].fingerprint
    else:
        marks = f"{project.tables[name].whole_fingerprint} {project.suite_hash(name)}"
    return f"{software()}+{hashlib.sha256(marks.encode()).hexdigest()[:12]}"


def _table(project: Project, table: Table) -> Wanted:
    schedule = table.schedule
    return Wanted(
        flow=LOAD,
        name=table.table,
        entrypoint="flows.scheduled.load_due",
        description=_described(table, with_replicas(project.folder, table.source)),
        version=version_of(project, table.table),
        tags=_tags(table.table, table),
        parameters={"table": table.table},
        cron=schedule.cron if schedule else None,
        timezone=_zone(schedule, table.window.timezone if table.window else "UTC"),
        at_once=schedule.max_active_runs if schedule else 1,
    )


def _reconcile(project: Project, table: Table, when: Reconcile) -> Wanted:
    newest = {} if table.window is None else {"windows": when.windows}
    return Wanted(
        flow=RECONCILE, name=table.table, entrypoint="flows.reconciling.reconcile",
        description=f"Holds the published rows of {table.table} against its source.\n\nOwner: {table.owner}",
        version=version_of(project, table.table), tags=_tags(table.table, table),
        parameters={"table": table.table, "repair": when.repair, **newest},
        cron=when.cron, timezone=_zone(when, table.window.timezone if table.window else "UTC"), at_once=1,
    )  # fmt: skip


def _summary(project: Project, summary: Summary) -> Wanted:
    schedule = summary.schedule
    return Wanted(
        flow=BUILD, name=summary.target, entrypoint="flows.scheduled.build_summary",
        description=f"{summary.description}\n\nOwner: {summary.owner}",
        version=version_of(project, summary.target), tags=_tags(summary.target, summary),
        parameters={"summary": summary.target},
        cron=schedule.cron if schedule else None, timezone=_zone(schedule, "UTC"), at_once=1,
        triggered_by=() if schedule else tuple(sorted(summary.triggers)),
    )  # fmt: skip


def _forms(project: Project) -> Iterator[Wanted]:
    tables, summaries = tuple(sorted(project.tables)), tuple(sorted(project.summaries))
    choices = {"tables": tables, "all": tables + summaries, "none": ()}
    for form in FORMS:
        yield Wanted(
            flow=form.flow, name=form.name, entrypoint=form.entrypoint, description=form.description,
            version=software(), tags=(TAG, "part:form"), at_once=form.at_once, table_choices=choices[form.choose],
        )  # fmt: skip


def tags_of(project: Project, name: str) -> tuple[str, ...]:
    """What runs of a table or summary are found by on Prefect's page, however they were started."""
    declared = project.summaries[name] if name in project.summaries else project.tables[name]
    return _tags(name, declared)


def _tags(name: str, declared: Table | Summary) -> tuple[str, ...]:
    own = (f"tag:{word}" for word in declared.tags)
    return (TAG, f"owner:{declared.owner}", f"table:{name}", f"tier:{declared.tier}", *own)


def _zone(schedule: Cron | None, usual: str) -> str:
    return (schedule.timezone if schedule else None) or usual


def _described(table: Table, connections: Sequence[str]) -> str:
    """What a reader of Prefect's page should know, and the names of the settings a worker needs."""
    lines = [table.description, "", f"Owner: {table.owner}"]
    if table.window is not None:
        span = f"every {table.window.every} from {table.window.start:%Y-%m-%d %H:%M} ({table.window.timezone})"
        lines.append(f"Windows: {span}")
    if connections:
        needed = ", ".join(f"HEADGATE_CONNECTION_{name.upper()}" for name in connections)
        lines.append(f"Needs on the worker: {needed}")
    if table.runbook:
        lines.append(f"Runbook: {table.runbook}")
    return "\n\n".join(line for line in lines if line)
