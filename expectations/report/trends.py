"""The trend charts of a table: rows, rows set aside, missing values, means and counts of different values.

The range behind a line is what the drift watch had learned before each batch. Where it had nothing for a figure, the
range of the batches before is drawn instead, and called so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from markupsafe import Markup

from expectations.report import words
from expectations.report.about import Described
from expectations.report.charts import Point, trend
from expectations.report.figures import is_about
from expectations.report.lines import by_batch
from expectations.report.model import Line
from expectations.report.texts import Texts

SHOWN_BATCHES = 60
SHOWN_CHARTS = 9
MORE_CHARTS = 15
RANGE_BATCHES = 28
LEAST_FOR_RANGE = 5
Band = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure over the batches. `said` tells in words what the picture shows."""

    title: str
    said: str
    svg: Markup
    marked: bool


def charts(described: Described, lines: Sequence[Line], texts: Texts) -> tuple[tuple[Chart, ...], tuple[Chart, ...]]:
    """The charts to show at once, and the others. Figures that never moved are among the others."""
    batches = by_batch(lines)
    shown = batches[-SHOWN_BATCHES:]
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
        chart = _chart(name, shown, batches, units.get(name.partition(":")[2]), texts)
        made.append((flat, not chart.marked, _rank(name), chart))
    made.sort(key=lambda item: item[:3])
    first = [chart for flat, *_, chart in made if not flat][:SHOWN_CHARTS]
    return tuple(first), tuple(chart for *_, chart in made if chart not in first)[:MORE_CHARTS]


def usual(batches: Sequence[Line], name: str, before: int) -> Band | None:
    """The range of a figure over the batches before one: three robust deviations around the median."""
    past = [line.figures[name] for line in batches[max(before - RANGE_BATCHES, 0) : before] if name in line.figures]
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


def _chart(name: str, shown: Sequence[Line], batches: Sequence[Line], unit: str | None, texts: Texts) -> Chart:
    kind, _, column = name.partition(":")
    start = len(batches) - len(shown)
    # Of most figures the watch tells its range only in batches where they stood out: too little for a picture.
    is_learned = 2 * sum(name in line.bands for line in shown) >= len(shown)
    bands = [
        # Where somebody was told, the range must be the one the alert speaks of.
        line.bands.get(name) if is_learned or (_mark(line, name) and name in line.bands)
        else usual(batches, name, start + n) if kind != "aside" else None
        for n, line in enumerate(shown)
    ]  # fmt: skip
    points = [
        Point(_label(line), line.figures.get(name), band, _mark(line, name))
        for line, band in zip(shown, bands, strict=True)
    ]
    told = partial(words.figure, name, unit=unit)
    title = texts(f"figure.{kind}", column=column)
    last = next(point for point in reversed(points) if point.value is not None)
    said = texts("chart.last", label=last.label, value=told(last.value))
    if last.band is not None:
        key = "chart.learned" if last.band in shown[-1].bands.values() else "chart.range"
        said += " " + texts(key, low=told(last.band[0]), high=told(last.band[2]))
    return Chart(title, said, trend(points, told, f"{title}. {said}"), any(point.mark for point in points))


def _mark(line: Line, name: str) -> str:
    if name == "aside":
        return "warn" if line.quarantine else ""
    levels = {alert.level for alert in line.alerts if is_about(alert.kind, alert.column, name)}
    return "bad" if "page" in levels else "warn" if levels else ""


def _label(line: Line) -> str:
    return line.label if line.window_start else f"{line.at:%Y-%m-%d}"


def _rank(name: str) -> int:
    return ("rows", "aside", "mean", "nulls", "distinct").index(name.partition(":")[0])
