"""Charts as inline SVG, coloured by the page's style sheet, so that they follow light and dark.

Each chart says in words what it shows (`aria-label`, and a title on every point): nothing depends on color alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Literal

from markupsafe import Markup, escape

WIDTH, HEIGHT = 320, 138
_TOP, _BOTTOM, _LEFT, _RIGHT = 18, 110, 40, 312
_FENCE, _LEAST_TO_CLIP, _LONG = 3.0, 8, 3.0
Told = Callable[[float], str]
State = Literal["", "undone", "overridden", "stopped"]


@dataclass(frozen=True, slots=True)
class Point:
    """One batch in a trend. `mark`: bad or warn where somebody was told. `band`: (low, expected, high). `state`: what became
    of it; a batch that was undone or stopped isn't part of the line. `link`: the page of its run. `rest`: a day on which people
    don't work; `holiday`: its name, '' for a weekend.
    """

    label: str
    value: float | None
    band: tuple[float, float, float] | None = None
    mark: str = ""
    state: State = ""
    link: str = ""
    rest: bool = False
    holiday: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Scale:
    """The values that the picture holds; what lies beyond is drawn at its edge and labelled."""

    low: float
    high: float

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return round(_BOTTOM - (inside - self.low) / (self.high - self.low) * (_BOTTOM - _TOP), 1)

    def clips(self, value: float) -> bool:
        return not self.low <= value <= self.high


def trend(points: Sequence[Point], told: Told, title: str, ticks: Told | None = None) -> Markup:
    """A line over batches with the usual range behind it, days off shaded, and marks where somebody was told, that lead to
    their runs. A value far from all others is cut off at the edge and labelled, so that the others can be read. `ticks` tells
    the figures of the axis, shorter than `told`.
    """
    scale, xs = _scale(points), _places(len(points))
    # Days off lie upon the range: a wide one would hide them.
    body = [_band(points, xs, scale.y), _rest(points, xs), _axis(scale, ticks or told), _line(points, xs, scale)]
    room = -1.0
    for x, point in zip(xs, points, strict=True):
        if point.value is None:
            continue
        more = "; ".join(text for text in (point.said, point.holiday) if text)
        said = f"{point.label}: {told(point.value)}{f' ({more})' if more else ''}"
        body.append(_dot(x, scale, point, said, last=point is points[-1]))
        if scale.clips(point.value) and x > room:
            above = point.value > scale.high
            text = (ticks or told)(point.value)
            body.append(_placed(x, 10 if above else _BOTTOM + 11, text, WIDTH, "seen"))
            room = x + len(text) * 7
    if points:
        body.append(_text(_LEFT, HEIGHT - 3, points[0].label, "start", "axis when"))
        if len(points) > 1:
            body.append(_text(_RIGHT, HEIGHT - 3, points[-1].label, "end", "axis when"))
    # A picture with links in it is a group of things, not one.
    linked = any(_is_linked(point) for point in points)
    return _svg(body, WIDTH, HEIGHT, title, "trend", role="group" if linked else "img")


def spark(values: Sequence[float], title: str) -> Markup:
    """A small line without axes."""
    width, height = 96, 24
    if not values:
        return Markup("")
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = (width - 8) / max(len(values) - 1, 1)
    places = [(4 + i * step, height - 5 - (v - low) / span * (height - 10)) for i, v in enumerate(values)]
    if low == high:
        places = [(x, height / 2) for x, _ in places]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    line = Markup('<polyline class="line" points="{}"/>').format(path) if len(values) > 1 else Markup("")
    return _svg([line, Markup('<circle class="dot last" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(x, y)],
                width, height, title, "spark")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reach:
    """The learned bounds of one figure and what was seen, with how each is told."""

    low: float
    expected: float
    high: float
    seen: float
    low_told: str
    high_told: str
    seen_told: str


def reach(of: Reach, title: str, usual: str, seen: str) -> Markup:
    """The expected range as a bar and what was seen as a mark on the same scale."""
    width, height, left, right = 340, 74, 12, 328
    low, high = min(of.low, of.seen), max(of.high, of.seen)
    pad = (high - low or 1.0) * 0.06
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return round(left + (value - low) / (high - low) * (right - left), 1)

    begin, end, at, middle = x(of.low), x(of.high), x(of.seen), x(of.expected)
    # Labels of a narrow bar would stand on each other: one text in its place.
    body = [
        Markup('<line class="rule" x1="{}" x2="{}" y1="40" y2="40"/>').format(left, right),
        Markup('<rect class="band" x="{}" y="31" width="{}" height="18" rx="4"/>').format(begin, max(end - begin, 2)),
        Markup('<line class="middle" x1="{}" x2="{}" y1="31" y2="49"/>').format(middle, middle),
        Markup('<path class="mark bad" d="M{} 30l9 10-9 10-9-10z"/>').format(at),
        _placed(at, 20, f"{seen} {of.seen_told}", width, "seen"),
        _placed((begin + end) / 2, 66, f"{usual} {of.low_told} – {of.high_told}", width, "axis"),
    ]
    return _svg(body, width, height, title, "reach")


def _scale(points: Sequence[Point]) -> _Scale:
    values = [point.value for point in points if point.value is not None]
    if not values:
        return _Scale(0.0, 1.0)
    low, high = _inner(values)
    span = (high - low) or abs(high) * 0.2 or 1.0
    edges = [edge for point in points if point.band for edge in (point.band[0], point.band[2])]
    # A band that is still wide because little is known must not flatten the line.
    low_edge = max(min([low, *edges]), low - span)
    high_edge = min(max([high, *edges]), high + span)
    pad = (high_edge - low_edge or span) * 0.06
    floor = 0.0 if min(values) >= 0 else -math.inf
    return _Scale(max(low_edge - pad, floor), high_edge + pad)


def _inner(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value, without those that would flatten the others: beyond three times the middle half, and more than
    three times as far as everything else reaches.
    """
    low, high = min(values), max(values)
    if len(values) < _LEAST_TO_CLIP:
        return low, high
    first, _, third = quantiles(values, n=4)
    fence = _FENCE * (third - first)
    inner = [value for value in values if first - fence <= value <= third + fence]
    if not inner or min(inner) == max(inner) or high - low < _LONG * (max(inner) - min(inner)):
        return low, high
    return min(inner), max(inner)


def round_steps(low: float, high: float, most: int = 3) -> list[float]:
    """At most `most` round figures (1, 2 or 5 times a power of ten) that lie between two values."""
    if not low < high:
        return []
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for times in (1, 2, 5, 10, 20):
        first = math.ceil(low / (step * times))
        last = math.floor(high / (step * times))
        if last - first + 1 <= most:
            return [n * step * times for n in range(first, last + 1)]
    return []


def _axis(scale: _Scale, told: Told) -> Markup:
    lines = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(_LEFT, _RIGHT, scale.y(at), scale.y(at))
        + _text(_LEFT - 5, scale.y(at) + 4, told(at), "end", "axis tick")
        for at in round_steps(scale.low, scale.high)
    ]
    return Markup("").join(lines)


def _places(count: int) -> list[float]:
    if count < 2:
        return [(_LEFT + _RIGHT) / 2] * count
    step = (_RIGHT - _LEFT - 8) / (count - 1)
    return [round(_LEFT + 4 + i * step, 1) for i in range(count)]


def _rest(points: Sequence[Point], xs: Sequence[float]) -> Markup:
    """A stripe behind each day off, as wide as a batch."""
    half = (xs[1] - xs[0]) / 2 if len(xs) > 1 else 0
    stripes = [
        Markup('<rect class="rest" x="{:.1f}" y="{}" width="{:.1f}" height="{}">{}</rect>').format(
            x - half,
            _TOP,
            2 * half,
            _BOTTOM - _TOP,
            Markup("<title>{}</title>").format(f"{point.label}: {point.holiday}") if point.holiday else "",
        )
        for x, point in zip(xs, points, strict=True)
        if point.rest
    ]
    return Markup("").join(stripes)


def _band(points: Sequence[Point], xs: Sequence[float], y: Callable[[float], float]) -> Markup:
    """One polygon per stretch of batches with a band."""
    stretches: list[list[int]] = [[]]
    for i, point in enumerate(points):
        if point.band is None:
            stretches.append([])
        else:
            stretches[-1].append(i)
    shapes = []
    for stretch in stretches:
        if not stretch:
            continue
        half = 5.0 if len(stretch) == 1 else 0.0
        edges = [(xs[i] + side * half, points[i].band) for i in stretch for side in ((-1, 1) if half else (0,))]
        upper = [f"{x:.1f},{y(band[2])}" for x, band in edges if band]
        lower = [f"{x:.1f},{y(band[0])}" for x, band in reversed(edges) if band]
        shapes.append(Markup('<polygon class="band" points="{}"/>').format(" ".join(upper + lower)))
    return Markup("").join(shapes)


def _line(points: Sequence[Point], xs: Sequence[float], scale: _Scale) -> Markup:
    """The line over the batches that stand: readers never see what was undone or stopped."""
    pieces: list[list[str]] = [[]]
    for x, point in zip(xs, points, strict=True):
        if point.state in ("undone", "stopped"):
            continue
        if point.value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x},{scale.y(point.value)}")
    lines = [
        Markup('<polyline class="line" points="{}"/>').format(" ".join(piece)) for piece in pieces if len(piece) > 1
    ]
    return Markup("").join(lines)


def _is_linked(point: Point) -> bool:
    return bool(point.link and point.value is not None and (point.mark or point.state or _is_outside(point)))


def _is_outside(point: Point) -> bool:
    return point.value is not None and point.band is not None and not point.band[0] <= point.value <= point.band[2]


def _dot(x: float, scale: _Scale, point: Point, title: str, *, last: bool) -> Markup:
    """A diamond where somebody was told, a ring where it lies outside its range, a cross where it was undone, a triangle where
    it was stopped, a square where it was published by a person's word; else a spot that only the pointer finds.
    """
    assert point.value is not None
    y = scale.y(point.value)
    # Every figure but title and link is a number of ours; a page has a thousand of these, and Markup.format is slow.
    text = f"<title>{escape(title)}</title>"
    if point.state == "undone":
        shape = f'<path class="mark undone" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8">{text}</path>'
    elif point.state == "stopped":
        shape = f'<path class="mark stopped" d="M{x} {y - 6:.1f}l6 10h-12z">{text}</path>'
    elif point.mark:
        shape = f'<path class="mark {point.mark}" d="M{x} {y - 6:.1f}l6 6-6 6-6-6z">{text}</path>'
    elif point.state == "overridden":
        shape = f'<path class="mark overridden" d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z">{text}</path>'
    elif _is_outside(point) or scale.clips(point.value):
        shape = f'<circle class="outside" cx="{x}" cy="{y}" r="4">{text}</circle>'
    else:
        name, size = ("dot last", 3.5) if last else ("dot", 6)
        shape = f'<circle class="{name}" cx="{x}" cy="{y}" r="{size}">{text}</circle>'
    if _is_linked(point):
        shape = f'<a href="{escape(point.link)}" aria-label="{escape(title)}">{shape}</a>'
    return Markup(shape)  # noqa: S704


def _placed(x: float, y: float, text: str, width: int, name: str) -> Markup:
    """A text centred at x, moved in where it would leave the picture (about 7 units a character)."""
    half = len(text) * 3.6
    return _text(min(max(x, half + 2), width - half - 2), y, text, "middle", name)


def _text(x: float, y: float, text: str, anchor: str, name: str = "axis") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(name, x, y, anchor, text)


def _svg(body: Sequence[Markup], width: int, height: int, title: str, name: str, role: str = "img") -> Markup:
    opening = Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="{}" aria-label="{}">')
    return opening.format(name, width, height, role, escape(title)) + Markup("").join(body) + Markup("</svg>")
