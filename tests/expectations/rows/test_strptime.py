"""A text reads as a date in DuckDB exactly when Python's strptime reads it (in the digits 0-9)."""

from __future__ import annotations

import random
from datetime import datetime

import duckdb
import pytest

from expectations.rows.strptime import pattern_of, readable

FORMATS = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%H%M", "%m-%d", "%d", "%Y %%x", "%Y/%m"]
RANGES = {"%Y": (0, 2100, 4), "%m": (0, 13, 2), "%d": (0, 32, 2), "%H": (0, 25, 2), "%M": (0, 61, 2), "%S": (0, 62, 2)}


def spelled(chance: random.Random, form: str) -> str:
    text = form
    for directive, (low, high, digits) in RANGES.items():
        width = chance.choice(["0", " ", ""])
        text = text.replace(directive, format(chance.randint(low, high), f"{width}{digits}d" if width else "d"))
    text = text.replace("%f", str(chance.randint(0, 9_999_999)))
    if chance.random() < 0.2:
        place = chance.randint(0, len(text))
        text = text[:place] + chance.choice([" ", "0", "x", "\n", "T", "t", ""]) + text[place + chance.randint(0, 1) :]
    return text


def python_reads(text: str, form: str) -> bool:
    try:
        return bool(datetime.strptime(text, form))
    except ValueError:
        return False


@pytest.mark.parametrize("form", FORMATS)
def test_same_as_python(form: str) -> None:
    chance = random.Random(form)
    texts = [spelled(chance, form) for _ in range(3000)] + ["2023-02-29", "2024-02-29", "1900-02-29", "0000-01-01", ""]
    query = f"SELECT {readable('v', form)} FROM (SELECT unnest(?) AS v)"
    found = [row[0] for row in duckdb.execute(query, [texts]).fetchall()]
    wanted = [python_reads(text, form) for text in texts]
    assert [text for text, a, b in zip(texts, found, wanted, strict=True) if a != b] == []
    assert any(wanted)


@pytest.mark.parametrize("form", ["%b", "%j", "%Y %Y", "%", "%-d", "%p"])
def test_other_directives_are_refused(form: str) -> None:
    with pytest.raises(ValueError, match="allowed, each once"):
        pattern_of(form)
