"""Load modes, and what follows from each for those who needn't know which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["full_refresh", "append", "replace_window", "merge"]


@dataclass(frozen=True, slots=True)
class ModeFacts:
    """What a batch does to the rows that are there; none of these: it only adds to them, once."""

    replaces_table: bool = False
    """The live table as a whole gives way to it."""
    replaces_window: bool = False
    """The live rows of its window give way to it."""
    merges: bool = False
    """Rows of the same key give way to it, whichever batch they came with."""

    @property
    def only_adds(self) -> bool:
        """A batch can't be loaded again, since nothing takes its rows away."""
        return not (self.replaces_table or self.replaces_window or self.merges)


MODES: Mapping[str, ModeFacts] = {
    "full_refresh": ModeFacts(replaces_table=True),
    "append": ModeFacts(),
    "replace_window": ModeFacts(replaces_window=True),
    "merge": ModeFacts(merges=True),
}
