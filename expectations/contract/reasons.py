"""The reason codes of quarantine as sentences; one catalogue for console, report and notice."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def reasons() -> dict[str, str]:
    """Sentence template per code of the contract; codes of suite rules are not here."""
    texts: dict[str, str] = json.loads((Path(__file__).parent / "reasons.json").read_text(encoding="utf-8"))
    return texts


def sentence(code: str, column: str | None, rule_sentence: str | None = None) -> str:
    """What was wrong with the rows of this code, in plain words."""
    template = reasons().get(code)
    if template is None:
        return f"breaks the rule: {rule_sentence}" if rule_sentence else f"breaks the rule {code}"
    return template.format(column=column or "a field")
