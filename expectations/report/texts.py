"""Every text of the report, from one catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from expectations.catalogue import is_known, said

_FILE = Path(__file__).parent / "texts.json"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts, by dotted keys."""

    def __call__(self, key: str, **parts: object) -> str:
        """See `said`."""
        return said(_FILE, key, parts)

    def known(self, key: str) -> bool:
        """Whether the catalogue has a text at this key."""
        return is_known(_FILE, key)
