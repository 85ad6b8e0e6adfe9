"""A pattern finds in PostgreSQL what it finds in Python, or is refused with the reason: no verdict hangs on a batch's size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from expectations.rows.posix import posix_of
from tests.expectations.rows.test_regex import PATTERNS, REFUSED
from tests.expectations.rows.test_regex import texts as texts

MORE = [
    r"^\S+@\S+\.\w{2,3}$", r"^\D+$", r"^[A-Z]{2}-\d{4}$", r"(?i)^straße$", r"(?i)[a-f]+x", r"[\^]", r"^[^^]$", r"[-^]", r"[\\]",
    r"[]a]", r"\*\*\*", r"^.$", r"(?s)^.$", r"\.", r"[^\w\s]", r"(a|)b", r"a??b", r"a{0,1}b", r"a{2,}", r"[\d_]+$",
    r"\$\|\{\}\(\)",
    r"(?i)ſ", r"(?i)İ", r"[\W\d]", r"[^\S\n]",
]  # fmt: skip
ALSO = ["e@f.org\n", "a@b.de", "\u0663@y.com", "STRASSE", "straße", "STRAẞE", "***", "İ", "i", "ı", "-", "^", "[", "\\", "$|{}()",
        "ab\ncd", "\u2028", "DE-١٢٣٤", "DE-1234", "Fx", "FX"]  # fmt: skip


@pytest.fixture(scope="module")
def matches(new_database: Callable[[], str]) -> Iterator[Callable[[str, list[str]], list[bool]]]:
    with closing(psycopg2.connect(new_database())) as connection, connection.cursor() as cursor:

        def ask(pattern: str, values: list[str]) -> list[bool]:
            cursor.execute("SELECT v ~ %s FROM unnest(%s) WITH ORDINALITY u(v, n) ORDER BY n", (pattern, values))
            return [bool(answer) for (answer,) in cursor.fetchall()]

        yield ask


@pytest.mark.parametrize("pattern", [*PATTERNS, *MORE])
def test_same_as_python(pattern: str, texts: list[str], matches: Callable[..., Any]) -> None:
    every = [*texts, *ALSO]
    found = matches(posix_of(pattern), every)
    different = [text for text, answer in zip(every, found, strict=True) if answer != bool(re.search(pattern, text))]
    assert not different, (posix_of(pattern)[:300], different[:5])


@pytest.mark.parametrize("pattern", [*(p for p in REFUSED if p != r"[\Wa]"), "a{256}"])
def test_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        posix_of(pattern)
