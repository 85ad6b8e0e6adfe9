"""What ended weeks ago and comes back: what the last weeks did counts more than that it was once there.

A way of writing dates that was given up, empty values that were filled since, a label that was renamed: the history holds both
forms, and so its own change makes the next one look usual. Such a share is held against the batches since it ended alone. A form
that comes and goes is no news: only what stayed away for longer than ever before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from expectations.drift import arriving
from expectations.drift.block import Array, Block
from expectations.drift.calibrate import LEAST, LEAST_WRITTEN
from expectations.drift.catalogue import having
from expectations.drift.first_time import nearness
from expectations.drift.frame import ALMOST, CLUSTERED
from expectations.drift.labels import GONE, STILL, since_it_ended
from expectations.drift.predict import binomial_surprise, share_limits
from expectations.drift.scored import Scored

KINDS = frozenset({"completeness", "format", "categories"})
PROGRAM = having("program")
# A share strays where one batch had so many times as many rows of it as another, by so many standard errors.
STRAYS = 3.0
SURELY = 4.0


def coming_back(shares: Block) -> dict[int, list[int]]:
    """The places of the shares that come back to none, to some or to all of the rows in the batch (the last row), each with the
    batches since they ended.
    """
    counted = shares.b > 0
    with np.errstate(invalid="ignore"):
        none, every = counted & (shares.a <= 0), counted & (shares.a >= (1 - ALMOST) * shares.b)
    followed = counted[-1] & shares.where(lambda key: key.kind in KINDS)
    found = {}
    for so in (none, every):
        rows = shares.a if so is none else shares.b - shares.a
        for ended in (so, counted & ~so):
            for place in np.flatnonzero(followed & ~ended[-1] & (ended.sum(axis=0) >= GONE)).tolist():
                there = np.flatnonzero(counted[:-1, place])
                absent = ended[there, place].tolist()
                since = since_it_ended(absent)
                if not since:
                    continue
                first = next((at for at in range(len(absent) - since - 1, -1, -1) if absent[at]), -1) + 1
                stood = there[first:-since]
                faded = _faded(rows[there[-since:], place], shares.b[there[-since:], place])
                if not faded and not _strays(rows[stood, place], shares.b[stood, place]):
                    found[place] = there[-since:].tolist()
    return found


def _faded(rows: Array, of: Array) -> bool:
    """Whether what was in these batches was nearly gone in the last of them: a version that another one replaces step by step."""
    share = rows / of
    return float(share[-1]) < STILL * float(np.median(share))


def _strays(rows: Array, of: Array) -> bool:
    """Whether what stood in these batches, in all rows of none, had clearly more of them in one than in another."""
    share = rows / of
    least, most = int(np.argmin(share)), int(np.argmax(share))
    if share[most] >= 1 - ALMOST or share[most] <= STRAYS * share[least]:
        return False
    two = (rows[[most]], of[[most]], rows[[least]], of[[least]])
    return abs(float(binomial_surprise(*two)[0])) > SURELY


def held(
    scored: Scored, since: Mapping[int, list[int]], explained: Array, arrived: Mapping[str | None, float]
) -> Scored:
    """With the shares that come back held against the batches since they ended, where that is nearer: against the one that had
    the most like it, as nobody knows how far they stray. What values that `arrived` take away is no news here, either.
    """
    shares = scored.frame.shares
    expected, low, high, scores = scored.expected.copy(), scored.low.copy(), scored.high.copy(), scored.scores.copy()
    nearer = scored.nearer.copy()
    for at, batches in since.items():
        key, own = shares.keys[at], [*batches, -1]
        then = Block((key,), shares.a[own][:, [at]], shares.b[own][:, [at]])
        near = nearness(then, Block((), then.a[:, :0], then.b[:, :0]))
        least = LEAST_WRITTEN if key.of in PROGRAM else LEAST
        bound = least * (1 + 2 / len(batches)) * near * scored.voices[at] * scored.calibration.digest
        rows, of = _most_like(then)
        z = binomial_surprise(*(x / CLUSTERED for x in (then.a[-1], then.b[-1], rows, of)))
        no_news = max(explained[at], arriving.explained([key], scored.seen[[at]] - rows / of, arrived)[0])
        score = float((np.abs(z) / bound)[0]) * (1 - no_news)
        if score > scores[at]:
            scores[at], expected[at], nearer[at] = score, (rows / of)[0], near[0]
            limits = share_limits(rows / of, of, then.b[-1], bound)
            low[at], high[at] = limits[0][0], limits[1][0]
    return replace(scored, scores=scores, expected=expected, low=low, high=high, nearer=nearer)


def _most_like(then: Block) -> tuple[Array, Array]:
    """The rows, and of how many, that the batches since had: all of them together where these had one and the same share, else
    those of the batch that is most like the last.
    """
    rows, of = then.a[:-1], then.b[:-1]
    share = rows / of
    if float(np.ptp(share)) <= ALMOST:
        return rows.sum(axis=0), of.sum(axis=0)
    nearest = int(np.argmin(np.abs(share - then.a[-1] / then.b[-1])))
    return rows[nearest], of[nearest]
