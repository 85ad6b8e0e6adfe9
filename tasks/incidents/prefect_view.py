"""What Prefect knows of our runs: those that failed, died, never began or wait, and schedules somebody switched off.

Reading is one edge, judging is pure. Prefect is asked by tag, so that runs of other people are never told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deployments.errors import Family
from deployments.project import Project
from tasks.incidents.causes import fit_to_tell, reason, scope
from tasks.incidents.freshness import severity_of
from tasks.incidents.model import THE_WAREHOUSE, Trouble

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

LOOK_BACK = timedelta(days=2)
NOT_STARTED_AFTER = timedelta(minutes=4)
_COMES_BACK = ("Retrying", "Waiting", "AwaitingRetry")
_BUSY = "AwaitingConcurrencySlot"


@dataclass(frozen=True, slots=True)
class Run:
    """One flow run of a table or summary. `state` is Prefect's type, `name` what the state is called; `started` is when its first
    try began, `tries` how many have begun."""

    subject: str
    flow_run_id: str
    run_name: str
    state: str
    name: str
    message: str
    expected: datetime | None
    started: datetime | None
    ended: datetime | None
    pool: str = ""
    own_process: bool = True
    tries: int = 0

    @property
    def comes_back(self) -> bool:
        """Whether it waits for another try, or is in one."""
        if self.state == "SCHEDULED":
            return self.name in _COMES_BACK
        return self.tries > {"PENDING": 0, "RUNNING": 1}.get(self.state, self.tries)

    @property
    def at(self) -> datetime | None:
        return self.ended or self.started or self.expected


@dataclass(frozen=True, slots=True)
class PrefectView:
    """One look. `switched_off`: tables whose deployment has a schedule that isn't followed. `told`: causes by flow run."""

    runs: tuple[Run, ...] = ()
    switched_off: tuple[str, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)

    def comes_back(self, subject: str, since: datetime) -> bool:
        """Whether what is wrong `since` then is a failed try of a run that tries again by itself: nobody's trouble yet."""
        return any(
            run.subject == subject and run.comes_back and (run.started is None or run.started <= since)
            for run in self.runs
        )

    def begins(self, subject: str) -> datetime | None:
        """When the present run of the table began, else when the next one is to begin."""
        mine = [run for run in self.runs if run.subject == subject]
        begun = [run.started for run in mine if run.state == "RUNNING" and run.started]
        coming = [run.expected for run in mine if run.state == "SCHEDULED" and run.expected]
        return max(begun) if begun else min(coming, default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """What a hook kept of the error of a failed run."""

    code: str
    family: Family
    message: str
    next_command: str | None = None


def look(client: SyncPrefectClient, tag: str, now: datetime, told: Mapping[str, Told] | None = None) -> PrefectView:
    """Ask the server."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterTags,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag]),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=now - LOOK_BACK, before_=now + timedelta(hours=3)),
    )
    runs: list[FlowRun] = []
    while len(runs) < 5000:
        page = client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=200, offset=len(runs)
        )
        runs += page
        if len(page) < 200:
            break
    deployments = client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[tag])))
    off = []
    for item in deployments:
        subject = _subject(item.tags)
        if subject and item.schedules and (item.paused or not any(schedule.active for schedule in item.schedules)):
            off.append(subject)
    return PrefectView(tuple(_run(run) for run in runs if _subject(run.tags)), tuple(sorted(off)), told or {})


def prefect_troubles(
    view: PrefectView, project: Project, failing: Sequence[str], good_at: Mapping[str, datetime] | None, now: datetime
) -> list[Trouble]:
    """What is wrong by this look.

    `failing`: tables whose failed run has told its own story; `good_at`: by table, the last good end of a run, whoever
    started it. None: the warehouse, which knows both, can't be asked. Then a run that ended badly is told only where the
    warehouse was why: it may have been made good long ago.
    """
    found = []
    for subject in sorted({run.subject for run in view.runs}):
        if subject not in project.tables and subject not in project.summaries:
            continue
        mine = [run for run in view.runs if run.subject == subject and run.own_process]
        ended = _ended_badly(view, project, subject, mine, failing, good_at or {})
        found += [item for item in ended if good_at is not None or item.scope == THE_WAREHOUSE]
        found += _not_started(project, subject, mine, now)
    found += [
        _trouble(
            project, subject, "SCHEDULE-PAUSED", "declaration",
            f"the schedule of {subject} is switched off in Prefect; nothing of it runs until somebody switches it on",
            now, now.replace(hour=0, minute=0, second=0, microsecond=0),
            next_command=f"headgate resume {subject}",
        )
        for subject in view.switched_off
        if subject in project.tables or subject in project.summaries
    ]  # fmt: skip
    return found


def _ended_badly(
    view: PrefectView, project: Project, subject: str, runs: Sequence[Run], failing: Sequence[str],
    good_at: Mapping[str, datetime],
) -> list[Trouble]:  # fmt: skip
    """The last run that ended, if it failed or died and nothing good came after it."""
    floor = datetime.min.replace(tzinfo=UTC)
    ended = [run for run in runs if run.state in ("COMPLETED", "FAILED", "CRASHED") and run.at]
    last = max(ended, key=lambda run: run.at or floor, default=None)
    if last is None or last.state == "COMPLETED" or last.at is None or view.comes_back(subject, last.at):
        return []
    good = good_at.get(subject)
    under_way = any(run.state == "RUNNING" for run in runs)
    if good is not None and good > last.at and not under_way:
        # Somebody has loaded it since, at a terminal perhaps. While a run is on its way, its end says whether it is over.
        return []
    told = view.told.get(last.flow_run_id)
    if (
        last.state == "FAILED"
        and told is None
        and good is not None
        and last.started is not None
        and good > last.started
    ):
        # Its own work was published; what failed afterwards is Prefect's keeping of it, which wakes nobody.
        return []
    row = [run for run in ended if run.state != "COMPLETED"]
    if last.state == "CRASHED":
        left = "left behind" in last.message
        code = "RUN-ORPHANED" if left else "RUN-CRASHED"
        return [
            _trouble(project, subject, code, "retryable", f"the process of its run died ({last.run_name}): {_line(last.message)}",
                     last.at, last.at, flow_run_id=last.flow_run_id, times=len(row),
                     next_command=f"headgate plan {subject}; then: headgate run {subject}")
        ]  # fmt: skip
    if subject in failing:
        return []
    told = told or Told("RUN-FAILED", "code", _line(last.message), None)
    next_command = told.next_command or f"headgate plan {subject}   (the log is in Prefect)"
    code = reason(told.code)
    trouble = _trouble(
        project, subject, code, told.family, fit_to_tell(told.code, told.message), last.at, last.at, flow_run_id=last.flow_run_id,
        times=len(row), next_command=next_command,
    )  # fmt: skip
    return [trouble.model_copy(update={"scope": scope(project, subject, code)})]


def _not_started(project: Project, subject: str, runs: Sequence[Run], now: datetime) -> list[Trouble]:
    busy = any(run.state == "RUNNING" for run in runs)
    late = [
        run
        for run in runs
        if run.state == "SCHEDULED" and run.name not in (*_COMES_BACK, _BUSY) and not busy
        and run.expected is not None and run.expected < now - NOT_STARTED_AFTER
    ]  # fmt: skip
    if not late:
        return []
    first = min(late, key=lambda run: run.expected or now)
    assert first.expected is not None
    pool = f"work pool {first.pool}" if first.pool else subject
    trouble = _trouble(
        project, subject, "RUN-NOT-STARTED", "declaration", f"no worker has taken runs of {pool}: is one alive?",
        first.expected, first.expected, times=len(late), flow_run_id=first.flow_run_id,
        next_command=(
            f"headgate worker --pool {first.pool}   (on a worker machine, best by its supervisor)"
            if first.pool
            else f"headgate run {subject}"
        ),
    )  # fmt: skip
    return [trouble.model_copy(update={"scope": pool, "details": (f"{subject} should have begun",)})]


def _trouble(
    project: Project, subject: str, code: str, family: Family, message: str, since: datetime, latest: datetime, *,
    next_command: str, flow_run_id: str | None = None, times: int = 1,
) -> Trouble:  # fmt: skip
    return Trouble(
        scope=subject, code=code, domain="prefect", family=family, severity=severity_of(project, subject),
        message=message, since=since, latest=latest, tables=(subject,), flow_run_id=flow_run_id, times=times,
        next_command=next_command,
    )  # fmt: skip


def _run(run: FlowRun) -> Run:
    state = run.state
    return Run(
        subject=_subject(run.tags), flow_run_id=str(run.id), run_name=run.name,
        state=state.type.value if state else "PENDING", name=(state.name or "") if state else "",
        message=(state.message or "") if state else "", expected=run.expected_start_time, started=run.start_time,
        ended=run.end_time, pool=run.work_pool_name or "", own_process=run.parent_task_run_id is None,
        tries=run.run_count or 0,
    )  # fmt: skip


def _subject(tags: Sequence[str]) -> str:
    return next((tag.removeprefix("table:") for tag in tags if tag.startswith("table:")), "")


def _line(message: str) -> str:
    return message.splitlines()[0][:300] if message else "no reason was told"
