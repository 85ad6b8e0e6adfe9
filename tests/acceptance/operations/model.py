"""What a warehouse must hold after any steps in any order, in some two hundred lines that know nothing of SQL or files.

Held against the real thing by `world.py`. A key is in the live table at most once; a row is a key and a note.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

NARROW, WIDE = 3, 9
Row = tuple[int, str]
Content = tuple[Row, ...]
Live = dict[int, tuple[str, str]]
"""Key to (note, day of the row)."""


@dataclass
class Load:
    """A publish. `first`: it made the table, so that its own rows are kept nowhere but there. `whole`: the table before it.
    `torn`: rows of it were erased, and what was kept for its undo with them."""

    sequence: int
    day: str
    content: Content
    width: int
    put_in: Live
    taken_out: Live
    first: bool = False
    whole: Live | None = None
    replayed: Content | None = None
    erased: int = 0
    undone: bool = False
    lost: bool = False
    torn: bool = False

    @property
    def is_whole_batch(self) -> bool:
        return self.replayed is None


@dataclass
class Model:
    """What the warehouse must hold. `set_aside`: per day the open rows of quarantine."""

    mode: str
    days: tuple[str, ...]
    width: int = NARROW
    live: Live = field(default_factory=dict)
    exists: bool = False
    loads: list[Load] = field(default_factory=list)
    proofs: int = 0
    set_aside: dict[str, Content] = field(default_factory=dict)
    paused: bool = False

    def copy(self) -> Model:
        return deepcopy(self)

    def standing(self, day: str) -> Load | None:
        """The load of a day that stands; a replay adds rows to one and is none."""
        return next(
            (item for item in reversed(self.loads) if item.day == day and item.is_whole_batch and not item.undone), None
        )

    @property
    def gone(self) -> bool:
        """Whether a table with rows must be there and isn't."""
        return not self.exists and any(published(self.standing(day)) for day in self.days)

    def changed(self) -> bool:
        """Whether a count tells that others have changed the table."""
        if self.mode == "merge" or not self.exists or not self.loads:
            return False
        expected = 0
        for load in filter(None, map(self.standing, self.days)):
            replays = [
                item for item in self.loads if not item.is_whole_batch and item.day == load.day and not item.undone
            ]
            expected += published(load) - load.erased
            expected += sum(len(item.put_in) for item in replays if item.sequence > load.sequence)
        return len(self.live) != expected

    def refused(self, day: str, content: Content) -> bool:
        """Whether this content was rolled back the last time it was loaded."""
        alike = [item for item in self.loads
                 if item.is_whole_batch and (item.day, item.content, item.width) == (day, content, self.width)]  # fmt: skip
        return bool(alike) and alike[-1].undone and not alike[-1].lost

    def is_as_published(self, day: str, content: Content) -> bool:
        """Whether a table without windows has this content, as it is declared now, and nobody has changed it."""
        stands = self.standing(day)
        same = stands is not None and (stands.content, stands.width) == (content, self.width)
        return self.mode == "full_refresh" and same and not self.gone and not self.changed()

    def good(self, day: str, content: Content) -> Live:
        return {key: (note, day) for key, note in content if len(note) <= self.width}

    def load(self, day: str, content: Content, *, overridden: bool = False) -> str | None:
        """Load a batch; the code it must fail with, or None."""
        good = self.good(day, content)
        if self.gone and self.mode != "full_refresh":
            return "LIVE-MISSING"
        if self.mode == "append" and self.standing(day) is not None:
            return "APPEND-AGAIN"
        others = {key for key, (_, of) in self.live.items() if self.mode == "append" or of != day}
        if self.mode in ("append", "replace_window") and others & good.keys():
            return "KEY-EXISTS"
        emptied = self.mode == "full_refresh" and bool(self.live) and not good
        if emptied and not overridden:
            return "SHRINK-GUARD"
        before, first = dict(self.live), not self.exists
        put, taken, whole = good, Live(), None
        if self.mode == "replace_window":
            taken = {key: row for key, row in before.items() if row[1] == day}
        elif self.mode == "merge":
            put = {key: row for key, row in good.items() if before.get(key) != row}
            taken = {key: before[key] for key in put if key in before}
        elif self.mode == "full_refresh" and (good or emptied):
            taken, whole = before, None if first else before
        self.live = {key: row for key, row in before.items() if key not in taken} | put
        self.exists = True
        self.proofs += 1
        self.loads.append(Load(self.proofs, day, content, self.width, put, taken, first, whole))
        self.set_aside[day] = tuple(row for row in content if row[0] not in good)
        return None

    def replay(self, day: str) -> str | None:
        """Publish the open rows of a day that fit by now; the code it must fail with, or None."""
        waiting = self.set_aside.get(day, ())
        fit = self.good(day, waiting)
        if not fit:
            return None
        if self.gone:
            return "LIVE-MISSING"
        put = {key: row for key, row in fit.items() if key not in self.live}
        self.live |= put
        self.exists = True
        self.proofs += 1
        replayed = tuple(row for row in waiting if row[0] in put)
        self.set_aside[day] = tuple(row for row in waiting if row[0] not in put)
        self.loads.append(Load(self.proofs, day, (), self.width, put, {}, replayed=replayed))
        return None

    def last(self, day: str | None) -> list[Load]:
        return [item for item in self.loads if day in (None, item.day)][-1:]

    def since(self, sequence: int) -> list[Load]:
        """What stands and came after a load, newest first."""
        return [item for item in reversed(self.loads) if item.sequence > sequence and not item.undone]

    def undo(self, chosen: Iterable[Load]) -> str | None:
        """Take publishes back, newest first; the code it must fail with, or None."""
        targets = list(chosen)
        numbers = {item.sequence for item in targets}
        oldest = min(numbers)
        if self.mode == "merge" and any(
            item.sequence > oldest and item.sequence not in numbers and not item.undone for item in self.loads
        ):
            return "ROLLBACK-ORDER"
        if self.gone:
            return "LIVE-MISSING"
        wholes = [item for item in targets if item.whole is not None]
        live = dict(self.live)
        for item in targets:
            if wholes and item.sequence > wholes[-1].sequence:
                continue
            if item.whole is not None:
                on_top = [later for later in self.loads if later.sequence > wholes[0].sequence and not later.undone]
                grown = sum(len(later.put_in) - len(later.taken_out) for later in on_top)
                if len(live) != published(wholes[0]) - wholes[0].erased + grown:
                    return "LIVE-CHANGED"
                live = dict(item.whole)
                continue
            problem, live = self._taken_back(item, live)
            if problem is not None:
                return problem
        self.live = live
        for item in targets:
            self.proofs += 1
            item.undone = True
            if item.replayed is None:
                self.set_aside[item.day] = ()
            else:
                self.set_aside[item.day] = (*self.set_aside.get(item.day, ()), *item.replayed)
        return None

    def _taken_back(self, item: Load, live: Live) -> tuple[str | None, Live]:
        if self.mode == "full_refresh" and item.put_in and item.is_whole_batch:
            return "ROLLBACK-NOT-KEPT", {}
        if item.first and self.mode in ("replace_window", "merge"):
            inside = {key for key, row in live.items() if self.mode == "merge" or row[1] == item.day}
            ours = inside if item.put_in else set()
        else:
            ours = {key for key, row in item.put_in.items() if live.get(key) == row}
        if len(ours) != len(item.put_in):
            return "LIVE-CHANGED", {}
        left = {key: row for key, row in live.items() if key not in ours}
        return ("ROLLBACK-KEYS", {}) if left.keys() & item.taken_out.keys() else (None, left | item.taken_out)

    def note_lost(self) -> None:
        for item in self.loads:
            if not item.undone:
                item.undone = item.lost = True
                self.proofs += 1

    def discard(self, day: str) -> int:
        """Give up the open rows of a day; how many."""
        count = len(self.set_aside.get(day, ()))
        self.set_aside[day] = ()
        return count

    def erase(self, key: int) -> None:
        """Take a key out of everything that is kept."""
        gone = self.live.pop(key, None)
        if gone is not None:
            self.proofs += 1
            stands = self.standing(gone[1] if self.mode == "replace_window" else self.days[0])
            if stands is not None:
                stands.erased += 1
        for day, rows in self.set_aside.items():
            self.set_aside[day] = tuple(row for row in rows if row[0] != key)
        for item in self.loads:
            kept = [item.put_in, item.taken_out, item.whole or {}]
            item.torn = item.torn or any(key in rows for rows in kept)
            for rows in kept:
                rows.pop(key, None)
            if item.replayed is not None:
                item.replayed = tuple(row for row in item.replayed if row[0] != key)


def published(load: Load | None) -> int:
    """Rows that a load gave the table, those it found there unchanged included."""
    return 0 if load is None else sum(len(note) <= load.width for _, note in load.content)
