"""Parquet and JSON lines loaded as they lie: what the objects say of themselves is held against what was loaded."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import secrets
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from deployments.errors import HeadgateError
from tasks.audit_in_place import prove_told

COLUMNS = """
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: amount, type: "decimal(20,4)"}
  - {name: note, type: varchar(40)}
  - {name: day, type: date}
  - {name: at, type: timestamp, source_timezone: UTC}
  - {name: paid, type: boolean}
key: [id]
load: {mode: full_refresh, stage: in_place}
"""
PARQUET = """
description: Orders.
owner: a@example.com
source: {kind: parquet, url: "s3://headgate/PREFIX/"}
""" + COLUMNS.lstrip("\n")
LINES = PARQUET.replace("kind: parquet", "kind: json, format: lines")
ROW = "{n}::BIGINT AS id, ({n}.1234)::DECIMAL(18,4) AS amount, {note} AS note, DATE '2026-01-02' AS day, " \
      "TIMESTAMP '2026-01-02 03:04:05.678901' AS at, {n} % 2 = 0 AS paid"  # fmt: skip
EXPECTED = [
    (1, "1.1234", None, "2026-01-02", "03:04:05.678901", False),
    (2, "2.1234", '서울, "x"', "2026-01-02", "03:04:05.678901", True),
]


@pytest.fixture
def put(house: Any, place: Any) -> Any:
    """Put an object into the producer's part of the bucket; `put.prefix` is where."""
    if place.name == "redshift-like" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("the server that stands in for Redshift reads Parquet with pyarrow, which is not installed")
    return producer()


def producer() -> Any:
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
    prefix = f"producer/{secrets.token_hex(4)}"

    def put(name: str, data: bytes) -> None:
        client.put_object(Bucket="headgate", Key=f"{prefix}/{name}", Body=data)

    put.prefix = prefix  # type: ignore[attr-defined]
    return put


def parquet(folder: Path, *rows: str, more: str = "") -> bytes:
    file = folder / f"{secrets.token_hex(4)}.parquet"
    duckdb.sql(f"COPY ({' UNION ALL '.join(f'SELECT {row}' for row in rows)}) TO '{file}' (FORMAT parquet{more})")
    return file.read_bytes()


def shown(house: Any, table: str) -> list[tuple[Any, ...]]:
    return [
        (number, str(amount), note, str(day), at, paid)
        for number, amount, note, day, at, paid in house.rows(
            table, "id, amount, note, day, to_char(at, 'HH24:MI:SS.US'), paid", "id"
        )
    ]


def test_parquet_as_it_lies(house: Any, put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.parquet", parquet(tmp_path, ROW.format(n=1, note="NULL::VARCHAR")))
    put("b.parquet", parquet(tmp_path, ROW.format(n=2, note="'서울, \"x\"'"), more=", COMPRESSION zstd"))
    put("_SUCCESS", b"")
    table = house.declare("orders", PARQUET.replace("PREFIX", put.prefix))
    said: list[str] = []
    monkeypatch.setattr("tasks.copy.prove_told", lambda *given: said.append(prove_told(*given)) or said[0])
    assert house.load(table).accounting == "extracted 2 = published 2 + quarantined 0 + superseded 0"
    assert said == ["loaded in place; rows and values per column are those the objects tell"]
    assert shown(house, table) == EXPECTED
    assert house.load(table).status == "unchanged"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("row", "code", "said"), [
    (ROW.replace("AS note", "AS notes"), "HEADER", "exactly the contract's columns"),
    (ROW.replace("::BIGINT", "::INTEGER"), "PARQUET-TYPE", "'id' is INTEGER, which isn't loaded in place as bigint"),
    (ROW.replace("18,4", "18,2"), "PARQUET-TYPE", "'amount' is DECIMAL(18,2)"),
    (None, "NOT-PARQUET", "doesn't end as one"),
])  # fmt: skip
def test_what_is_not_loaded_as_it_lies_is_refused_before_the_copy(
    house: Any, put: Any, tmp_path: Path, row: str | None, code: str, said: str
) -> None:
    put("a.parquet", b"PAR1 and nothing behind it" if row is None else parquet(tmp_path, row.format(n=1, note="'a'")))
    with pytest.raises(HeadgateError) as raised:
        house.load(house.declare("orders", PARQUET.replace("PREFIX", put.prefix)))
    assert raised.value.code == code
    assert said in raised.value.message


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_another_number_of_values_than_the_object_says_is_found(
    house: Any, put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that makes NULL of a value, say: nothing is published."""
    put("a.parquet", parquet(tmp_path, ROW.format(n=1, note="'a'"), ROW.format(n=2, note="'b'")))
    monkeypatch.setattr("tasks.sources.parquet._ParquetColumn.field", property(
        lambda column: "''" if column.name == "day" else f'CAST("{column.name}" AS VARCHAR)'
    ))  # fmt: skip
    with pytest.raises(HeadgateError) as raised:
        house.load(house.declare("orders", PARQUET.replace("PREFIX", put.prefix)))
    assert raised.value.code == "LOADED-DIFFERS"
    assert "day: the objects have 2 values, the candidate 0" in raised.value.message


def test_a_large_footer_and_many_row_groups(house: Any, put: Any, tmp_path: Path) -> None:
    """More than is read at first: the footer is asked for again as a whole."""
    file = tmp_path / "large.parquet"
    rows = (
        "SELECT range AS id, (range % 1000)::DECIMAL(18,4) AS amount, md5(range::VARCHAR) AS note, DATE '2026-01-02' AS day, "
        "TIMESTAMP '2026-01-02' AS at, NULL::BOOLEAN AS paid FROM range(400000)"
    )
    duckdb.sql(f"COPY ({rows}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
    assert int.from_bytes(file.read_bytes()[-8:-4], "little") > 64 * 1024
    put("a.parquet", file.read_bytes())
    table = house.declare("orders", PARQUET.replace("PREFIX", put.prefix))
    assert house.load(table).counts["published"] == 400_000
    assert house.rows(table, "count(paid), count(note), sum(id)") == [(0, 400_000, 79_999_800_000)]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_json_lines_as_they_lie(house: Any, ending: str) -> None:
    put = producer()
    at = {"day": "2026-01-02", "at": "2026-01-02 03:04:05.678901"}
    rows = [
        {"paid": False, "id": 1, "amount": 1.1234, "note": None, **at},
        {**at, "more": 1, "id": 2, "amount": "2.1234", "note": '서울, "x"', "paid": True},
    ]
    data = [(json.dumps(row, ensure_ascii=False) + "\n").encode() for row in rows]
    for name, line in zip("ab", data, strict=True):
        put(f"{name}.{ending}", gzip.compress(line) if ending.endswith("gz") else line)
    table = house.declare("orders", LINES.replace("PREFIX", put.prefix))
    assert house.load(table).accounting == "extracted 2 = published 2 + quarantined 0 + superseded 0"
    assert shown(house, table) == EXPECTED
    assert house.load(table).status == "unchanged"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_key_of_another_name_and_a_line_that_is_no_record(house: Any) -> None:
    put = producer()
    good = {"id": 1, "amount": 1, "note": "a", "day": "2026-01-02", "at": "2026-01-02", "paid": True}
    put("a.jsonl", json.dumps(good | {"Note": "a"}).encode().replace(b'"note"', b'"text"'))
    table = house.declare("orders", LINES.replace("PREFIX", put.prefix))
    with pytest.raises(HeadgateError, match="the first record lacks note"):
        house.load(table)
    put("a.jsonl", json.dumps(good).encode() + b"\n[1, 2]\n")
    with pytest.raises(HeadgateError, match="record 2 can't be loaded") as raised:
        house.load(table)
    assert raised.value.code == "COPY-REFUSED"


def test_an_object_that_is_replaced_while_it_is_loaded(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same size, so that only its tag tells; nothing is published of either."""
    put = producer()
    line = '{"id": 1, "amount": 1, "note": "a", "day": "2026-01-02", "at": "2026-01-02", "paid": true}'
    put("a.jsonl", line.encode())
    table = house.declare("orders", LINES.replace("PREFIX", put.prefix))
    monkeypatch.setattr("tasks.copy.reached", lambda point: put("a.jsonl", line.replace("1", "3", 1).encode()))
    with pytest.raises(HeadgateError, match="was replaced while it was loaded") as raised:
        house.load(table)
    assert raised.value.code == "SOURCE-CUT"
