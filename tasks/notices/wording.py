"""Moments, spans and lists as people read them in a message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def moment(at: datetime, zone: ZoneInfo) -> str:
    """'Mon 2026-11-23 03:04 (Asia/Seoul)'."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M} ({zone.key})"


def span(length: timedelta) -> str:
    """'45 s', '12 min', '3 h 20 min', '4 d 2 h'."""
    total = max(int(length.total_seconds()), 0)
    days, hours, minutes = total // 86400, total // 3600 % 24, total // 60 % 60
    if total < 60:
        return f"{total} s"
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"
