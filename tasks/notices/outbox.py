"""Notices on their way, on local disk: nothing that was to be told is lost with a channel, a process or the warehouse.

A message lies here from before its first try until a channel has taken it. Putting the same one twice, or after it was
sent, does nothing; killed between delivery and its note, it is sent a second time rather than not at all.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from tasks.notices.notice import Notice

KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice for one channel. `stand_in`: sent here because another channel failed. `held`: waits for its hours."""

    notice: Notice
    channel: str
    put_at: datetime
    not_before: datetime | None = None
    held: bool = False
    tries: int = 0
    stand_in: bool = False
    failure: str = ""

    @property
    def name(self) -> str:
        # Sorted by name, letters of one channel leave in the order in which they were written.
        digest = hashlib.sha256(f"{self.notice.identity}@{self.channel}".encode()).hexdigest()[:16]
        return f"{self.notice.at:%Y%m%dT%H%M%S}-{digest}.json"


_LETTER = TypeAdapter(Letter)


class Outbox:
    """The outbox below a state folder. Making one writes nothing."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "outbox"
        self._sent = self.folder / "sent"

    def put(self, letter: Letter) -> bool:
        """Keep a letter; False when it is here or was sent already."""
        if (self._sent / letter.name).exists() or (self.folder / letter.name).exists():
            return False
        self.keep(letter)
        return True

    def keep(self, letter: Letter) -> None:
        """Write a letter, or its new state; whole or not at all."""
        self._sent.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".{letter.name}.{secrets.token_hex(4)}"
        fresh.write_bytes(_LETTER.dump_json(letter))
        fresh.replace(self.folder / letter.name)

    def letters(self) -> Iterator[Letter]:
        """Everything that waits, oldest first. A file that can't be read is set aside, not lost."""
        for file in sorted(self.folder.glob("*.json")):
            try:
                yield _LETTER.validate_json(file.read_bytes())
            except FileNotFoundError:
                continue
            except ValueError:
                file.replace(file.with_suffix(".unreadable"))

    def sent(self, letter: Letter) -> None:
        """Note that a channel took it."""
        self._sent.mkdir(parents=True, exist_ok=True)
        (self._sent / letter.name).touch()
        (self.folder / letter.name).unlink(missing_ok=True)

    def withdraw(self, thread: str, channel: str) -> int:
        """Take back what nobody has seen yet of an incident, because it waits for its hours; how many it was."""
        unseen = [
            item for item in self.letters() if item.held and (item.notice.thread, item.channel) == (thread, channel)
        ]
        for letter in unseen:
            self.sent(letter)
        return len(unseen)

    def forget(self, now: datetime) -> None:
        """Drop notes about letters sent long ago."""
        limit = (now - timedelta(days=KEPT_DAYS)).strftime("%Y%m%dT%H%M%S")
        for file in self._sent.glob("*.json"):
            if file.name < limit:
                file.unlink(missing_ok=True)
