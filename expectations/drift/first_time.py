"""How near the threshold of a figure lies: nearer where it never was so before, further where it is only an estimate.

That a value is unseen in a closed set, that rows stand there twice or in another order, is cheap and certain evidence where the
history never had it. What a fit over other columns leaves, or the mean of a few rows within one value, is neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from expectations.drift.block import Array, Block
from expectations.drift.catalogue import Name, having, known
from expectations.drift.figures import Key

# Of the usual threshold, where every batch of the history had the same share; and where none came as far to that side.
NEVER = 0.65
BEYOND = 0.75
# Of the usual threshold, for what is estimated from other columns, from few rows, or of numbers that only name things.
ESTIMATED = 1.2
NAMES = 1.3
# Of the usual threshold, for what varies with the world: values, and what holds between them; and for values of a column that
# mostly rests, as rain does.
VARIES = 1.1
RESTED = 1.2
# A share that is nearly all of the rows.
ALL_BUT = 0.999
# Of the usual threshold, where a batch of the history had as much.
INSIDE = 1.2
# Batches that must have shown a figure for "never" to say something.
SHOWN = 10
CERTAIN, FAR, ESTIMATES, WORLD = having("never"), having("beyond"), having("estimate"), having("world")
OF_VALUES, OF_NAMES = having("of_values"), having("of_names")
UNSEEN, STANDS = known("reference", "unseen"), having("stands")
ROWS = known("volume", "rows")
# Of so many rows that do not depend on each other a fifth is one standard deviation.
BY_LUCK = 30
_CAMEL = re.compile(r".*[a-z](?:Id|ID|Key|No|Nr|Code|Number)\Z")
_SNAKE = re.compile(r"(?:.*[_ ])?(?:id|key|no|nr|code|zip|number)\Z", re.IGNORECASE)


def names_things(column: str | None) -> bool:
    """Whether a column is called like an id: `user_id`, `InvoiceNo`, `zip`."""
    return column is not None and (_SNAKE.match(column) or _CAMEL.match(column)) is not None


def nearness(
    shares: Block, levels: Block, resting: frozenset[str | None] = frozenset(), written: frozenset[Key] = frozenset(),
    beyond: bool = False, directions: frozenset[str | None] = frozenset(),
) -> Array:  # fmt: skip
    """Where the threshold of every figure of the batch (the last row) lies, in units of the usual one; shares first.

    What values the columns `resting` have when they move, their history has hardly shown; `written` figures don't vary with
    the world; the sizes and spreads of `directions` say as little as those of ids. With `beyond` a batch is meant that lies
    beyond every one of the history, whatever this one holds.
    """
    of_rows, values = _ratio(shares), levels.a
    if beyond:
        of_rows, values = _beyond(of_rows, ALL_BUT), _beyond(values, np.inf)
    result = np.concatenate([_of(shares, of_rows), _of(levels, values)])
    for i, key in enumerate(shares.keys + levels.keys):
        if key.of in ESTIMATES:
            result[i] = ESTIMATED
        elif key.of in OF_NAMES and (key.column in directions or names_things(key.column)):
            result[i] = NAMES
        elif key.column in resting and key.of in OF_VALUES:
            result[i] = RESTED
        elif key.of in WORLD and result[i] == 1.0 and key not in written:
            result[i] = VARIES
    return result


def of_rows(
    keys: Sequence[Key], near: Array, before: Array, now: Array, expected: Array, beyond: bool = False
) -> Array:
    """The same with the number of rows, which is a fact and no estimate: told early where no batch of the history (misses of the
    batches x figures) missed what was expected of it by as much to that side, whatever other weekdays have; with `beyond` always.
    Of the few rows that were `expected` (the logarithm of how many) a third may be missing by luck.
    """
    result = near.copy()
    for at in (i for i, key in enumerate(keys) if key.of == ROWS and expected[i] >= np.log(BY_LUCK)):
        known = before[np.isfinite(before[:, at]), at]
        furthest = float(np.max(known * np.sign(now[at]), initial=0.0))
        if len(known) >= SHOWN and (beyond or abs(now[at]) > furthest):
            result[at] = BEYOND
    return result


def _beyond(values: Array, most: float) -> Array:
    """The same history with a last batch just above every one of it."""
    highest = np.where(np.isnan(values[:-1]), -np.inf, values[:-1]).max(axis=0, initial=-np.inf)
    return np.vstack([values[:-1], np.minimum(highest + 1e-3, most)])


def _ratio(shares: Block) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.where(shares.b > 0, shares.a / shares.b, np.nan))


def _of(block: Block, values: Array) -> Array:
    history, seen = values[:-1], values[-1]
    known = np.isfinite(history).sum(axis=0) >= SHOWN
    low = np.where(np.isnan(history), np.inf, history).min(axis=0, initial=np.inf)
    high = np.where(np.isnan(history), -np.inf, history).max(axis=0, initial=-np.inf)
    beyond = known & ((seen < low) | (seen > high))
    # A column of one value in each batch has another one now and then: that all rows are new is one observation.
    one = _among(block.keys, frozenset({UNSEEN})) & (seen >= 1)
    never = beyond & (low == high) & _among(block.keys, CERTAIN) & ~one
    # A clock of whole hours stands still for weeks and then moves by one.
    far = beyond & _among(block.keys, FAR) & ~one & ((low < high) | ~_among(block.keys, STANDS))
    inside = known & (low <= seen) & (seen <= high) & (low < high)
    return np.select([never, far, inside], [NEVER, BEYOND, INSIDE], 1.0)


def _among(keys: Sequence[Key], names: frozenset[Name]) -> NDArray[np.bool_]:
    return np.array([key.of in names for key in keys], dtype=bool)
