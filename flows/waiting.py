"""Waiting for data: until when, when to look again, and how a run waits without holding a worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

from deployments.declarations.model import seconds
from deployments.declarations.sources import WaitFor
from deployments.declarations.table import Table
from deployments.errors import UpstreamError
from deployments.windows import Window


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch whose data isn't there yet: what is missed, when to look again, and when it becomes an incident."""

    label: str
    awaited: str
    look_at: datetime
    until: datetime | None
    """None: it waits by itself however long, for hours that are declared."""

    def sentence(self, zone: str) -> str:
        """For people: '2020-08-10 waits for ... to be there; next look 04:35, late from 05:30'."""
        look = f"{self.look_at.astimezone(ZoneInfo(zone)):%H:%M}"
        late = "" if self.until is None else f", late from {self.until.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
        return f"{self.label} waits for {self.awaited}; next look {look}{late}"


def wait_or_fail(table: Table, window: Window | None, label: str, awaited: str, now: datetime) -> Waiting:
    """The wait of a batch at `now`. Raises UpstreamError LATE-UPSTREAM once the declared time has come."""
    wait = table.source.wait_for
    every = timedelta(seconds=seconds(wait.every if wait else WaitFor.model_fields["every"].default))
    until = deadline(table, window, now)
    if now >= until:
        zone = _zone(table)
        raise UpstreamError(
            f"{table.table} {label}: late: at {until.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key}) it still "
            f"waited for {awaited}; nothing was published",
            code="LATE-UPSTREAM",
            next_command=f"ask the source's owner; then: headgate run {table.table}{f' --window {label}' if window else ''}",
            window=label,
            until=until.isoformat(),
        )
    return Waiting(label, awaited, min(now + every, until), until)


def deadline(table: Table, window: Window | None, now: datetime) -> datetime:
    """The first time of day `until` after the window ended (without windows: today's), in the table's zone.

    A table that waits without saying until when (`on_missing: wait` alone) waits until its next window is due, or,
    without windows, until the end of the day.
    """
    zone, wait = _zone(table), table.source.wait_for
    if wait is None and window is None:
        return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)
    if wait is None:
        assert window is not None
        assert table.grid is not None
        following = table.grid.next_after(window.end)
        return following.end if following is not None else window.end + (window.end - window.start)
    moment = time.fromisoformat(wait.until)
    if window is None:
        return datetime.combine(now.astimezone(zone).date(), moment, zone).astimezone(UTC)
    ended = window.end.astimezone(zone)
    today = datetime.combine(ended.date(), moment, zone)
    late = today if today >= ended else datetime.combine(ended.date() + timedelta(days=1), moment, zone)
    return late.astimezone(UTC)


LEAST_PAUSE = timedelta(seconds=60)
"""A Prefect worker that is given a run back before that run's process has ended, ends itself (RuntimeError: this borrower
is already holding ...), and with it every other load. It looks 10 s ahead; a process takes seconds to end."""


def come_back(after: timedelta, name: str, message: str) -> NoReturn:
    """End this process and give the flow run back to the queue: it is scheduled again after that time, a minute at least.

    In between it holds no worker, no place among the runs at the same time, and its page says why it waits.
    """
    at = datetime.now(UTC) + max(after, LEAST_PAUSE)
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import State, StateDetails, StateType
    from prefect.context import FlowRunContext
    from prefect.exceptions import Pause

    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    state = State[None](
        type=StateType.SCHEDULED, name=name, message=message, state_details=StateDetails(scheduled_time=at)
    )
    with get_client(sync_client=True) as client:
        answer = client.set_flow_run_state(context.flow_run.id, state)
    # Prefect's own way out of a run that goes on later, in another process.
    raise Pause(state=answer.state)


def _zone(table: Table) -> ZoneInfo:
    schedule = table.schedule.timezone if table.schedule else None
    return ZoneInfo(schedule or (table.window.timezone if table.window else "UTC"))
