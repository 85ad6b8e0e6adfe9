"""How fresh a table is for each stakeholder, from the proofs of publish; and when a promise is broken or will be. Pure.

A promise about a table with windows holds for the window after the newest published one. A table without windows has to be
looked at every day: a run that found nothing new proves as much as one that published. A summary is as fresh as the
tables below it, once it is built after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.model import seconds
from deployments.declarations.sources import PostgresSource
from deployments.declarations.summary import Summary
from deployments.declarations.table import Sla, Table
from deployments.project import Project
from deployments.windows import Window
from expectations.report.freshness import next_clock_time
from tasks.incidents.model import SEVERITY_OF_TIER, Severity, Trouble

FORESEEN_WITHIN = timedelta(hours=2)
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class Published:
    """What is proven of a table: the newest window that stands, when it or anything was published, the last good look."""

    newest: Window | None = None
    at: datetime | None = None
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What one stakeholder is to have at `at`; `said` is the promise in words."""

    stakeholder: str
    contact: str | None
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A table as its readers have it, and what is promised about what they don't have yet."""

    table: str
    published_at: datetime | None = None
    until_label: str = ""
    promises: tuple[Promise, ...] = ()

    def broken(self, now: datetime) -> tuple[Promise, ...]:
        return tuple(promise for promise in self.promises if promise.at <= now)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a table's runs take, and when the present or the next one began or will."""

    usual_seconds: float
    begins: datetime | None = None


def standings(project: Project, published: Mapping[str, Published], now: datetime) -> dict[str, Standing]:
    """Where every table and summary stands."""
    found = {name: _table(table, published.get(name, Published()), now) for name, table in project.tables.items()}
    for name, summary in project.summaries.items():
        found[name] = _summary(project, summary, published)
    return found


def late_troubles(
    project: Project, found: Mapping[str, Standing], paces: Mapping[str, Pace], now: datetime
) -> list[Trouble]:
    """A trouble per table with a promise that is broken, or that can't be kept any more as its runs usually go."""
    troubles = []
    for standing in found.values():
        broken = standing.broken(now)
        coming = min((item for item in standing.promises if item.at > now), key=lambda item: item.at, default=None)
        if broken:
            troubles.append(_trouble(project, standing, broken, now, foreseen=False))
        elif coming is not None and _foreseen(coming, paces.get(standing.table), now):
            troubles.append(_trouble(project, standing, (coming,), now, foreseen=True))
    return troubles


def severity_of(project: Project, name: str) -> Severity:
    """The severity of the highest tier among a table and everything built from it."""
    tiers = [_tier(project, item) for item in (name, *project.dependents(name))]
    ranks = ("core", "standard", "experimental")
    return SEVERITY_OF_TIER[min(tiers, key=ranks.index)]


def base_tables(project: Project, name: str) -> tuple[str, ...]:
    """The tables below a summary, through other summaries; nothing for a table."""
    found: dict[str, None] = {}
    for item in project.summaries[name].inputs if name in project.summaries else ():
        found.update(dict.fromkeys((item.table, *base_tables(project, item.table))))
    return tuple(found)


def _table(table: Table, known: Published, now: datetime) -> Standing:
    zone = ZoneInfo(table.window.timezone if table.window else (table.schedule and table.schedule.timezone) or "UTC")
    grid = table.grid
    if grid is None:
        promises = _windowless(table.sla, known, zone)
        return Standing(table.table, known.at, "", promises)
    following = grid.nth(0) if known.newest is None else grid.next_after(known.newest.end)
    promises = () if following is None else tuple(
        _promise(sla, following.end + _lag(table), known.newest.end if known.newest else following.end, zone)
        for sla in table.sla
    )  # fmt: skip
    return Standing(table.table, known.at, grid.label(known.newest) if known.newest else "", promises)


def _windowless(slas: Sequence[Sla], known: Published, zone: ZoneInfo) -> tuple[Promise, ...]:
    if known.looked_at is None:
        return ()
    looked = known.looked_at
    return tuple(
        # Today's look was in time; the promise now is about the next one.
        _promise(sla, next_clock_time(looked, sla.fresh_by, zone) + timedelta(seconds=1), looked, zone)
        if sla.fresh_by
        else _promise(sla, looked, looked, zone)
        for sla in slas
    )


def _summary(project: Project, summary: Summary, published: Mapping[str, Published]) -> Standing:
    known = published.get(summary.target, Published())
    promises: list[Promise] = []
    for name in base_tables(project, summary.target):
        table = project.tables.get(name)
        below = published.get(name, Published())
        if table is None or table.grid is None or below.newest is None:
            continue
        built = known.looked_at is not None and below.at is not None and known.looked_at >= below.at
        pending = table.grid.next_after(below.newest.end) if built else below.newest
        if pending is not None:
            zone = table.grid.zone
            promises += [_promise(sla, pending.end + _lag(table), pending.start, zone) for sla in summary.sla]
    by_stakeholder: dict[str, Promise] = {}
    for promise in sorted(promises, key=lambda item: item.at):
        by_stakeholder.setdefault(promise.stakeholder, promise)
    return Standing(summary.target, known.at, "", tuple(by_stakeholder.values()))


def _promise(sla: Sla, due: datetime, data_until: datetime, zone: ZoneInfo) -> Promise:
    """`due`: when the awaited data exist; `data_until`: up to when readers have them."""
    if sla.fresh_by is not None:
        at = next_clock_time(due, sla.fresh_by, zone)
        return Promise(sla.for_, sla.contact, at, f"fresh by {at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})")
    assert sla.max_age is not None
    return Promise(sla.for_, sla.contact, data_until + timedelta(seconds=seconds(sla.max_age)),
                   f"no older than {sla.max_age}, data until {data_until.astimezone(zone):%Y-%m-%d %H:%M}")  # fmt: skip


def _foreseen(promise: Promise, pace: Pace | None, now: datetime) -> bool:
    if pace is None or promise.at - now > FORESEEN_WITHIN:
        return False
    begins = pace.begins or now
    # A run that takes longer than usual is expected to end any moment, not in the past.
    return max(begins + timedelta(seconds=pace.usual_seconds * _MARGIN), now) > promise.at


def _trouble(
    project: Project, standing: Standing, promises: Sequence[Promise], now: datetime, *, foreseen: bool
) -> Trouble:
    first = min(promises, key=lambda item: item.at)
    until = f"; readers have it up to {standing.until_label}" if standing.until_label else ""
    said = "will not be fresh in time, as its runs usually take" if foreseen else "is not as fresh as was promised"
    return Trouble(
        scope=standing.table, code="LATE", domain="late", family="retryable" if foreseen else "upstream",
        severity=severity_of(project, standing.table), message=f"{standing.table} {said}{until}",
        since=now if foreseen else first.at, latest=first.at, tables=(standing.table,),
        depends_on=base_tables(project, standing.table), next_command=f"headgate plan {standing.table}",
        late=() if foreseen else tuple(f"{item.stakeholder}: {item.said}" for item in promises), foreseen=foreseen,
    )  # fmt: skip


def _lag(table: Table) -> timedelta:
    source = table.source
    cursor = source.cursor if isinstance(source, PostgresSource) else None
    return timedelta(seconds=seconds(cursor.lag)) if cursor is not None else timedelta(0)


def _tier(project: Project, name: str) -> str:
    return project.tables[name].tier if name in project.tables else project.summaries[name].tier
