"""Which channels a notice goes to, and when: the first route of the rota that fits. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.oncall import DAYS, OnCall, Route
from tasks.incidents.model import SEVERITY_OF_TIER
from tasks.notices.notice import Notice


@dataclass(frozen=True, slots=True)
class Routed:
    """Names of channels; `not_before`: the route's hours haven't come."""

    channels: tuple[str, ...]
    not_before: datetime | None = None


def route(notice: Notice, rota: OnCall | None, names: Collection[str], now: datetime) -> Routed:
    """Where a notice goes. Without a route that fits, everywhere: a hole in the routes must not be silence.

    A route that fits but for its hours holds the notice, unless a later one takes it at once. Channels that aren't
    configured here are left out; a route that has none left counts as absent.
    """
    everywhere = Routed(tuple(sorted(names)))
    if rota is None:
        return everywhere
    held: Routed | None = None
    for item in rota.routes:
        to = tuple(name for name in item.to if name in names)
        if not to or not _fits(item, notice):
            continue
        opens = _opens(item, now, ZoneInfo(rota.timezone))
        if opens <= now:
            return Routed(to)
        held = held or Routed(to, opens)
    return held or everywhere


def _fits(item: Route, notice: Notice) -> bool:
    tiers = {SEVERITY_OF_TIER[tier] for tier in item.tiers}
    return (
        (not tiers or notice.severity in tiers)
        and (not item.owners or bool(set(item.owners) & set(notice.owners)))
        and (not item.families or notice.family in item.families)
    )


def _opens(item: Route, now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment from now on at which the route's days and hours hold."""
    local = now.astimezone(zone)
    days = {name.lower() for name in item.days} or {name.lower() for name in DAYS}
    start, _, end = (item.hours or "00:00-24:00").partition("-")
    # One day back: hours that span midnight began yesterday.
    for offset in range(-1, 9):
        day = local.date() + timedelta(days=offset)
        if DAYS[day.weekday()].lower() not in days:
            continue
        opens = _at(day.isoformat(), start, zone)
        closes = _at(day.isoformat(), end, zone)
        if closes <= opens:
            closes = _at((day + timedelta(days=1)).isoformat(), end, zone)
        if opens <= now < closes:
            return now
        if opens > now:
            return opens
    return now


def _at(day: str, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        return datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone) + timedelta(days=1)
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
