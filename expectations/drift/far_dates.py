"""How far a time lies from its batch's date, held against the furthest that ever came.

One that is decades off is news, however few such rows there are, and however widely the share of early and late ones strays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from expectations.drift.calibrate import SHOWN
from expectations.drift.compare import each_clock
from expectations.profile.model import Profile
from expectations.profile.numbers import DAY

# A batch whose times all lie within a day has shown nothing of how late a late one may be.
ROOM = 61.0 * DAY


def further(profiles: Sequence[Profile], days: Sequence[float | None]) -> Mapping[tuple[str, str], float]:
    """By column and side (`early`, `late`): how many times as far from the batch's date its outermost time lies as that of any
    batch before it, two months added to both. Of what lies no further nothing is said, nor where fewer than `SHOWN` came before.
    """
    if any(day is None for day in days) or len(profiles) <= SHOWN:
        return {}
    starts, found = np.array(days, dtype=float) * DAY, {}
    for name, clocks in each_clock(profiles):
        ends = np.array([(clock.quantiles[0], clock.quantiles[-1]) for clock in clocks])
        for side, outermost in (("early", starts - ends[:, 0]), ("late", ends[:, 1] - starts)):
            furthest = max(0.0, float(outermost[:-1].max()))
            if outermost[-1] > furthest:
                found[name, side] = (float(outermost[-1]) + ROOM) / (furthest + ROOM)
    return found
