"""What the rest of the program asks of a source: one row for each kind, and no kind without a row and a reader."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from deployments.declarations.sources import Source
from tasks.sources.opening import READERS

URL = "https://example.com/{window.start:%Y-%m-%d}"
QUERY = {"connection": "shop", "query": "SELECT id FROM orders"}
CURSOR = {"column": "at", "kind": "mutable", "lag": "15m"}

# kind, the rest of its declaration, its facts
KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("csv", {"url": URL}, {"address": URL, "is_templated": True, "gives_stable_bytes": True, "place": "example.com"}),
    ("csv", {"url": "file:///tmp/a.csv"}, {"is_templated": False, "place": "file", "statement": None}),
    ("json", {"url": URL, "connection": "shop"}, {"place": "shop", "is_database": False, "can_list_keys": False}),
    ("parquet", {"url": URL}, {"is_templated": True, "is_database": False, "can_list_keys": False, "statement": None}),
    ("rest", {"url": URL}, {"address": URL, "is_templated": True, "gives_stable_bytes": False, "place": "example.com"}),
    (
        "rest",
        {"url": "/v1", "connection": "shop", "params": {"a": ["{window.end:epoch}"]},
         "auth": {"kind": "oauth2", "connection": "b"}},
        {"is_templated": True, "connections": ("shop", "b"), "is_asked": True, "place": "shop", "is_database": False},
    ),
    (
        "dlt", {"resource": "rest_api", "arguments": {"a": ["{window.end}"]}, "secrets": {"b.c": "shop.user"}},
        {"is_templated": True, "connections": ("shop",), "place": "rest_api", "keeps_state": True, "is_asked": True,
         "address": None, "gives_stable_bytes": False},
    ),
    ("postgres", QUERY, {"statement": QUERY["query"], "address": None, "gives_stable_bytes": False, "is_mutable": False}),
    ("postgres", {**QUERY, "chunks": {"by": "id", "rows": 5000, "snapshot": "chunk"}},
     {"read_in": "in chunks of 5,000 rows by id, each of a moment of its own"}),
    ("postgres", {**QUERY, "cursor": CURSOR}, {"read_in": "", "is_database": True, "can_list_keys": True, "is_mutable": True}),
    ("mysql", {**QUERY, "cursor": CURSOR}, {"statement": QUERY["query"], "address": None, "gives_stable_bytes": False,
                                            "is_database": True, "can_list_keys": True, "is_mutable": True}),
]  # fmt: skip


def made(kind: str, rest: dict[str, Any]) -> Source:
    adapter: TypeAdapter[Source] = TypeAdapter(Source)
    return adapter.validate_python({"kind": kind, **rest})


@pytest.mark.parametrize(("kind", "rest", "facts"), KINDS)
def test_facts_of_a_source(kind: str, rest: dict[str, Any], facts: dict[str, Any]) -> None:
    source = made(kind, rest)
    assert {name: getattr(source, name) for name in facts} == facts


def test_every_kind_has_a_reader_and_a_row_above() -> None:
    declared = {get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(Source)[0])}
    assert declared == set(READERS) == {kind for kind, _, _ in KINDS}


def test_a_database_is_read_later_by_the_lag_and_gives_its_keys_alone() -> None:
    source = made("postgres", {**QUERY, "cursor": CURSOR})
    assert source.lag.total_seconds() == 900
    keys = source.only(['a "b"', "c"])
    assert keys.statement == 'SELECT "a ""b""", "c" FROM (SELECT id FROM orders\n) hg_rows'
    assert keys.cut_by is None
    chunked = made("postgres", {**QUERY, "chunks": {"by": "id"}})
    assert (chunked.only(["id", "c"]).read_in, chunked.only(["c"]).read_in) == ("in chunks of 1,000,000 rows by id", "")
    keys = made("mysql", QUERY).only(["a `b`", "c"])
    assert keys.statement == "SELECT `a ``b```, `c` FROM (SELECT id FROM orders\n) hg_rows"
