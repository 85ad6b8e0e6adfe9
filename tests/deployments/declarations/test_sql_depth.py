"""A text of SQL that would hold its reader for hours, or end it, is refused at once; what people write is read."""

from __future__ import annotations

import time

import pytest

from deployments.declarations.select import read_select, tree_of
from deployments.declarations.sql_depth import MOST_SETS

HOSTILE = {
    # Each level doubles the time of the parser: twenty of these took 45 seconds.
    **{word: f"SELECT {word * 40}1{close * 40} AS a" for word, close in [
        ("ARRAY[", "]"), ("struct(", ")"), ("decimal(", ")"), ("bigint[", "]"), ("map[", "]"), ("a.numeric[", "]"),
        ("bigdecimal(", ")"), ("timestamp[", "]"), ('"decimal"(', ")"),
    ]},
    "left open": "SELECT " + "struct(" * 40,
    "subscripts": "SELECT a" + "[1]" * 2000 + " AS a FROM s.t",
    "brackets": "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " AS a",
    "unions": "SELECT 1 AS a FROM s.t" + " UNION ALL SELECT 1 AS a FROM s.t" * 5000,
    "selects": "SELECT a FROM " + "(SELECT a FROM " * 3000 + "s.t" + ") x" * 3000,
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_it_is_refused_at_once(how: str) -> None:
    begun = time.process_time()
    found, faults = read_select(HOSTILE[how])
    assert found is None
    assert any(word in faults[0].message for word in ("too deeply", "UNION"))
    assert [tree_of(HOSTILE[how], dialect) for dialect in ("postgresql", "redshift")] == [None, None]
    assert time.process_time() - begun < 5


def test_what_people_write_is_read() -> None:
    sound = {
        "functions": "SELECT " + "coalesce(" * 30 + "a" + ", 1)" * 30 + " AS a FROM s.t",
        "brackets": "SELECT " + "(" * 30 + "a" + ")" * 30 + " AS a FROM s.t",
        "types": "SELECT CAST(a AS decimal(12,2)) AS a, ARRAY[ARRAY[1, 2], ARRAY[3, 4]] AS b, c[1][2] AS c FROM s.t",
        "unions": "SELECT a FROM s.t" + " UNION ALL SELECT a FROM s.t" * MOST_SETS,
        "selects": "SELECT a FROM " + "(SELECT a FROM " * 30 + "s.t" + ") x" * 30,
        "cases": "SELECT " + "CASE WHEN a = 1 THEN " * 30 + "1" + " END" * 30 + " AS a FROM s.t",
    }
    for how, text in sound.items():
        found, faults = read_select(text)
        assert (found is not None, faults) == (True, ()), how
        for dialect in ("postgresql", "redshift"):
            assert tree_of(text, dialect) is not None, how
