"""Every text of the notices, from one catalogue."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


def text(key: str, language: str = "en", **parts: object) -> str:
    """The text at a dotted key with its parts filled in; KeyError for a key nobody wrote.

    A language that isn't there reads as English. Where the catalogue has `one` and `other`, the part `n` decides.
    """
    found: Any = _catalogue(language)
    for part in key.split("."):
        found = found[part]
    if isinstance(found, dict):
        found = found["one" if parts.get("n") == 1 else "other"]
    return str(found).format(**parts)


def known(key: str) -> bool:
    """Whether the catalogue has a text at this key."""
    found: Any = _catalogue("en")
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


@cache
def _catalogue(language: str) -> dict[str, Any]:
    texts: dict[str, Any] = json.loads((Path(__file__).parent / "texts.json").read_text(encoding="utf-8"))
    chosen: dict[str, Any] = texts.get(language, texts["en"])
    return chosen
