"""One look at everything: the warehouse's runs and proofs, and what Prefect knows. What is wrong now, and what was visible."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import psycopg2

from deployments.errors import HeadgateError
from deployments.project import Project
from tasks.incidents.causes import WAREHOUSE, differing_troubles, metric_troubles, reason, run_troubles
from tasks.incidents.freshness import Pace, Standing, late_troubles, standings
from tasks.incidents.model import THE_WAREHOUSE, Domain, Trouble
from tasks.incidents.prefect_view import PrefectView, prefect_troubles
from tasks.incidents.readings import Readings, read
from tasks.live_decisions import ALTERED, look_at_decisions
from tasks.warehouses import decisions
from tasks.warehouses.session import explain
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. `paused`: tables in a maintenance window; nothing about them alone is told or changed."""

    troubles: tuple[Trouble, ...]
    observed: frozenset[Domain]
    standings: dict[str, Standing] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()


def look(bench: Workbench, now: datetime, view: PrefectView | None, *, promises: bool) -> Look:
    """Look at the warehouse, and judge it together with `view`. `promises`: freshness and decisions, too (the watch only)."""
    project = bench.project
    names = (*project.tables, *project.summaries)
    pauses = _Pauses(bench.settings.state)
    try:
        readings = read(bench.warehouse, project, now)
        paused = frozenset(decisions.paused(bench.warehouse, names, now))
        altered = decisions_altered(bench, now) if promises else ()
    except (HeadgateError, psycopg2.Error) as error:
        known = error if isinstance(error, HeadgateError) else explain(error, "looking at runs and proofs")
        if known.code not in WAREHOUSE:
            raise known from None
        found = [warehouse_down(known, now)]
        if view is not None:
            found += prefect_troubles(view, project, (), None, now)
        # What Prefect's failed runs mean is known to the warehouse: none of them is over because it can't be asked.
        return Look(tuple(found), frozenset({"warehouse"}), {}, pauses.read(names))
    pauses.write(paused)
    seen = judge(project, readings, view, now, promises=promises, paused=paused)
    return replace(
        seen, troubles=(*seen.troubles, *altered), observed=seen.observed | ({"decisions"} if promises else set())
    )


def judge(
    project: Project, readings: Readings, view: PrefectView | None, now: datetime, *, promises: bool,
    paused: frozenset[str] = frozenset(),
) -> Look:  # fmt: skip
    """What is wrong by what the warehouse and Prefect say. Pure."""
    failing = [item for item in readings.failing if view is None or not view.comes_back(item.record.table, item.since)]
    good_at = {name: item.looked_at for name, item in readings.published.items() if item.looked_at is not None}
    where = standings(project, readings.published, now)
    found = run_troubles(project, failing) + differing_troubles(project, readings.differing)
    found += metric_troubles(project, readings.compared)
    if view is not None:
        found += prefect_troubles(view, project, [item.record.table for item in readings.failing], good_at, now)
    if promises:
        found += late_troubles(project, where, _paces(readings, view), now)
        return Look(tuple(found), _seen(view, "run", "late", "warehouse"), where, paused)
    return Look(tuple(found), _seen(view, "run", "warehouse"), where, paused)


def warehouse_down(error: HeadgateError, now: datetime) -> Trouble:
    return Trouble(
        scope=THE_WAREHOUSE, code=reason(error.code), domain="warehouse", family=error.family, severity="critical",
        message=error.message.splitlines()[0], since=now, latest=now.replace(minute=0, second=0, microsecond=0),
        next_command=error.next_command, step="watch",
    )  # fmt: skip


def decisions_altered(bench: Workbench, now: datetime) -> tuple[Trouble, ...]:
    """What people decided, when it isn't as they decided it: the machine of the watch is a witness of the chain's end, too."""
    line = look_at_decisions(bench)
    if line.ok:
        return ()
    return (Trouble(
        scope="decisions", code=ALTERED, domain="decisions", family="declaration", severity="critical",
        message=line.said.removeprefix(f"{ALTERED}: "), since=now, latest=now.replace(minute=0, second=0, microsecond=0),
        next_command="headgate check --live", step="watch",
    ),)  # fmt: skip


def _seen(view: PrefectView | None, *domains: Domain) -> frozenset[Domain]:
    return frozenset((*domains, *(("prefect",) if view is not None else ())))


def _paces(readings: Readings, view: PrefectView | None) -> dict[str, Pace]:
    return {
        name: Pace(seconds, None if view is None else view.begins(name))
        for name, seconds in readings.usual_seconds.items()
    }


class _Pauses:
    """The tables that are paused, remembered on disk: the warehouse that knows may be what is being maintained."""

    def __init__(self, state: Path) -> None:
        self._file = state / "paused.json"

    def read(self, names: tuple[str, ...]) -> frozenset[str]:
        try:
            return frozenset(json.loads(self._file.read_text(encoding="utf-8"))) & frozenset(names)
        except (FileNotFoundError, ValueError):
            return frozenset()

    def write(self, paused: frozenset[str]) -> None:
        if not paused and not self._file.exists():
            return
        fresh = self._file.with_name(f".paused.{secrets.token_hex(4)}")
        fresh.write_text(json.dumps(sorted(paused)), encoding="utf-8")
        fresh.replace(self._file)
