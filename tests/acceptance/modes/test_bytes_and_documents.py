"""Columns of bytes and JSON through what becomes of them after they have arrived: merged, undone, added, replayed, refused."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import DeclarationError
from flows import replay
from tasks.rollback import choose, take_back, target_of
from tasks.workbench import workbench
from tests.acceptance.operations.conftest import flows_as_functions  # noqa: F401 - a fixture

MERGED = """
description: Documents.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/docs.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: doc, type: json}
  - {name: hash, type: binary}
  - {name: opens, type: time}
key: [id]
load: {mode: merge, tolerance: 100%}
"""
DOC, OPENS = "  - {name: doc, type: json}\n", "  - {name: opens, type: time}\n"


def told(house: Any, table: str) -> list[tuple[Any, ...]]:
    """Rows as text that both warehouses write."""
    columns = "to_hex(hash), json_serialize(doc)" if house.place.is_redshift else "encode(hash, 'hex'), doc::text"
    return list(house.rows(table, f"id, {columns}, opens::varchar"))


def rollback(table: str) -> None:
    bench = workbench()
    target = target_of(bench, table)
    take_back(bench, target, choose(bench, target, None, None), "rollback-1", "somebody", "a test")


def test_what_differs_is_replaced_and_comes_back(house: Any) -> None:
    table = house.declare("docs", MERGED)
    house.source(
        "docs.csv", 'id,doc,hash,opens\n1,"{""b"":1,""a"":[]}",00FF,09:00:00\n2,[1],,\n3,,ab,\n4,null,,23:59:59.5\n'
    )
    house.load(table)
    first = [(1, "00ff", '{"a": [], "b": 1}', "09:00:00"), (2, None, "[1]", None), (3, "ab", None, None),
             (4, None, None, "23:59:59.5")]  # fmt: skip
    assert told(house, table) == first
    # Written otherwise and the same; another value of each type; a value that comes, one that goes.
    house.source(
        "docs.csv", 'id,doc,hash,opens\n1,"{ ""a"" : [], ""b"" : 1 }",0x00ff,09:00:00\n2,[2],,\n3,,ac,\n4,{},,\n'
    )
    record = house.load(table, reprocess=True)
    assert (record.counts["updated"], record.counts["unchanged"]) == (3, 1)
    assert told(house, table) == [first[0], (2, None, "[2]", None), (3, "ac", None, None), (4, None, "{}", None)]
    rollback(table)
    assert told(house, table) == first


def test_rows_without_a_key_are_taken_out_by_their_values(house: Any) -> None:
    table = house.declare(
        "docs",
        MERGED.replace("key: [id]\n", "").replace("merge", "append").replace(DOC, ""),
    )
    house.source("docs.csv", "id,hash,opens\n1,00,09:00:00\n1,00,09:00:00\n2,,\n")
    house.load(table)
    rollback(table)
    assert house.rows(table, "count(*)") == [(0,)]


@pytest.mark.usefixtures("flows_as_functions")
def test_a_column_that_is_added_and_rows_that_are_mended(house: Any) -> None:
    before = MERGED.replace("  - {name: doc, type: json}\n  - {name: hash, type: binary}\n", "")
    table = house.declare("docs", before)
    house.source("docs.csv", "id,opens\n1,09:00:00\n")
    house.load(table)
    # A new column of the live table is its last one.
    columns = MERGED.replace("  - {name: opens, type: time}\n", "").replace(
        "  - {name: doc", "  - {name: opens, type: time}\n  - {name: doc"
    )
    house.declare("docs", columns)
    house.source(
        "docs.csv",
        "id,doc,hash,opens\n1,[1],aa,09:00:00\n"
        '2,"{""k"":1,""k"":2}",AB,\n3,"{""b"":1,""a"":""é""}",0xFF,10:00\n4,,a,\n',
    )
    record = house.load(table, reprocess=True)
    codes = sorted((reason.column, reason.code) for reason in record.quarantine)
    assert codes == [("doc", "NOT-JSON"), ("hash", "NOT-HEX"), ("opens", "NOT-TIME")]
    assert told(house, table) == [(1, "aa", "[1]", "09:00:00")]
    # By a contract that takes one of them, that one is loaded from the bytes that were set aside.
    house.declare("docs", columns.replace("opens, type: time}", 'opens, type: time, format: "%H:%M"}'))
    [replayed] = replay.replay(table)
    assert replayed.counts["published"] == 1
    assert told(house, table)[1:] == [(3, "ff", '{"a": "é", "b": 1}', "10:00:00")]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("old", "new", "why"), [
    ("key: [id]", "key: [doc]", "'doc' is json, which has neither order"),
    ("key: [id]\nload: {mode: merge,", "load: {mode: append,", "without a key"),
    ("key: [id]", "key: [id]\nphysical: {sortkey: [doc]}", "'doc' is json"),
    ("tolerance: 100%", "keep: {latest_by: doc}", "'doc' is json"),
    ("doc, type: json}", "doc, type: json, cast: lower}", "would change the words of JSON"),
    ("hash, type: binary}", "hash, type: binary, cast: percent}", "belongs to numbers"),
    ("type: binary", "type: binary(16)", "binary takes no length"),
    ("opens, type: time}", 'opens, type: time, format: "%d %H:%M"}', "would drop the day"),
    ("tolerance: 100%", "stage: in_place", "can't bring doc into the one form of json"),
])  # fmt: skip
def test_what_they_can_not_stand_beside(house: Any, old: str, new: str, why: str) -> None:
    text = MERGED.replace(old, new)
    assert text != MERGED
    table = house.declare("docs", text.replace("name: doc, type: json}", "name: doc, type: json, nullable: false}"))
    house.source("docs.csv", "id,doc,hash,opens\n")
    with pytest.raises(DeclarationError) as raised:
        house.load(table)
    assert why in str(raised.value)
