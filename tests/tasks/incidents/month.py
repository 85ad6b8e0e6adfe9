"""A month of fifty tables by the clock: runs on their schedules, real faults and their repairs, and what looks like a fault and
is none (a server that starts again, a watch that was away, a new table that catches up, somebody's Ctrl-C).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployments.errors import Family, RetryableError
from deployments.project import Project, load_project
from deployments.windows import Window
from expectations.record import Failure, RunRecord
from tasks.incidents.causes import Failing
from tasks.incidents.freshness import Published
from tasks.incidents.look import Look, judge, warehouse_down
from tasks.incidents.machine import Action, advance
from tasks.incidents.model import Incident
from tasks.incidents.paces import Policy
from tasks.incidents.prefect_view import LOOK_BACK, PrefectView, Run
from tasks.incidents.readings import Readings
from tasks.incidents.watching import prefect_silent

START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS, EVERY = 30, timedelta(minutes=10)
DAILY, HOURLY, LOOKED = 40, 6, 4
TABLE = """\
table: raw.{name}
description: Rows.
owner: data@example.com
tier: standard
source: {{kind: csv, {connection}url: "{url}"}}
{window}
columns: [{{name: id, type: integer}}, {{name: at, type: timestamp, source_timezone: UTC}}]
load: {{mode: {mode}}}
sla: [{{for: finance, {promise}}}]
"""


def hours(text: str) -> datetime:
    """'7 02:30': the seventh of the month, half past two."""
    day, _, clock = text.partition(" ")
    hour, minute = map(int, clock.split(":"))
    return START + timedelta(days=int(day) - 1, hours=hour, minutes=minute)


@dataclass
class Fault:
    """What breaks from `begins` until it is mended. `how`: fails (with a code), dies, slow, no-worker, off, warehouse, prefect.

    `incident` is the scope and the code it is told by, where the table and its code don't say so.
    """

    how: str
    begins: datetime
    mended: datetime
    tables: tuple[str, ...] = ()
    code: str = "CHECK-FAILED"
    incident: tuple[str, str] | None = None

    def holds(self, table: str, now: datetime) -> bool:
        return (not self.tables or table in self.tables) and self.begins <= now < self.mended


FAULTS = [
    # Six batches of bad data, found at two in the morning and mended when people are awake.
    *(Fault("fails", hours(f"{day} 01:00"), hours(f"{day} 09:10"), (f"raw.daily{day:02}",)) for day in (3, 5, 8, 13, 21, 26)),
    # A source of five tables is away for a night: one incident. So is the stage, for all.
    Fault("fails", hours("6 01:50"), hours("6 04:20"), tuple(f"raw.daily{n:02}" for n in range(30, 35)), "SOURCE-UNREACHABLE",
          ("connection crm", "SOURCE-UNREACHABLE")),
    Fault("fails", hours("16 01:50"), hours("16 05:00"), tuple(f"raw.daily{n:02}" for n in range(30, 35)), "SOURCE-LOGIN",
          ("connection crm", "SOURCE-LOGIN")),
    Fault("fails", hours("11 02:00"), hours("11 03:40"), tuple(f"raw.daily{n:02}" for n in range(40)), "STAGE-UNREACHABLE",
          ("the stage", "STAGE-UNREACHABLE")),
    Fault("warehouse", hours("9 14:00"), hours("9 14:45"), incident=("the warehouse", "WAREHOUSE-UNREACHABLE")),
    Fault("warehouse", hours("24 03:00"), hours("24 03:20"), incident=("the warehouse", "WAREHOUSE-UNREACHABLE")),
    Fault("prefect", hours("12 10:00"), hours("12 10:40"), incident=("Prefect", "PREFECT-UNREACHABLE")),
    Fault("no-worker", hours("14 00:30"), hours("14 04:00"), incident=("work pool headgate", "RUN-NOT-STARTED")),
    Fault("dies", hours("17 01:00"), hours("17 05:00"), ("raw.daily07",), "RUN-CRASHED"),
    Fault("dies", hours("19 01:00"), hours("19 05:00"), ("raw.daily22",), "RUN-CRASHED"),
    Fault("off", hours("20 12:00"), hours("20 16:00"), ("raw.daily11",), "SCHEDULE-PAUSED"),
    # Runs that take until noon: the promise of six o'clock is broken.
    Fault("slow", hours("22 01:00"), hours("22 12:00"), ("raw.daily15",), "LATE"),
    Fault("slow", hours("27 01:00"), hours("27 12:00"), ("raw.daily16",), "LATE"),
    Fault("fails", hours("10 13:00"), hours("10 18:20"), ("raw.hourly2",), "DRIFT"),
    Fault("fails", hours("28 00:30"), hours("28 08:20"), ("raw.looked1",), "SOURCE-MISSING"),
]  # fmt: skip
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Restarts:
    """What looks like a fault and is none. `harmless`: servers that start again, away for one look. `away`: the watch itself is
    stopped and started again. `retried`: (table, day) whose first try fails, and Prefect tries again ten minutes later.
    """

    harmless: tuple[Fault, ...]
    away: tuple[tuple[datetime, datetime], ...]
    retried: frozenset[tuple[str, int]]


BY_PLAN = Restarts(
    (
        Fault("warehouse", hours("4 10:01"), hours("4 10:02")), Fault("warehouse", hours("18 02:30"), hours("18 02:31")),
        Fault("prefect", hours("7 10:01"), hours("7 10:02")), Fault("prefect", hours("23 02:30"), hours("23 02:31")),
    ),
    ((hours("2 10:00"), hours("2 10:30")), (hours("15 02:00"), hours("15 02:20"))),
    frozenset({("raw.daily04", 4), ("raw.daily19", 25)}),
)  # fmt: skip


def by_chance(seed: int) -> Restarts:
    """Eight restarts of the warehouse and of Prefect each, six of the watch, ten tries in vain: whenever it may be, be it in the
    middle of another fault, but for the hours in which the same server is down by a fault.
    """
    dice = random.Random(seed)
    harmless = []
    for how in ("warehouse", "prefect"):
        taken = {day for fault in FAULTS if fault.how == how for day in (fault.begins.day, fault.mended.day)}
        for day in dice.sample([day for day in range(2, DAYS + 1) if day not in taken], 8):
            begins = hours(f"{day} 00:00") + (10 * dice.randrange(24 * 6) + dice.randint(1, 9)) * MINUTE
            harmless.append(Fault(how, begins, begins + MINUTE))
    away = []
    while len(away) < 6:
        begins = hours(f"{dice.randint(2, DAYS)} 00:00") + 10 * dice.randrange(24 * 6) * MINUTE
        ends = begins + 10 * dice.randint(1, 4) * MINUTE
        # A fault that is over before anybody looks can't be told; nor can a restart be met that nobody looks at.
        if not any(begins <= fault.begins and fault.mended <= ends + 2 * EVERY for fault in FAULTS) and not any(
            begins - EVERY <= odd.begins <= ends for odd in harmless
        ):
            away.append((begins, ends))
    # Tables without a fault of their own: a fault on the day of a try in vain would be both.
    well = [
        f"raw.daily{n:02}" for n in range(DAILY) if n not in {3, 5, 7, 8, 11, 13, 15, 16, 21, 22, 26, *range(30, 35)}
    ]
    days = [day for day in range(2, DAYS) if day not in (9, 11, 14, 24)]
    retried = {(dice.choice(well), dice.choice(days)) for _ in range(10)}
    return Restarts(tuple(harmless), tuple(away), frozenset(retried))


NEW = hours("18 11:00")
"""Two tables are declared and deployed then; their windows begin a year before, and they catch up for some hours."""
BY_HAND = hours("21 15:00")
"""Somebody stops a run of daily01 by Ctrl-C."""


def project(folder: Path) -> Project:
    (folder / "tables").mkdir()
    for name, kind in names():
        every = {"daily": "day", "hourly": "hour"}.get(kind)
        start = "2025-11-01" if name.startswith("daily") and int(name[5:]) >= DAILY else "2026-10-01"
        window = f"window: {{every: {every}, timezone: UTC, start: {start}}}" if every else ""
        connected = kind == "daily" and 30 <= int(name[5:]) < 35
        url = f"/{name}-{{window.start:%Y%m%d%H}}.csv" if every else f"/{name}.csv"
        (folder / "tables" / f"{name}.yaml").write_text(TABLE.format(
            name=name, window=window, connection="connection: crm, " if connected else "",
            url=url if connected else f"https://files.example.com{url}",
            mode="replace_window, window_column: at" if every else "full_refresh",
            promise={"daily": 'fresh_by: "06:00"', "hourly": "max_age: 6h"}.get(kind, "max_age: 30h"),
        ))  # fmt: skip
    return load_project(folder)


def names() -> Iterator[tuple[str, str]]:
    yield from ((f"daily{n:02}", "daily") for n in range(DAILY + 2))
    yield from ((f"hourly{n}", "hourly") for n in range(HOURLY))
    yield from ((f"looked{n}", "looked") for n in range(LOOKED))


@dataclass
class State:
    """One table as its warehouse and Prefect have it."""

    name: str
    kind: str
    usual: timedelta
    next_run: datetime
    newest: Window | None = None
    published_at: datetime | None = None
    since: datetime | None = None
    failing: RunRecord | None = None
    failed_since: datetime | None = None
    times: int = 0
    running: tuple[datetime, datetime, str] | None = None
    """(began, will end, how): good, fails, dies."""
    runs: list[Run] = field(default_factory=list)
    retry_at: datetime | None = None
    tries: int = 0
    first_try: datetime | None = None
    numbered: int = 0


class Month:
    """What happens, ten minutes at a time, and what the watch makes of it."""

    def __init__(self, made: Project, restarts: Restarts) -> None:
        self.project, self.policy, self.restarts = made, Policy(), restarts
        self.now = START
        self.incidents: list[Incident] = []
        self.told: list[Action] = []
        self.tables = [self._fresh(name, kind, n) for n, (name, kind) in enumerate(names())]

    def _fresh(self, name: str, kind: str, place: int) -> State:
        new = kind == "daily" and int(name[5:]) >= DAILY
        minute = timedelta(minutes=5 * (place % 8))
        first = {"daily": START + timedelta(hours=2) + minute, "hourly": START + minute}.get(
            kind, START + timedelta(hours=1)
        )
        state = State(f"raw.{name}", kind, timedelta(minutes=10), NEW if new else first)
        if not new:
            newest = None
            if kind == "daily":
                newest = Window(START - timedelta(days=2), START - timedelta(days=1))
            elif kind == "hourly":
                newest = Window(START - timedelta(hours=2), START - timedelta(hours=1))
            state.newest, state.published_at, state.since = (
                newest,
                START - timedelta(hours=1),
                START - timedelta(days=30),
            )
        return state

    def run(self) -> None:
        while self.now < START + timedelta(days=DAYS):
            for state in self.tables:
                self._step(state)
            if not any(begins <= self.now < ends for begins, ends in self.restarts.away):
                # Servers that start again are asked in just that minute.
                odd = next(
                    (item for item in self.restarts.harmless if self.now <= item.begins < self.now + EVERY), None
                )
                self._look(self.now)
                if odd is not None:
                    self._look(odd.begins)
            self.now += EVERY

    def _fault(self, how: str, table: str = "") -> Fault | None:
        return next(
            (item for item in (*FAULTS, *self.restarts.harmless) if item.how == how and item.holds(table, self.now)),
            None,
        )

    # What happens.

    def _step(self, state: State) -> None:
        if state.running is not None:
            self._end(state)
        if state.running is None and self.now >= (state.retry_at or state.next_run) and self._can_begin(state):
            self._begin(state)
        mended = state.failing is not None and self._fault("fails", state.name) is None
        if mended and state.running is None and self.now.minute in (20, 40):
            self._begin(state)

    def _can_begin(self, state: State) -> bool:
        return not any(self._fault(how, state.name) for how in ("no-worker", "prefect", "off", "warehouse"))

    def _begin(self, state: State) -> None:
        state.since = state.since or self.now
        state.tries = state.tries + 1 if state.retry_at is not None else 1
        state.first_try = self.now if state.tries == 1 else state.first_try
        how, takes = "good", state.usual
        if self._fault("fails", state.name):
            how = "fails"
        elif self._fault("dies", state.name) and not any(run.state == "CRASHED" for run in state.runs):
            how = "dies"
        elif (slow := self._fault("slow", state.name)) is not None:
            takes = slow.mended - self.now
        elif (state.name, (self.now - START).days + 1) in self.restarts.retried and state.retry_at is None:
            how = "comes back"
        state.running, state.retry_at = (self.now, self.now + takes, how), None
        state.next_run = self._following(state)

    def _following(self, state: State) -> datetime:
        step = timedelta(hours=1) if state.kind == "hourly" else timedelta(days=1)
        after = state.next_run
        while after <= self.now:
            after += step
        return after

    def _end(self, state: State) -> None:
        assert state.running is not None
        began, ends, how = state.running
        if self.now < ends or self._fault("warehouse") is not None:
            return
        state.running = None
        state.numbered += 1
        ended = {"good": "COMPLETED", "dies": "CRASHED"}.get(how, "FAILED")
        if how == "comes back":
            state.retry_at = self.now + timedelta(minutes=10)
            self._failed(state, began, "SOURCE-TIMEOUT", "retryable")
            return
        state.runs.append(self._run(state, ended, began, self.now))
        if how == "good":
            self._published(state)
        elif how == "fails":
            fault = self._fault("fails", state.name)
            self._failed(state, began, fault.code if fault else "CHECK-FAILED", "upstream")

    def _published(self, state: State) -> None:
        state.published_at, state.failing, state.failed_since, state.times = self.now, None, None, 0
        grid = self.project.tables[state.name].grid
        if grid is None:
            return
        # A new table catches up a hundred windows a run.
        whole = [window for window in [state.newest] if window]
        for _ in range(100):
            following = grid.next_after(whole[-1].end) if whole else grid.nth(0)
            if following is None or following.end > self.now:
                break
            whole.append(following)
        if whole:
            state.newest = whole[-1]
        behind = grid.next_after(state.newest.end) if state.newest else None
        if behind is not None and behind.end <= self.now:
            state.next_run = self.now + EVERY
        elif state.kind == "daily" and state.next_run.hour != 2:
            state.next_run = (self.now + timedelta(days=1)).replace(hour=2, minute=0)

    def _failed(self, state: State, began: datetime, code: str, family: Family) -> None:
        failure = Failure(code=code, family=family, step="validate", message="it broke", who_must_act="owner")
        state.failing = RunRecord(
            run_id=f"{state.name}-{state.numbered}", table=state.name, kind="ingest", mode="append", status="failed",
            batch_key="w", label="w", started_at=began, finished_at=self.now, failure=failure,
        )  # fmt: skip
        state.failed_since, state.times = state.failed_since or self.now, state.times + 1

    # What the watch is told.

    def _look(self, now: datetime) -> None:
        self.now, before = now, self.now
        seen = self._seen()
        self.incidents, actions = advance(self.incidents, seen.troubles, now, seen.observed, self.policy)
        self.told += [action for action in actions if action.kind != "folded"]
        self.now = before

    def _seen(self) -> Look:
        view = None if self._fault("prefect") else self._view()
        if self._fault("warehouse"):
            error = RetryableError(
                "can't connect", code="WAREHOUSE-UNREACHABLE", next_command="headgate check --connect"
            )
            seen = Look((warehouse_down(error, self.now),), frozenset({"warehouse"}))
        else:
            seen = judge(self.project, self._readings(), view, self.now, promises=True)
        if view is not None:
            return seen
        silent = prefect_silent("ConnectError", self.now)
        return Look((*seen.troubles, silent), seen.observed, seen.standings)

    def _readings(self) -> Readings:
        failing = tuple(
            Failing(state.failing, state.failed_since, state.times)
            for state in self.tables
            if state.failing is not None and state.failed_since is not None
        )
        published = {
            state.name: Published(state.newest, state.published_at, state.published_at, state.since)
            for state in self.tables
        }
        return Readings(failing, published, {state.name: state.usual.total_seconds() for state in self.tables})

    def _view(self) -> PrefectView:
        runs: list[Run] = []
        for state in self.tables:
            state.runs = [run for run in state.runs if run.ended is None or run.ended > self.now - LOOK_BACK]
            runs += state.runs
            if state.running is not None:
                runs.append(self._run(state, "RUNNING", state.first_try, None))
            elif state.retry_at is not None:
                runs.append(self._run(state, "SCHEDULED", state.first_try, None, state.retry_at, "Retrying"))
            if state.next_run < self.now + timedelta(hours=3) and state.since is not None:
                runs.append(self._run(state, "SCHEDULED", None, None, state.next_run, "Scheduled"))
        off = tuple(state.name for state in self.tables if self._fault("off", state.name))
        runs = [run for run in runs if not (run.state == "SCHEDULED" and run.subject in off)]
        return PrefectView(tuple(runs), off)

    def _run(
        self, state: State, kind: str, began: datetime | None, ended: datetime | None, expected: datetime | None = None,
        name: str = "",
    ) -> Run:  # fmt: skip
        return Run(state.name, f"{state.name}-{state.numbered}", f"{state.name}, due", kind, name or kind.title(), "",
                   expected or began, began, ended, "headgate", tries=0 if name == "Scheduled" else state.tries)  # fmt: skip
