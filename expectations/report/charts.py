"""Charts as inline SVG, coloured by the page's style sheet, so that they follow light and dark.

Each chart says in words what it shows (`aria-label`, and a title on every point): nothing depends on color alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 320, 132
_TOP, _BOTTOM, _SIDE = 16, 104, 8
Told = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Point:
    """One batch in a trend. `mark`: bad or warn where somebody was told. `band`: (low, expected, high)."""

    label: str
    value: float | None
    band: tuple[float, float, float] | None = None
    mark: str = ""


def trend(points: Sequence[Point], told: Told, title: str) -> Markup:
    """A line over batches with the usual range behind it, and marks where somebody was told."""
    low, high = _scale(points)
    xs = _places(len(points))

    def y(value: float) -> float:
        inside = min(max(value, low), high)
        return round(_BOTTOM - (inside - low) / (high - low) * (_BOTTOM - _TOP), 1)

    body = [_band(points, xs, y), _line(points, xs, y)]
    for x, point in zip(xs, points, strict=True):
        if point.value is not None:
            last = point is points[-1]
            body.append(_dot(x, y(point.value), f"{point.label}: {told(point.value)}", point.mark, last=last))
    shown = [point.value for point in points if point.value is not None]
    if shown:
        body.append(_text(_SIDE, 10, told(max(shown)), "start"))
        if min(shown) != max(shown):
            body.append(_text(_SIDE, _BOTTOM + 12, told(min(shown)), "start", "axis low"))
    if points:
        body.append(_text(_SIDE, HEIGHT - 3, points[0].label, "start", "axis when"))
        if len(points) > 1:
            body.append(_text(WIDTH - _SIDE, HEIGHT - 3, points[-1].label, "end", "axis when"))
    return _svg(body, WIDTH, HEIGHT, title, "trend")


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
    expected_told: str
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


def _scale(points: Sequence[Point]) -> tuple[float, float]:
    values = [point.value for point in points if point.value is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    span = (high - low) or abs(high) * 0.2 or 1.0
    edges = [edge for point in points if point.band for edge in (point.band[0], point.band[2])]
    # A band that is still wide because little is known must not flatten the line.
    low_edge = max(min([low, *edges]), low - span)
    high_edge = min(max([high, *edges]), high + span)
    pad = (high_edge - low_edge or span) * 0.06
    return low_edge - pad, high_edge + pad


def _places(count: int) -> list[float]:
    if count < 2:
        return [WIDTH / 2] * count
    step = (WIDTH - 2 * _SIDE - 8) / (count - 1)
    return [round(_SIDE + 4 + i * step, 1) for i in range(count)]


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


def _line(points: Sequence[Point], xs: Sequence[float], y: Callable[[float], float]) -> Markup:
    pieces: list[list[str]] = [[]]
    for x, point in zip(xs, points, strict=True):
        if point.value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x},{y(point.value)}")
    lines = [
        Markup('<polyline class="line" points="{}"/>').format(" ".join(piece)) for piece in pieces if len(piece) > 1
    ]
    return Markup("").join(lines)


def _dot(x: float, y: float, title: str, mark: str, *, last: bool) -> Markup:
    # Every figure but the title is a number of ours; a page has a thousand of these, and Markup.format is slow.
    text = f"<title>{escape(title)}</title>"
    if mark:
        return Markup(f'<path class="mark {mark}" d="M{x} {y - 6:.1f}l6 6-6 6-6-6z">{text}</path>')  # noqa: S704
    name, size = ("dot last", 3.5) if last else ("dot", 6)
    return Markup(f'<circle class="{name}" cx="{x}" cy="{y}" r="{size}">{text}</circle>')  # noqa: S704


def _placed(x: float, y: float, text: str, width: int, name: str) -> Markup:
    """A text centred at x, moved in where it would leave the picture (about 7 units a character)."""
    half = len(text) * 3.6
    return _text(min(max(x, half + 2), width - half - 2), y, text, "middle", name)


def _text(x: float, y: float, text: str, anchor: str, name: str = "axis") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(name, x, y, anchor, text)


def _svg(body: Sequence[Markup], width: int, height: int, title: str, name: str) -> Markup:
    opening = Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return opening.format(name, width, height, escape(title)) + Markup("").join(body) + Markup("</svg>")
