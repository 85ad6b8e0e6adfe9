"""Every text of the notices, from one catalogue."""

from __future__ import annotations

from pathlib import Path

from expectations.catalogue import is_known, said

_FILE = Path(__file__).parent / "texts.json"


def text(key: str, **parts: object) -> str:
    """See `said`."""
    return said(_FILE, key, parts)


def known(key: str) -> bool:
    """Whether the catalogue has a text at this key."""
    return is_known(_FILE, key)
