"""Where tables stand for each stakeholder, from the proofs of publish; and what is late, or will be as its runs usually take.

Pure. The rule by which a promise is broken is `expectations.freshness`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.summary import Summary
from deployments.declarations.table import Sla, Table
from deployments.project import Project
from deployments.windows import Window
from expectations.freshness import awaited_below, awaited_window, look_due, window_due
from tasks.incidents.model import SEVERITY_OF_TIER, Severity, Trouble

FORESEEN_WITHIN = timedelta(hours=2)
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class Published:
    """What is proven of a table: the newest window that stands, when it or anything was published, the last good look; and
    since when it is tried at all, None when no run of it was ever kept.
    """

    newest: Window | None = None
    at: datetime | None = None
    looked_at: datetime | None = None
    since: datetime | None = None


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
    found = {name: _table(table, published.get(name, Published())) for name, table in project.tables.items()}
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


def _table(table: Table, known: Published) -> Standing:
    grid = table.grid
    if grid is None:
        looked = known.looked_at
        promises = () if looked is None else tuple(
            _promise(sla, look_due(sla, looked, table.zone), looked, table.zone) for sla in table.sla
        )  # fmt: skip
        return Standing(table.table, known.at, "", promises)
    waits = [(sla, awaited_window(sla, grid, table.lag, known.newest, known.since)) for sla in table.sla]
    promises = tuple(_of_window(sla, table, awaited, known.newest) for sla, awaited in waits if awaited is not None)
    return Standing(table.table, known.at, grid.label(known.newest) if known.newest else "", promises)


def _summary(project: Project, summary: Summary, published: Mapping[str, Published]) -> Standing:
    known = published.get(summary.target, Published())
    promises: list[Promise] = []
    for name in project.base_tables(summary.target):
        table, below = project.tables[name], published.get(name, Published())
        if table.grid is None:
            continue
        built = known.looked_at is not None and below.at is not None and known.looked_at >= below.at
        for sla in summary.sla:
            awaited = awaited_below(sla, table.grid, table.lag, below.newest, known.since, built_since=built)
            if awaited is not None:
                promises.append(_of_window(sla, table, awaited, below.newest))
    by_stakeholder: dict[str, Promise] = {}
    for promise in sorted(promises, key=lambda item: item.at):
        by_stakeholder.setdefault(promise.stakeholder, promise)
    return Standing(summary.target, known.at, "", tuple(by_stakeholder.values()))


def _of_window(sla: Sla, table: Table, awaited: Window, newest: Window | None) -> Promise:
    has = None if newest is None else min(newest.end, awaited.start)
    return _promise(sla, window_due(sla, awaited, table.lag, table.zone), has, table.zone)


def _promise(sla: Sla, at: datetime, data_until: datetime | None, zone: ZoneInfo) -> Promise:
    """`data_until`: up to when readers have the data; None: they have none."""
    said = []
    if sla.fresh_by is not None:
        said.append(f"fresh by {at.astimezone(zone):%Y-%m-%d} {sla.fresh_by} ({zone.key})")
    if sla.max_age is not None:
        until = "none yet" if data_until is None else f"until {data_until.astimezone(zone):%Y-%m-%d %H:%M}"
        said.append(f"no older than {sla.max_age}, data {until}")
    return Promise(sla.for_, sla.contact, at, "; ".join(said))


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
        depends_on=project.base_tables(standing.table), next_command=f"headgate plan {standing.table}",
        late=() if foreseen else tuple(f"{item.stakeholder}: {item.said}" for item in promises), foreseen=foreseen,
    )  # fmt: skip


def _tier(project: Project, name: str) -> str:
    return project.tables[name].tier if name in project.tables else project.summaries[name].tier
