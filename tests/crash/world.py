"""The source whose rows are known: what every window holds, and what the warehouse must hold after each load.

One `World` belongs to one worker. Its CSV windows are served over HTTP; the rows of `merge` live in a PostgreSQL table
that keeps every version of a key, so that a batch holds a key several times and only the latest may arrive.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from targets import BAD_AMOUNT, COLUMNS, FIRST_DAY, Target

NOTES = (None, "", "plain", 'a "quoted" word', "two\nlines", "comma, and; more", "back\\slash", "zero\u200bwidth", "😀",
         "  padded  ", "NULL", "\\N", "'")  # fmt: skip
Values = tuple[int, datetime, int | None, str | None, datetime]


@dataclass(frozen=True)
class Batch:
    """The content of one window: rows as a reader must see them, those that must be set aside (as they will read when
    they are replayed), the CSV text."""

    good: tuple[Values, ...]
    bad: tuple[Values, ...]
    text: bytes

    @property
    def extracted(self) -> int:
        return len(self.good) + len(self.bad)


NOTHING = Batch((), (), b"")


@dataclass
class World:
    """Contents by (target, label), and the model of what is loaded."""

    content: dict[tuple[str, str], Batch] = field(default_factory=dict)
    loaded: dict[str, dict[str, Batch]] = field(default_factory=dict)
    versions: dict[int, Values] = field(default_factory=dict)
    cut: set[tuple[str, str]] = field(default_factory=set)
    """(target, label) of what breaks off in the middle the next time it is read."""

    def set(self, target: Target, label: str, batch: Batch) -> None:
        """From now on the source gives this for the window (an empty text: there is no such file)."""
        self.content[target.name, label] = batch

    def now_loaded(self, target: Target, label: str) -> None:
        """The model after a load of the window as the source has it."""
        batch = self.content[target.name, label]
        if target.mode == "full_refresh":
            self.loaded[target.name] = {label: batch}
        else:
            self.loaded.setdefault(target.name, {})[label] = batch
        if target.mode == "merge":
            for row in batch.good:
                if row[0] not in self.versions or row[4] >= self.versions[row[0]][4]:
                    self.versions[row[0]] = row

    def forget(self, target: Target) -> None:
        """The target starts anew."""
        self.loaded.pop(target.name, None)
        if target.mode == "merge":
            self.versions.clear()

    def rows(self, target: Target) -> list[Values]:
        """What readers must see, in order."""
        if target.mode == "merge":
            return sorted(self.versions.values())
        return sorted(row for batch in self.loaded.get(target.name, {}).values() for row in batch.good)

    def set_aside(self, target: Target) -> list[tuple[str, int]]:
        """(label, id) of every row that must be in quarantine, in order."""
        loaded = self.loaded.get(target.name, {})
        return sorted((label, row[0]) for label, batch in loaded.items() for row in batch.bad)

    def now_replayed(self, target: Target, label: str) -> None:
        """The model after the window's rows were replayed under the mended contract."""
        batch = self.loaded[target.name][label]
        self.loaded[target.name][label] = Batch(batch.good + batch.bad, (), batch.text)

    def snapshot(self, target: Target) -> tuple[dict[str, Batch], dict[int, Values]]:
        return dict(self.loaded.get(target.name, {})), dict(self.versions)

    def now_rolled_back(self, target: Target, label: str, before: tuple[dict[str, Batch], dict[int, Values]]) -> None:
        """The model after the last load of `label` was undone. What an earlier load of it had set aside was replaced by
        that load and doesn't come back."""
        loaded, versions = before
        if label in loaded:
            loaded[label] = Batch(loaded[label].good, (), loaded[label].text)
        self.loaded[target.name] = loaded
        if target.mode == "merge":
            self.versions = versions


def make_batch(dice: random.Random, target: Target, day: int, first_id: int, bad_share: float = 0.08) -> Batch:
    """A window's rows drawn anew: some bad, some with awkward texts, NULL and '' side by side."""
    start = FIRST_DAY + timedelta(days=day)
    good: list[Values] = []
    bad: list[Values] = []
    lines = [",".join(COLUMNS)]
    for number in range(first_id, first_id + dice.randint(12, 60)):
        happened = start + timedelta(seconds=dice.randrange(86_400))
        updated = happened if target.mode != "merge" else start + timedelta(microseconds=dice.randrange(86_400_000_000))
        amount = None if dice.random() < 0.1 else dice.randint(-1000, 1000)
        note = dice.choice(NOTES) if dice.random() < 0.5 else f"{dice.getrandbits(160):x}"
        key = dice.randrange(200) if target.mode == "merge" else number
        # Never more than is tolerated, however the dice fall.
        if dice.random() < bad_share and len(bad) < len(good):
            bad.append((key + 1_000_000, happened, None, note, updated))
            lines.append(csv_line((key + 1_000_000, happened, BAD_AMOUNT, note, updated)))
        else:
            row: Values = (key, happened, amount, note, updated)
            good.append(row)
            lines.append(csv_line(row))
    return Batch(tuple(good), tuple(bad), ("\n".join(lines) + "\n").encode())


def together(old: Batch, new: Batch) -> Batch:
    """A window that has grown: rows that were committed late."""
    lines = old.text + new.text.partition(b"\n")[2]
    return Batch(old.good + new.good, old.bad + new.bad, lines)


def csv_line(row: Iterable[object]) -> str:
    """A record of RFC 4180; None is an empty field, an empty text a pair of quotes."""
    return ",".join(_field(value) for value in row)


def etag(batch: Batch) -> str:
    return hashlib.sha256(batch.text).hexdigest()[:32]


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", timespec="microseconds")
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace('"', '""') + '"'
