"""What hooks can't see of our runs on the Prefect server: late, crashed, left behind. Found, ended where dead, kept as facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State, StateType
from prefect.states import Crashed

from deployments.settings import read_settings
from flows.deploy.wanted import TAG
from flows.hooks import fact_of
from tasks.facts import Kind, keep

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

LATE_AFTER = timedelta(minutes=10)
LOOK_BACK = timedelta(days=2)


def keep_leftovers(client: SyncPrefectClient, now: datetime) -> list[str]:
    """Keep a fact per run that is late, crashed or left behind; names those that are news."""
    orphans = end_orphans(client, now)
    found = [*_kept(client, late_runs(client, now), "late", now), *_kept(client, orphans, "orphaned", now)]
    return found + _kept(client, _crashed(client, now), "crashed", now)


def late_runs(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Runs of ours that should have begun more than ten minutes ago: no worker polls their pool, or all are busy."""
    runs = _ours(client, StateType.SCHEDULED, now)
    return [run for run in runs if run.expected_start_time and run.expected_start_time < now - LATE_AFTER]


def end_orphans(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Runs that still say Running though the run they belong to has ended: their process ended with it. Made Crashed."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter, TaskRunFilterId

    left = []
    for run in _ours(client, StateType.RUNNING, now):
        if run.parent_task_run_id is None:
            continue
        tasks = client.read_task_runs(task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=[run.parent_task_run_id])))
        if not tasks or tasks[0].flow_run_id is None:
            continue
        parents = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[tasks[0].flow_run_id]))
        )  # fmt: skip
        # A run that was spread over workers has a process of its own, and a heartbeat that tells of it.
        if run.deployment_id is None and parents and parents[0].state and parents[0].state.is_final():
            state: State[Any] = Crashed(
                message=f"left behind: {parents[0].name}, which it belongs to, ended as {parents[0].state.name}"
            )
            client.set_flow_run_state(run.id, state, force=True)
            left.append(run)
    return left


def _crashed(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Runs that crashed: when a worker dies with its run, no hook runs."""
    return [run for run in _ours(client, StateType.CRASHED, now) if run.deployment_id is not None]


def _ours(client: SyncPrefectClient, kind: StateType, now: datetime) -> list[FlowRun]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )

    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            tags=FlowRunFilterTags(all_=[TAG]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[kind])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=now - LOOK_BACK, before_=now),
        ),
        limit=200,
    )


def _kept(client: SyncPrefectClient, runs: list[FlowRun], kind: Kind, now: datetime) -> list[str]:
    """Keep a fact per run; names those that are news."""
    state = read_settings().state
    said = []
    for run in runs:
        message = run.state.message if run.state else ""
        at = run.end_time or run.expected_start_time or now
        if keep(state, fact_of(kind, client.read_flow(run.flow_id).name, run, message, at)):
            said.append(f"{kind}: {run.name}")
    return said
