"""What a run that was started by a deployment owes it: the declared version, a public word of what it published."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from deployments.errors import DeclarationError
from expectations.record import RunRecord
from flows.deploy.standing import RESOURCE
from flows.deploy.wanted import PUBLISHED_EVENT, TAG, tags_of, version_of
from flows.planning import pause_of
from tasks.workbench import Workbench


def refuse_other_version(bench: Workbench, name: str) -> None:
    """Raise DeclarationError OLD-WORKER when this worker isn't what the deployment was made from."""
    from prefect.runtime import deployment

    deployed = deployment.version
    if deployed is not None:
        compare_versions(str(deployed), version_of(bench.project, name), name)


def compare_versions(deployed: str, here: str, name: str) -> None:
    """As `refuse_other_version`, for two versions at hand: software+declaration."""
    from packaging.version import Version

    software_there, _, declared_there = deployed.partition("+")
    software_here, _, declared_here = here.partition("+")
    if Version(software_here) < Version(software_there):
        raise DeclarationError(
            f"this worker runs headgate {software_here}, {name} was deployed by {software_there}; nothing was loaded",
            code="OLD-WORKER",
            next_command=f"pip install --upgrade 'headgate>={software_there}'   (on this worker)",
        )
    if declared_there and declared_there != declared_here:
        raise DeclarationError(
            f"{name} is declared otherwise on this worker ({declared_here}) than it was deployed ({declared_there}); "
            "nothing was loaded",
            code="OLD-WORKER",
            next_command="update the project on this worker; if it is the newer one: headgate deploy",
            deployed=deployed,
            here=here,
        )


def on_hold(bench: Workbench, name: str, now: datetime) -> str | None:
    """Why a table is paused, by whom and until when, in a sentence; None when it isn't."""
    why = pause_of(bench, name, now)
    return None if why is None else f"{name} is {why}; next: headgate resume {name}"


def tell_published(name: str, records: Sequence[RunRecord]) -> None:
    """Say on Prefect's event feed that a table has news: deployments of summaries that read it start from this.

    Said twice it costs a build that finds its inputs unchanged.
    """
    from prefect.events import emit_event

    if not records:
        return
    emit_event(
        PUBLISHED_EVENT,
        resource={"prefect.resource.id": RESOURCE + name, "prefect.resource.name": name},
        related=[{"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}],
        payload={
            "windows": [record.label for record in records],
            "rows": sum(record.counts.get("published", 0) for record in records),
            "runs": [record.run_id for record in records],
        },
    )


@contextmanager
def runs_of(bench: Workbench, name: str) -> Iterator[None]:
    """Runs begun inside carry the tags of their table, and share this run's heartbeat (one costs a second each)."""
    from prefect import tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    for logger in ("flows", "tasks"):
        # Prefect sends their records to the page of the run, but leaves them at the root's level: warnings.
        logging.getLogger(logger).setLevel(logging.INFO)
    marks = list(tags_of(bench.project, name))
    _mark_this_run(marks)
    with (
        tags(*marks),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


def _mark_this_run(marks: list[str]) -> None:
    """Add the tags to the run itself: a form is one deployment for all tables, its runs should be found by table."""
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is None or context.flow_run is None or set(marks) <= set(context.flow_run.tags):
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(context.flow_run.id, tags=[*{*context.flow_run.tags, *marks}])
