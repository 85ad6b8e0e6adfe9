"""A pattern finds in RE2 what it finds in Python, or is refused with the reason."""

from __future__ import annotations

import random
import re

import duckdb
import pytest

from expectations.rows.regex import re2_of

LETTERS = [
    "a",
    "b",
    "A",
    "한",
    "٣",
    "1",
    "_",
    " ",
    "\n",
    "\u00a0",
    "\x0b",
    "-",
    ".",
    "é",
    "K",
    "ſ",
    "s",
    "]",
    "\\",
    "'",
    "²",
]
PATTERNS = [
    r"^\w+$", r"^\d+$", r"\s", r"a|b$", r"^(a|b)$", r"[^\d]", r"[^\w]", r"\W", r"\S", r"\D", r"[\w.-]+\.", r"(?i)K", r"(?i:s)1",
    r"a.b", r"(?s)a.b", r"a{2,3}?", r"(?:ab)*1$", r"[가-힣]+", r"[\]^\\-]", r"'", r"\n", r"a\Z", r"(?i)(?-i:a)b", r"^$", r"[^a]",
    r"(?P<name>a)b", r"a{2}", r"", r"(?x) a  b # a comment",
]  # fmt: skip
REFUSED = {
    r"\bx": "mean other things", r"(?=a)": "look-ahead", r"(?<!a)b": "look-ahead", r"(a)\1": "references",
    r"a*+": "possessive", r"(?>a)": "atomic", r"a{1001}": "1000", r"(?m)^a": "flags", r"(?a)\w": "flags",
    r"$a": "only at the end", r"(a$)b": "only at the end", r"[[:alpha:]]": "classes", r"[\Wa]": "beside", r"(": "missing",
}  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> list[str]:
    chance = random.Random(1)
    return ["", "a\n", "12\n", "\n"] + ["".join(chance.choices(LETTERS, k=chance.randint(0, 5))) for _ in range(2000)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_same_as_python(pattern: str, texts: list[str]) -> None:
    query = "SELECT regexp_matches(v, ?) FROM (SELECT unnest(?) AS v)"
    found = [row[0] for row in duckdb.execute(query, [re2_of(pattern), texts]).fetchall()]
    different = [text for text, answer in zip(texts, found, strict=True) if answer != bool(re.search(pattern, text))]
    assert not different


@pytest.mark.parametrize(("pattern", "why"), REFUSED.items())
def test_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        re2_of(pattern)
