"""Reading and comparing the figures our own expectations are given and measure."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Any

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> datetime.timedelta:
    """The time span a rule spells, such as `90m`, `36h` or `2d`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' isn't a duration; allowed: a number with s, m, h or d, such as 36h")
    return datetime.timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def utc(moment: Any) -> datetime.datetime:
    """A moment as naive UTC: timestamps are stored as UTC without zone, in memory and in the warehouse alike."""
    if isinstance(moment, str):
        moment = datetime.datetime.fromisoformat(moment)
    if hasattr(moment, "to_pydatetime"):
        moment = moment.to_pydatetime(warn=False)
    if isinstance(moment, datetime.datetime):
        return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(moment, datetime.date):
        return datetime.datetime(moment.year, moment.month, moment.day)
    raise TypeError(f"{moment!r} isn't a moment; allowed: an ISO date or timestamp")


def exact(figure: Any) -> Decimal:
    """A number as an exact decimal; None counts as 0 (the sum of no rows)."""
    if figure is None or figure != figure:
        return Decimal(0)
    return (
        figure if isinstance(figure, Decimal) else Decimal(repr(figure.item() if hasattr(figure, "item") else figure))
    )


def agrees(found: Decimal, expected: Decimal, within: Any) -> bool:
    """Whether two figures differ by no more than the share `within` of the expected one."""
    return abs(found - expected) <= abs(expected) * exact(within)
