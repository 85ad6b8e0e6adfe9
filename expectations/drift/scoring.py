"""Every figure of a batch with its score and its learned bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from expectations.drift import arriving, calendar, crowds, early, far_dates, first_time, predict, returned, volume
from expectations.drift.acceptance import further_of_kind, rebased, voices
from expectations.drift.blame import FLOOR
from expectations.drift.block import Array
from expectations.drift.calibrate import (
    ABSURD,
    LEAST,
    LEAST_CLOSED,
    LEAST_SLOW,
    LEAST_VOLUME,
    LEAST_WRITTEN,
    NEAREST,
    calibrate,
    furthest,
)
from expectations.drift.catalogue import having, known
from expectations.drift.extract import extract
from expectations.drift.figures import Figures, Key
from expectations.drift.frame import Frame, frame
from expectations.drift.model import Accepted, Lowered, Sensitivity
from expectations.drift.scored import ROWS, Scored
from expectations.drift.slow import WEEK, carried, slow_surprise
from expectations.profile.model import Profile

# A batch that came this near moved its week by itself.
STEPPED = 0.5
# A slow movement that was this far out in one of the batches of the week before was told then, and is told once: what was
# learned since then may have moved its threshold a little.
AGAIN = 0.95
# The weeks that are compared for slow drift overlap: a season wanders further than the few that share no day have shown.
OVERLAP = 1.5
# A weekday that the history never showed may differ by this much more, but for what has nothing to do with the day.
UNKNOWN = 4.0
# Rows of one hour of a day, as a share, where some hours have more.
ONE_HOUR = 0.1
# A quantile has moved where so many of the rows have, as a share.
JUMPED = 0.06
EXTREMES, STANDS, EVERY_DAY = having("extreme"), having("stands"), having("any_weekday")
HOUR, SHIFT = known("clock", "hour"), known("clock", "shift")
PAUSE = known("clock", "pause")
QUANTILE, BELOW_USUAL = known("values", "quantile"), known("values", "below_usual")
SPELLED = having("spelled")
LENGTH = known("format", "length")
SAME_AS_NEXT = known("order", "same_as_next")
OUTERMOST = {known("clock", f"{side}{limit}"): side for side in ("early", "late") for limit in ("", "_limit")}


def score(
    profiles: Sequence[Profile],
    labels: Sequence[calendar.Label],
    sensitivity: Sensitivity,
    accepted: Sequence[Accepted],
    lowered: Sequence[Lowered] = (),
    beyond: bool = False,
) -> Scored:
    """Scores the last profile against those before it; at least two of them.

    With `beyond` the bounds are those of a batch that lies beyond every one before, and not as they are for what it holds.
    """
    days = calendar.days_of(labels)
    built = rebased(frame(profiles, [_figures(p) for p in profiles], days), accepted, labels)
    weekdays = calendar.weekdays(profiles, days)
    shares = predict.surprise(built.shares, weekdays, shares=True)
    levels = predict.surprise(built.levels, weekdays, shares=False)
    z = np.hstack([shares.z, levels.z])
    keys = built.shares.keys + built.levels.keys
    before = z[predict.first_scored(len(profiles) - 1) : -1]
    learned = calibrate(
        before, _groups(keys), np.concatenate([shares.floor, levels.floor]), _least(keys, built), sensitivity
    )
    split = len(built.shares.keys)
    rows = built.shares.b[-1]
    if weekdays[-1] is not None and weekdays[-1] not in weekdays[:-1]:
        learned = replace(learned, reach=learned.reach * np.array([1 if k.of in EVERY_DAY else UNKNOWN for k in keys]))
    nearer = first_time.nearness(built.shares, built.levels, built.resting, built.written, beyond, built.directions)
    expected = np.concatenate([shares.expected, levels.expected])
    nearer = first_time.of_rows(keys, nearer, before, z[-1], expected, beyond)
    said = voices(keys, lowered)
    learned = replace(learned, reach=learned.reach * nearer * said)
    low, high = predict.share_limits(shares.expected, shares.support, rows, learned.bounds[:split])
    reach = learned.bounds[split:] * levels.support
    seen = np.concatenate([built.shares.a[-1] / np.maximum(rows, 1e-9), built.levels.a[-1]])
    back = returned.coming_back(built.shares)
    anew = predict.begins_anew(built.levels, levels.way)
    miss = seen - expected
    explained = _explained(built, z[-1], miss, calendar.turned_clocks(profiles, days), tuple(back), anew)
    arrived = arriving.arriving(profiles)
    explained = np.maximum(explained, arriving.explained(keys, miss, arrived))
    scored = Scored(
        keys,
        learned.scores(z[-1] * (1 - explained)),
        learned,
        before,
        low=np.concatenate([low, levels.expected - reach]),
        expected=expected,
        high=np.concatenate([high, levels.expected + reach]),
        seen=seen,
        rows=rows,
        frame=built,
        nearer=nearer,
        slow=_slow(built, sensitivity, _stepped(keys, before, learned.bounds / np.maximum(nearer, 1.0)), lowered),
        voices=said,
        sensitivity=sensitivity,
    )
    if len(profiles) <= early.KNOWN:
        certain = np.abs(np.nan_to_num(z[-1] * (1 - explained))) >= early.CERTAIN
        return _of_few(scored, profiles, days, weekdays, certain)
    scored = _by_count(scored, weekdays, sensitivity, crowds.rows_of_one(profiles))
    scored = _by_dates(_by_furthest(scored, sensitivity), sensitivity, far_dates.further(profiles, days))
    return returned.held(scored, back, explained, arrived)


def _of_few(
    scored: Scored, profiles: Sequence[Profile], days: Sequence[float | None], weekdays: Sequence[int | None],
    certain: NDArray[np.bool_],
) -> Scored:  # fmt: skip
    """With every figure held against the furthest that the few batches of the history showed, and told by that alone where it is
    plain and `certain`; of numbers that only go on, how large they are is no news.
    """
    built = scored.frame
    shown = early.shown(
        built.shares, built.levels, built.written, calendar.within_a_day(profiles, days),
        early.is_new_day(weekdays), NEAREST[scored.sensitivity] * scored.voices,
    )  # fmt: skip
    plain = certain & np.array([key.of in early.PLAIN for key in scored.keys])
    far, of_rows = shown.reached(scored.seen), np.arange(len(scored.keys)) < len(scored.rows)
    low = np.where(of_rows, np.maximum(shown.low, 0.0), shown.low)
    high = np.where(of_rows, np.minimum(shown.high, 1.0), shown.high)
    went_on = early.going_on(profiles)
    for at, key in enumerate(scored.keys):
        if key.of in early.SIZES and key.column in went_on:
            far[at] = 0.0 if went_on[key.column] else min(far[at], early.NO_PAGE)
    return replace(
        scored,
        scores=np.where(plain, far, np.minimum(scored.scores, far)),
        low=np.where(plain, low, np.fmin(scored.low, low)),
        high=np.where(plain, high, np.fmax(scored.high, high)),
        nearer=np.ones(len(scored.keys)),
    )


def _by_count(scored: Scored, weekdays: Sequence[int | None], sensitivity: Sensitivity, each: float) -> Scored:
    """With the number of rows, of which `each` order has so many, held against the fewest and most that ever were, where that is
    nearer.
    """
    at = next((i for i, key in enumerate(scored.keys) if key.of == ROWS), None)
    if at is None:
        return scored
    counted = scored.frame.levels.a[:, at - len(scored.rows)]
    known = np.isfinite(counted)
    few, many = volume.limits(np.rint(np.exp(counted[known])).tolist(), list(compress(weekdays, known.tolist())), each)
    expected, seen = float(scored.expected[at]), float(scored.seen[at])
    low, high, scores = scored.low.copy(), scored.high.copy(), scored.scores.copy()
    usual = float(np.median(counted[known][:-1]))
    times = NEAREST[sensitivity] * float(scored.voices[at])
    score, few, many = volume.held(seen, expected if few < expected < many else usual, few, many, times)
    low[at], high[at] = max(low[at], few), min(high[at], many)
    scores[at] = max(scores[at], score)
    return replace(scored, low=low, high=high, scores=scores)


def _by_furthest(scored: Scored, sensitivity: Sensitivity) -> Scored:
    """With the largest and smallest number held against the furthest that ever were, where that is nearer."""
    built, split = scored.frame, len(scored.rows)
    low, high, scores = scored.low.copy(), scored.high.copy(), scored.scores.copy()
    for i, size in furthest(built.levels, built.scales).items():
        at, side = split + i, scored.keys[split + i].figure.side
        times = ABSURD ** (NEAREST[sensitivity] * float(scored.voices[at]))
        limit = side * math.asinh(times * size / built.scales[i])
        low[at], high[at] = (low[at], min(high[at], limit)) if side > 0 else (max(low[at], limit), high[at])
        seen = side * math.sinh(float(scored.seen[at])) * float(built.scales[i])
        if seen > size:
            scores[at] = max(scores[at], math.log(seen / size) / math.log(times))
    return replace(scored, low=low, high=high, scores=scores)


def _by_dates(scored: Scored, sensitivity: Sensitivity, further: Mapping[tuple[str, str], float]) -> Scored:
    """With rows early or late by so many times what any batch showed told for that, where it is nearer than how many they are."""
    high, scores = scored.high.copy(), scored.scores.copy()
    for at, key in enumerate(scored.keys):
        times = further.get((key.column or "", OUTERMOST.get(key.of, "")))
        if times is not None:
            score = math.log(times) / (math.log(ABSURD) * NEAREST[sensitivity] * float(scored.voices[at]))
            # How many they are says whether anybody has to get up.
            scores[at] = max(scores[at], min(score, early.NO_PAGE))
            high[at] = min(high[at], 0.0) if score >= 1 else high[at]
    return replace(scored, high=high, scores=scores)


def _explained(built: Frame, z: Array, miss: Array, turned: int, back: Sequence[int], anew: NDArray[np.bool_]) -> Array:
    """The share of every miss that is no news: what is less new, or further in, than usual; a largest or smallest number as
    large as one that was there before; none or all rows where that is common, but of what comes `back`; a quantile that jumped
    over a gap between numbers where few rows did; how texts are written that all stood there lately; that rows are more alike
    than usual, of their order; the change of the clocks; levels that begin `anew` as they did before.
    """
    shares, levels = built.shares, built.levels
    side = np.array([key.figure.side for key in shares.keys + levels.keys])
    outward = side[len(shares.keys) :] * levels.a
    with np.errstate(invalid="ignore"):
        before = levels.where(lambda key: key.of in EXTREMES) & (outward[:-1] >= outward[-1]).any(axis=0)
    common = predict.is_common(shares)
    common[list(back)] = False
    no_news = (side * z < 0) | np.concatenate([common, before | anew])
    result = np.maximum(no_news, _by_the_clocks(shares.keys + levels.keys, miss, turned))
    for i, key in enumerate(shares.keys + levels.keys):
        known = built.familiar.get(key.column, 0.0)
        if key.of in SPELLED and known == 1:
            result[i] = 1.0
        elif key.of == LENGTH:
            # A mean over all rows goes by the mix of those whose texts stood there lately.
            result[i] = max(result[i], known)
    for i, key in enumerate(shares.keys):
        if key.of == SAME_AS_NEXT and miss[i] > 0:
            result[i] = max(result[i], min(1.0, built.mixed.get(key.column, 0.0) / float(miss[i])))
    moved = {(k.column, k.other): abs(float(miss[i])) for i, k in enumerate(shares.keys) if k.of == BELOW_USUAL}
    for i, key in enumerate(levels.keys, start=len(shares.keys)):
        if key.of == QUANTILE and (key.column, key.other) in moved:
            result[i] = max(result[i], 1 - moved[key.column, key.other] / JUMPED)
    return np.asarray(result)


def _by_the_clocks(keys: Sequence[Key], miss: Array, turned: int) -> Array:
    """The share of each miss that a change of the clocks explains, where there was one: an hour, in its direction."""
    result = np.zeros(len(keys))
    for i, key in enumerate(keys if turned else ()):
        if key.of == HOUR:
            # How often each hour comes moves with all of them.
            result[i] = 1.0
        elif key.of == PAUSE:
            # A local day has no such hour.
            result[i] = min(1.0, ONE_HOUR / max(abs(float(miss[i])), 1e-9))
        elif key.of == SHIFT or (key.of in STANDS and miss[i] * turned > 0):
            result[i] = min(1.0, 1 / max(abs(float(miss[i])), 1e-9))
    return result


def _least(keys: Sequence[Key], built: Frame, usual: float = LEAST, rows: float = LEAST_VOLUME) -> Array:
    nearer = dict.fromkeys(built.closed, LEAST_CLOSED) | dict.fromkeys(built.written, LEAST_WRITTEN)
    nearer |= {key: rows for key in keys if key.of == ROWS}
    return np.array([nearer.get(key, usual) for key in keys])


def _groups(keys: Sequence[Key]) -> list[NDArray[np.int64]]:
    return [_numbered([(k.column, k.kind, k.name) for k in keys]), _numbered([(k.kind, k.name) for k in keys])]


def _numbered(names: Sequence[tuple[str | None, ...]]) -> NDArray[np.int64]:
    numbers: dict[tuple[str | None, ...], int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _stepped(keys: Sequence[Key], before: Array, bounds: Array) -> frozenset[str | None]:
    """Columns that strayed in a single batch of the last two weeks: they moved at once, which was told, and not slowly."""
    strayed = np.any(np.abs(np.nan_to_num(before[-2 * WEEK :])) >= STEPPED * bounds, axis=0)
    return frozenset(key.column for key in compress(keys, strayed.tolist()))


def _slow(
    built: Frame, sensitivity: Sensitivity, stepped: frozenset[str | None], lowered: Sequence[Lowered]
) -> tuple[tuple[int, float], ...]:
    """Figures that moved slowly, with their scores, strongest first."""
    positions, z = slow_surprise(built.shares, built.levels)
    if not positions:
        return ()
    every = built.shares.keys + built.levels.keys
    keys = [every[i] for i in positions]
    # Weeks that share days with the batch's own would show the same movement and call it usual.
    floor = np.full(len(positions), predict.CHANCE)
    least = _least(keys, built, LEAST_SLOW, LEAST_SLOW)
    learned = calibrate(z[:-WEEK], _groups(keys), floor, least, sensitivity)
    said = np.array([further_of_kind(key.column, "slow_drift", lowered) for key in keys])
    further = said * (1 + OVERLAP * WEEK / len(z[:-WEEK]))
    scores = learned.scores(z[-1]) / further
    told = np.max([learned.scores(row) / further for row in z[-1 - WEEK : -1]], axis=0)
    # What the batches before had to tell of a column is told.
    quiet = stepped | {key.column for key in compress(keys, (told >= AGAIN).tolist())}
    found = [
        (positions[i], float(scores[i]))
        for i in np.argsort(-scores).tolist()
        if scores[i] >= FLOOR and keys[i].column not in quiet
    ]
    return tuple((at, value) for at, value in found if carried(built.shares, built.levels, at))


# Extracting is a third of the work; a replay meets every profile of the history again and again.
_EXTRACTED: WeakKeyDictionary[Profile, Figures] = WeakKeyDictionary()


def _figures(profile: Profile) -> Figures:
    found = _EXTRACTED.get(profile)
    if found is None:
        found = _EXTRACTED[profile] = extract(profile)
    return found
