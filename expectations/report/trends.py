"""The trend charts of a table: rows, rows set aside, missing values, means and counts of different values.

The range behind a line is what the drift watch had learned before each batch. Where it had nothing for a figure, the
range of the batches before is drawn instead, and called so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from statistics import median
from zoneinfo import ZoneInfo

from markupsafe import Markup

from expectations.report import words
from expectations.report.about import Described
from expectations.report.charts import Point, State, trend
from expectations.report.figures import is_about
from expectations.report.lines import by_batch
from expectations.report.model import Line
from expectations.report.texts import Texts

SHOWN_BATCHES = 60
SATURDAY = 5
SHOWN_CHARTS = 9
MORE_CHARTS = 15
RANGE_BATCHES = 28
LEAST_FOR_RANGE = 5
Band = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class DaysOff:
    """The days on which people don't work, of batches that are days of a zone; without a zone nothing is known of any."""

    zone: ZoneInfo | None = None
    holidays: Mapping[date, str] = field(default_factory=dict)

    def rests(self, line: Line) -> bool:
        """Whether a batch is a weekend or a holiday."""
        day = self._day(line)
        return day is not None and (day.weekday() >= SATURDAY or day in self.holidays)

    def holiday(self, line: Line) -> str:
        """The name of the holiday that a batch is, or ''."""
        day = self._day(line)
        return "" if day is None else self.holidays.get(day, "")

    def _day(self, line: Line) -> date | None:
        if self.zone is None or line.window_start is None:
            return None
        return line.window_start.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure over the batches. `said` tells in words what the picture shows."""

    title: str
    said: str
    svg: Markup
    marked: bool


def charts(
    described: Described, lines: Sequence[Line], pages: set[str], texts: Texts
) -> tuple[tuple[Chart, ...], tuple[Chart, ...]]:
    """The charts to show at once, and the others. Figures that never moved are among the others. `pages`: runs that have one."""
    batches = by_batch(lines)
    shown = _with_fallen(batches[-SHOWN_BATCHES:], lines)
    days_off = _days_off(described)
    names: list[str] = list(dict.fromkeys(name for line in reversed(shown) for name in line.figures))
    if len(shown) < 2 or not names:
        return (), ()
    units = {column.name: column.unit for column in described.columns}
    made = []
    for name in names:
        values = [line.figures.get(name) for line in shown]
        known = [value for value in values if value is not None]
        if name == "aside" and not any(known):
            continue
        flat = len(set(known)) < 2 and name != "rows"
        drawn = _Drawn(shown, batches, pages, days_off, units.get(name.partition(":")[2]))
        chart = _chart(name, drawn, texts)
        made.append((flat, not chart.marked, _rank(name), chart))
    made.sort(key=lambda item: item[:3])
    first = [chart for flat, *_, chart in made if not flat][:SHOWN_CHARTS]
    return tuple(first), tuple(chart for *_, chart in made if chart not in first)[:MORE_CHARTS]


def usual(batches: Sequence[Line], name: str, before: int, days_off: DaysOff | None = None) -> Band | None:
    """The range of a figure over the batches before one: three robust deviations around the median. Of days, workdays are held
    against workdays and days off against days off: fewer than LEAST_FOR_RANGE say nothing.
    """
    known = [line for line in batches[max(before - RANGE_BATCHES, 0) : before] if name in line.figures]
    off = days_off or DaysOff()
    alike = [line for line in known if off.rests(line) == off.rests(batches[before])]
    past = [line.figures[name] for line in alike]
    if len(past) < LEAST_FOR_RANGE:
        return None
    middle = median(past)
    spread = 3 * 1.4826 * median(abs(value - middle) for value in past)
    low, high = middle - spread, middle + spread
    if name.startswith("nulls:"):
        low, high = max(low, 0.0), min(high, 1.0)
    elif min(past) >= 0:
        low = max(low, 0.0)
    return low, middle, high


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What all charts of a table are drawn from. `shown`: batches that stand, and those that were undone or stopped in
    their place.
    """

    shown: Sequence[Line]
    batches: Sequence[Line]
    pages: set[str]
    days_off: DaysOff
    unit: str | None


def _chart(name: str, drawn: _Drawn, texts: Texts) -> Chart:
    kind, _, column = name.partition(":")
    shown, place = drawn.shown, {line.run_id: n for n, line in enumerate(drawn.batches)}
    # Of most figures the watch tells its range only in batches where they stood out: too little for a picture.
    is_learned = 2 * sum(name in line.bands for line in shown) >= len(shown)

    def band(line: Line) -> Band | None:
        # Where somebody was told, the range must be the one the alert speaks of.
        if is_learned or (_mark(line, name) and name in line.bands):
            return line.bands.get(name)
        return (
            None
            if kind == "aside" or line.run_id not in place
            else usual(drawn.batches, name, place[line.run_id], drawn.days_off)
        )

    told = partial(words.figure, name, unit=drawn.unit)
    points = [_point(line, name, band(line), drawn, texts) for line in shown]
    title = texts(f"figure.{kind}", column=column)
    last = next((point for point in reversed(points) if point.value is not None and not point.state), points[-1])
    said = texts("chart.last", label=last.label, value=told(last.value))
    if last.band is not None:
        key = "chart.learned" if is_learned else "chart.range"
        said += " " + texts(key, low=told(last.band[0]), high=told(last.band[2]))
    svg = trend(points, told, f"{title}. {said}", partial(words.tick, name))
    return Chart(title, said, svg, any(point.mark for point in points))


def _point(line: Line, name: str, band: Band | None, drawn: _Drawn, texts: Texts) -> Point:
    state = _state(line)
    code = line.failure.code if line.failure is not None else str(line.status)
    return Point(
        _label(line), line.figures.get(name), band, "" if line.undone else _mark(line, name), state,
        f"runs/{line.run_id}.html" if line.run_id in drawn.pages else "",
        drawn.days_off.rests(line), drawn.days_off.holiday(line), texts(f"chart.{state}", code=code) if state else "",
    )  # fmt: skip


def _state(line: Line) -> State:
    if line.undone:
        return "undone"
    return "stopped" if line.status == "failed" else "overridden" if line.kind == "override" else ""


def _days_off(described: Described) -> DaysOff:
    """The days off of a table whose batches are days: only there one can be told."""
    if described.window is None or described.window.every != "day":
        return DaysOff()
    return DaysOff(described.window.grid.zone, described.holidays)


def _with_fallen(standing: Sequence[Line], lines: Sequence[Line]) -> list[Line]:
    """Batches with those that were undone or stopped and that nothing has taken the place of. Without windows every load is a
    batch, and of loads that were stopped one after another the last one is.
    """
    if not standing:
        return []
    keys = {line.batch_key for line in standing if line.window_start}
    first = standing[0].window_start or standing[0].at
    fallen: dict[str, Line] = {}
    before = ""
    for line in lines:
        if line.published:
            before = line.run_id
        if not (line.undone or line.status == "failed") or line.kind in ("rollback", "replay") or not line.figures:
            continue
        if line.batch_key not in keys and (line.window_start or line.at) >= first:
            load = line.run_id if line.undone else f"after {before}"
            fallen[line.batch_key if line.window_start else load] = line
    return sorted([*standing, *fallen.values()], key=lambda line: line.window_start or line.at)


def _mark(line: Line, name: str) -> str:
    if name == "aside":
        return "warn" if line.quarantine else ""
    levels = {alert.level for alert in line.alerts if is_about(alert.kind, alert.column, name)}
    return "bad" if "page" in levels else "warn" if levels else ""


def _label(line: Line) -> str:
    return line.label if line.window_start else f"{line.at:%Y-%m-%d}"


def _rank(name: str) -> int:
    return ("rows", "aside", "mean", "nulls", "distinct").index(name.partition(":")[0])
