"""Texts for people, kept apart from code: a JSON file, asked by dotted keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


def said(file: Path, key: str, parts: Mapping[str, object]) -> str:
    """The text at a dotted key with its parts filled in; KeyError for a key nobody wrote.

    Where the catalogue has `one` and `other`, the part `n` decides.
    """
    found: Any = _catalogue(file)
    for part in key.split("."):
        found = found[part]
    n = parts.get("n")
    if isinstance(found, dict):
        found = found["one" if n == 1 else "other"]
    return str(found).format(**{**parts, "n": f"{n:,}"} if isinstance(n, int) else parts)


def is_known(file: Path, key: str) -> bool:
    """Whether the catalogue has a text at this key."""
    found: Any = _catalogue(file)
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


@cache
def _catalogue(file: Path) -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return texts
