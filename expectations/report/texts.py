"""Every text of the report, from one catalogue; a text may have a form for one and a form for other numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; a language that isn't there reads as English."""

    language: str = "en"

    def __call__(self, key: str, **parts: object) -> str:
        """The text at a dotted key with its parts filled in; KeyError for a key nobody wrote.

        Where the catalogue has `one` and `other`, the part `n` decides.
        """
        found: Any = _catalogue(self.language)
        for part in key.split("."):
            found = found[part]
        if isinstance(found, dict):
            found = found["one" if parts.get("n") == 1 else "other"]
        if "n" in parts and isinstance(parts["n"], int):
            parts = parts | {"n": f"{parts['n']:,}"}
        return str(found).format(**parts)

    def known(self, key: str) -> bool:
        """Whether the catalogue has a text at this key."""
        found: Any = _catalogue(self.language)
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
