"""Whether a batch's profile is explained by the profiles before it: one decision per batch, with reasons.

Pure: profiles in, a verdict out. The batch has no vote on what is usual. What "usual" is comes only from the history that
is passed in; nothing is configured per table but the sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from expectations.drift import calendar, predict
from expectations.drift.blame import blamed
from expectations.drift.calibrate import Calibration, calibrate
from expectations.drift.extract import Figures, Key, extract
from expectations.drift.frame import Array, frame
from expectations.drift.model import Accepted, Alert, Band, Outcome, Sensitivity, Verdict
from expectations.drift.schema import schema_alerts
from expectations.drift.words import Said, say_level, say_share
from expectations.profile.model import Profile

# Older batches tell little about today: eight weeks of days are enough for weekdays and two month ends.
REMEMBERED = 56
# Once a batch is out of the ordinary, what comes this near to the threshold is told with it.
TOLD_WITH = 0.7
# Under this many batches the verdict says that it is still learning.
LEARNING = 5


def detect(
    batch: Profile,
    history: Sequence[Profile],
    *,
    sensitivity: Sensitivity = "normal",
    accepted: Sequence[Accepted] = (),
    batch_label: calendar.Label = None,
    history_labels: Sequence[calendar.Label] | None = None,
) -> Verdict:
    """Scores a batch against its published history (oldest first).

    Labels (dates, window starts, or file names with dates in them) teach the calendar; without them the clocks in the
    data do. Fewer than two batches of history give only what needs no statistics.
    """
    profiles = [*history[-REMEMBERED:], batch]
    labels = [*(history_labels or [None] * len(history)), batch_label][-len(profiles) :]
    certain = schema_alerts(profiles)
    if len(profiles) < 3 or batch.rows == 0:
        return _verdict(certain, [], (), 1.3, len(history))
    scored = _score(profiles, labels, sensitivity)
    named = blamed(scored.keys, scored.scores)
    page = scored.calibration.page / scored.calibration.digest
    found = [scored.alert(column, kind, best, page) for (column, kind), best in named.items()]
    return _verdict(certain, found, scored.bands(), page, len(history), labels)


@dataclass(frozen=True)
class Scored:
    """Every figure of the batch with its score (1.0 makes a digest) and its learned bounds, in its own unit."""

    keys: tuple[Key, ...]
    scores: Array
    calibration: Calibration
    low: Array
    expected: Array
    high: Array
    seen: Array
    rows: Array
    scales: Array

    def said(self, at: int) -> Said:
        """The figure at a position in words."""
        low, expected, high, seen = (float(x[at]) for x in (self.low, self.expected, self.high, self.seen))
        if at < len(self.rows):
            return say_share(self.keys[at], low, expected, high, seen, float(self.rows[at]))
        return say_level(self.keys[at], low, expected, high, seen, float(self.scales[at - len(self.rows)]))

    def alert(self, column: str | None, kind: str, at: int, page: float) -> Alert:
        """The alert about a group, told by its strongest figure."""
        said, key, score = self.said(at), self.keys[at], float(self.scores[at])
        return Alert(
            column, kind, "page" if score >= page else "digest", round(score, 3), said.message, said.expected, said.observed,
            examples=(key.other,) if key.name in ("category", "pattern") and key.other else (),
            smallest_change=said.smallest,
        )  # fmt: skip

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


def _score(profiles: Sequence[Profile], labels: Sequence[calendar.Label], sensitivity: Sensitivity) -> Scored:
    days = calendar.days_of(labels)
    built = frame(profiles, [_figures(p) for p in profiles], days)
    weekdays = calendar.weekdays(profiles, days)
    shares = predict.surprise(built.shares, weekdays, shares=True)
    levels = predict.surprise(built.levels, weekdays, shares=False)
    z = np.hstack([shares.z, levels.z])
    keys = built.shares.keys + built.levels.keys
    numbers: dict[tuple[str | None, str], int] = {}
    groups = np.array([numbers.setdefault((k.column, k.kind), len(numbers)) for k in keys], dtype=np.int64)
    learned = calibrate(z[predict.first_scored(len(profiles) - 1) : -1], groups, sensitivity)
    split = len(built.shares.keys)
    rows = built.shares.b[-1]
    low, high = predict.share_limits(shares.expected, shares.support, rows, learned.bounds[:split])
    reach = learned.bounds[split:] * levels.support
    return Scored(
        keys,
        learned.scores(z[-1]),
        learned,
        low=np.concatenate([low, levels.expected - reach]),
        expected=np.concatenate([shares.expected, levels.expected]),
        high=np.concatenate([high, levels.expected + reach]),
        seen=np.concatenate([built.shares.a[-1] / np.maximum(rows, 1e-9), built.levels.a[-1]]),
        rows=rows,
        scales=built.scales,
    )


# Extracting is a third of the work; a replay meets every profile of the history again and again.
_EXTRACTED: WeakKeyDictionary[Profile, Figures] = WeakKeyDictionary()


def _figures(profile: Profile) -> Figures:
    found = _EXTRACTED.get(profile)
    if found is None:
        found = _EXTRACTED[profile] = extract(profile)
    return found


def _verdict(
    certain: list[Alert],
    found: list[Alert],
    bands: tuple[Band, ...],
    page: float,
    history: int,
    labels: Sequence[calendar.Label] = (),
) -> Verdict:
    everything = sorted([*certain, *found], key=lambda a: -a.score)
    score = everything[0].score if everything else 0.0
    alarmed = score >= 1.0
    alerts = tuple(a for a in everything if a.score >= (TOLD_WITH if alarmed else 1.0))
    below = tuple(a for a in everything if a not in alerts)
    outcome: Outcome = "learning" if history < LEARNING else "pass"
    if alerts:
        outcome = "page" if any(a.level == "page" for a in alerts) else "digest"
    return Verdict(outcome, round(score, 4), alerts, below, bands, unknown(history, labels))


def unknown(history: int, labels: Sequence[calendar.Label]) -> tuple[str, ...]:
    """What a short history can't tell yet, in sentences."""
    missing = []
    if history < LEARNING:
        missing.append(f"{history} earlier batches: what is usual is not known before {LEARNING}.")
    if history < 15:
        missing.append("Weekdays can't be told apart before two weeks of daily batches.")
    if history < 45:
        missing.append("Month ends can't be told apart before two of them were seen.")
    return tuple(missing)
