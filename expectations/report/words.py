"""Figures and moments as people read them: 1,234 · 12.3 % · 30 Nov 2019, 07:00 UTC · 2 h 5 min."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: float | None) -> str:
    """A number with thousands separated and at most four significant digits after them; '–' for none."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.1f}"
    return f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.2g}"


def share(value: float | None) -> str:
    """A share from 0 to 1 as a percentage; something never reads as nothing, nor nearly all as all."""
    if value is None:
        return "–"
    percent = value * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if percent < 0.1:
        return f"{percent:.1g} %" if percent >= 0.01 else "< 0.01 %"
    return f"{percent:.1f} %" if percent < 99.95 else "> 99.9 %"


def figure(name: str, value: float | None, unit: str | None = None) -> str:
    """A figure of the report by the kind its name says, with the unit of its column."""
    if name.startswith("nulls:"):
        return share(value)
    if name.startswith("mean:") and unit and value is not None:
        return f"{number(value)} {unit}"
    # Counts whose bounds aren't whole read better rounded.
    return number(value if value is None or name.startswith("mean:") else round(value))


def tick(name: str, value: float) -> str:
    """A figure of an axis, as short as it can be: 4,000 · 26 k · 3.7 M · 5 %."""
    if name.startswith("nulls:"):
        return f"{100 * value:.3g} %"
    size = abs(value)
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            told = value / (1e3 if letter == "k" else unit)
            return f"{told:,.0f} {letter}" if abs(told) >= 100 else f"{told:.3g} {letter}"
    return f"{value:,.0f}" if float(value).is_integer() or size >= 100 else f"{value:.3g}"


def change(name: str, now: float | None, before: float | None) -> str:
    """How a figure moved: +3.1 %, -0.4 points for a share, x 92 when it multiplied; '' when it can't be said."""
    if now is None or before is None:
        return ""
    if now == before:
        return "same"
    if name.startswith("nulls:"):
        points = f"{(now - before) * 100:+.1f} points"
        return "same" if points[1:] == "0.0 points" else points
    if before == 0 or (now < 0) != (before < 0):
        return f"{'+' if now > before else ''}{number(now - before)}"
    ratio = now / before
    if ratio >= 3:
        return f"× {ratio:,.0f}" if ratio >= 10 else f"× {ratio:.1f}"
    return f"{(ratio - 1) * 100:+.1f} %"


def moment(value: datetime | None, zone: str = "UTC") -> str:
    """A moment to the minute, with its zone said."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone) if zone != "UTC" else UTC)
    return f"{day(local)}, {local:%H:%M} {local.tzname() if zone != 'UTC' else 'UTC'}"


def day(value: datetime) -> str:
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def duration(seconds: float | None) -> str:
    """Seconds for people: 40 ms, 1.5 s, 12 s, 3 min 5 s, 2 h 5 min, 3 d 4 h."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def iso(value: datetime | None) -> str:
    """The machine's spelling of a moment, for <time datetime>."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
