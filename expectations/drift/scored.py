"""The figures of one batch with their scores and learned bounds, and the alerts and sentences they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.drift import calendar, pooled
from expectations.drift.block import Array
from expectations.drift.calibrate import Calibration
from expectations.drift.catalogue import having, known
from expectations.drift.figures import Key
from expectations.drift.frame import Frame
from expectations.drift.model import Alert, Band, Sensitivity
from expectations.drift.slow import WEEK, then_and_now
from expectations.drift.words import Said, say_level, say_share

# A batch of the history counts as the start of what is seen now where it came this near to the threshold.
BEGAN = 0.7
# One absurd row, one batch of one value or without a value is worth a word, but no reason to stop it or to wake somebody.
OBSERVED_ONCE = having("one_row")
# What varies with the world pages from this many times the score on, and from this on only: in logarithms of the number of
# rows, and as a difference of shares.
WORLD = 1.4
MANY_ROWS = 0.288
MANY_POINTS = 0.1
ROWS = known("volume", "rows")


@dataclass(frozen=True)
class Scored:
    """Scores (1.0 makes a digest) and bounds, in the unit of each figure: shares first, then levels."""

    keys: tuple[Key, ...]
    scores: Array
    calibration: Calibration
    before: Array
    low: Array
    expected: Array
    high: Array
    seen: Array
    rows: Array
    frame: Frame
    nearer: Array
    slow: tuple[tuple[int, float], ...]
    voices: Array
    sensitivity: Sensitivity

    def said(self, at: int) -> Said:
        """The figure at a position in words."""
        low, expected, high, seen = (float(x[at]) for x in (self.low, self.expected, self.high, self.seen))
        return self._in_words(at, low, expected, high, seen)

    def _in_words(self, at: int, low: float, expected: float, high: float, seen: float) -> Said:
        if at < len(self.rows):
            rows, counted = float(self.rows[at]), float(self.frame.counted[at])
            return say_share(self.keys[at], low, expected, high, seen, rows, counted)
        return say_level(self.keys[at], low, expected, high, seen, float(self.frame.scales[at - len(self.rows)]))

    def alert(self, column: str | None, kind: str, at: int, page: float, labels: Sequence[calendar.Label]) -> Alert:
        """The alert about a group, told by its strongest figure."""
        said, key, score = self.said(at), self.keys[at], float(self.scores[at])
        return Alert(
            column,
            kind,
            "page" if self._pages(at, page) else "digest",
            round(score, 3),
            said.message if score >= 1 else said.aside,
            said.bounds,
            said.observed,
            since=self.since(at, labels),
            examples=(key.other,) if key.figure.other == "value" and key.other else (),
            smallest_change=said.smallest,
            figure=key,
        )

    def _pages(self, at: int, page: float) -> bool:
        """Whether the figure may stop a batch or wake somebody: what varies with the world has to be further out, and to be much:
        a fifth fewer rows in a table that never varied is a holiday.
        """
        key, score, miss = self.keys[at], float(self.scores[at]), abs(float(self.seen[at] - self.expected[at]))
        if key in self.frame.written:
            return score * float(self.nearer[at]) >= page and key.of not in OBSERVED_ONCE
        # How near the threshold lies says how early a change is told, not how much it is.
        score *= float(self.nearer[at])
        least = MANY_ROWS if key.of == ROWS else MANY_POINTS if at < len(self.rows) else 0.0
        return score >= WORLD * page and miss >= least and key.of not in OBSERVED_ONCE

    def since(self, at: int, labels: Sequence[calendar.Label]) -> str | None:
        """Label of the first of the latest batches that all strayed to the same side as this one."""
        signed = self.before[:, at] / self.calibration.bounds[at]
        side = np.sign(self.seen[at] - self.expected[at])
        first = len(labels) - 1
        for steps, value in enumerate(signed[::-1], start=1):
            if not value * side >= BEGAN:
                break
            first = len(labels) - 1 - steps
        label = labels[first]
        return None if label is None else str(label)

    def together(self) -> Iterator[Alert]:
        """Alerts on columns whose figures say together what none of them says alone; never a page."""
        history = self.calibration.history / self.calibration.digest
        found = pooled.pooled(self.keys, self.scores, history, self.sensitivity)
        for column, (score, places) in found.items():
            said = [self.said(at) for at in places]
            text = "; ".join(f"{one.figure}: usually {one.expected}, now {one.observed}" for one in said)
            key = self.keys[places[0]]
            yield Alert(
                column, key.kind, "digest", round(score, 3), f"Several figures of {column} are unusual at once. {text}.",
                said[0].bounds, said[0].observed, smallest_change=said[0].smallest, figure=key,
            )  # fmt: skip

    def slow_alert(self, column: str | None, at: int, score: float) -> Alert:
        """The alert about a slow movement of one figure; never a page."""
        then, now = then_and_now(self.frame.shares, self.frame.levels, at)
        said = self._in_words(at, float(self.low[at]), then, float(self.high[at]), now)
        moving = f"{said.figure[:1].upper()}{said.figure[1:]} has been moving"
        text = f"{moving}: it was {said.expected} before and is {said.observed} over the last {WEEK} batches."
        return Alert(column, "slow_drift", "digest", round(score, 3), text, said.expected, said.observed)

    def bands(self) -> tuple[Band, ...]:
        """The learned bounds of the figure that says most about each column and kind."""
        best: dict[tuple[str | None, str], int] = {}
        for i, key in enumerate(self.keys):
            group = (key.column, key.kind)
            if group not in best or self.scores[i] > self.scores[best[group]]:
                best[group] = i
        return tuple(self._band(column, kind, i) for (column, kind), i in best.items())

    def _band(self, column: str | None, kind: str, i: int) -> Band:
        low, high, expected, seen = (float(x[i]) for x in (self.low, self.high, self.expected, self.seen))
        return Band(column, kind, self.said(i).figure, low, high, expected, seen, round(float(self.scores[i]), 3))
