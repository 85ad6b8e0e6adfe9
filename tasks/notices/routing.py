"""Which channels a notice goes to, and when: the first route of the rota that fits. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.oncall import DAYS, OnCall, Quiet, Route
from tasks.incidents.model import SEVERITY_OF_TIER
from tasks.notices.notice import Notice

BY_THE_CALENDAR = ("digest", "next_week", "handover")
"""Kinds of notices whose hour is declared: quiet hours don't move them."""


@dataclass(frozen=True, slots=True)
class Routed:
    """Names of channels; `not_before`: the route's hours haven't come."""

    channels: tuple[str, ...]
    not_before: datetime | None = None


def route(notice: Notice, rota: OnCall | None, names: Collection[str], now: datetime) -> Routed:
    """Where a notice goes. Without a route that fits, everywhere: a hole in the routes must not be silence.

    A route that fits but for its hours holds the notice, unless a later one takes it at once; quiet hours of its tier hold it
    wherever it goes. Channels that aren't configured here are left out; a route that has none left counts as absent.
    """
    everywhere = Routed(tuple(sorted(names)))
    if rota is None:
        return everywhere
    loud = _after_quiet(notice, rota, now)
    waits = loud if loud > now else None
    held: Routed | None = None
    for item in rota.routes:
        to = tuple(name for name in item.to if name in names)
        if not to or not _fits(item, notice):
            continue
        opens = _opens(item, loud, ZoneInfo(rota.timezone))
        if opens <= loud:
            return Routed(to, waits)
        held = held or Routed(to, opens)
    return held or replace(everywhere, not_before=waits)


def _after_quiet(notice: Notice, rota: OnCall, now: datetime) -> datetime:
    """The first moment from now on that is in no quiet hours of the notice's tier."""
    if notice.kind in BY_THE_CALENDAR:
        return now
    zone, moment = ZoneInfo(rota.timezone), now
    # Spans that touch follow each other: a quiet night leads into a quiet Sunday.
    for _ in range(4 * max(len(rota.quiet), 1)):
        ends = [
            end
            for item in rota.quiet
            if notice.severity in {SEVERITY_OF_TIER[tier] for tier in item.tiers}
            for start, end in _spans(item, moment, zone)
            if start <= moment < end
        ]
        if not ends:
            return moment
        moment = max(ends)
    return moment


def _fits(item: Route, notice: Notice) -> bool:
    tiers = {SEVERITY_OF_TIER[tier] for tier in item.tiers}
    return (
        (not tiers or notice.severity in tiers)
        and (not item.owners or bool(set(item.owners) & set(notice.owners)))
        and (not item.families or notice.family in item.families)
    )


def _opens(item: Route, now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment from now on at which the route's days and hours hold."""
    return next((max(start, now) for start, end in _spans(item, now, zone) if now < end), now)


def _spans(item: Route | Quiet, now: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """When days and hours hold, from yesterday on for nine days, in order: hours that span midnight began yesterday."""
    local = now.astimezone(zone)
    days = {name.lower() for name in item.days} or {name.lower() for name in DAYS}
    start, _, end = (item.hours or "00:00-24:00").partition("-")
    for offset in range(-1, 9):
        day = local.date() + timedelta(days=offset)
        if DAYS[day.weekday()].lower() not in days:
            continue
        opens = _at(day.isoformat(), start, zone)
        closes = _at(day.isoformat(), end, zone)
        yield opens, closes if closes > opens else _at((day + timedelta(days=1)).isoformat(), end, zone)


def _at(day: str, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        return datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone) + timedelta(days=1)
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
