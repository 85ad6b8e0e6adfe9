"""`stage: in_place`: the producer's own objects are loaded by a manifest over them, no bytes pass through the worker."""

from __future__ import annotations

import gzip
import os
import secrets
from typing import Any

import boto3
import pytest

from deployments.errors import CheckFailedError, ContractError, HeadgateError, SourceMissingError

TABLE = """
description: Orders.
owner: a@example.com
source: {{kind: csv, url: "s3://headgate/{prefix}/"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: amount, type: "decimal(10,2)"}}
  - {{name: note, type: varchar(40)}}
key: [id]
load: {{mode: full_refresh, stage: in_place}}
"""


class Bucket:
    """The producer's part of the bucket."""

    def __init__(self) -> None:
        self.prefix = f"producer/{secrets.token_hex(4)}"
        self.client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])

    def put(self, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        body = gzip.compress(data) if name.endswith(".gz") else data
        self.client.put_object(Bucket="headgate", Key=f"{self.prefix}/{name}", Body=body)


@pytest.fixture
def bucket(house: Any) -> Bucket:
    return Bucket()


def declared(house: Any, bucket: Bucket) -> str:
    return str(house.declare("orders", TABLE.format(prefix=bucket.prefix)))


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_objects_are_loaded_as_they_lie(house: Any, bucket: Bucket, ending: str) -> None:
    bucket.put(f"a.{ending}", 'id,amount,note\n1,1.50,"a, b"\n2,,x\n')
    bucket.put(f"b.{ending}", "id,amount,note\n3,-3.00,y\n")
    table = declared(house, bucket)
    assert house.load(table).accounting == "extracted 3 = published 3 + quarantined 0 + superseded 0"
    assert [(id, note) for id, _, note in house.rows(table)] == [(1, "a, b"), (2, "x"), (3, "y")]
    assert house.load(table).status == "unchanged"
    bucket.put(f"c.{ending}", "id,amount,note\n4,4.00,z\n")
    assert house.load(table).counts["published"] == 4


def test_markers_of_folders_and_of_done_jobs_are_passed_over_and_a_mark_is_no_name(house: Any, bucket: Bucket) -> None:
    for marker in ("", "sub/", "_SUCCESS"):
        bucket.put(marker, "")
    bucket.put("a.csv", "\ufeffid,amount,note\n1,1.50,a\n")
    table = declared(house, bucket)
    assert house.load(table).accounting == "extracted 1 = published 1 + quarantined 0 + superseded 0"


@pytest.mark.parametrize(("content", "words"), [(b"", "b.csv has no header"), (b"PK\x03\x04aa", "b.csv is zip")])
def test_an_object_that_is_no_csv_is_named(house: Any, bucket: Bucket, content: bytes, words: str) -> None:
    bucket.put("a.csv", "id,amount,note\n1,1.50,a\n")
    bucket.put("b.csv", content)
    with pytest.raises(HeadgateError, match=words):
        house.load(declared(house, bucket))


def test_another_header_stops_before_anything_is_loaded(house: Any, bucket: Bucket) -> None:
    bucket.put("a.csv", "id,amount,note\n1,1,a\n")
    bucket.put("b.csv", "id,note,amount\n2,b,2\n")
    with pytest.raises(ContractError, match="exactly the contract's columns"):
        house.load(declared(house, bucket))


def test_a_value_that_does_not_fit_fails_the_batch_and_is_told(house: Any, bucket: Bucket) -> None:
    bucket.put("a.csv", "id,amount,note\n1,1,a\n")
    table = declared(house, bucket)
    house.load(table)
    bucket.put("b.csv", "id,amount,note\n2,1,a\nsecret,2,b\n")
    with pytest.raises(HeadgateError) as told:
        house.load(table)
    # Nobody had checked it: the owner of the source must act.
    assert (told.value.code, told.value.family) == ("COPY-REFUSED", "upstream")
    assert "load.stage: parts" in str(told.value.next_command)
    assert "id" in told.value.message
    assert "secret" not in str(told.value)
    assert [row[0] for row in house.rows(table)] == [1]


@pytest.mark.effect("Rule.code", "Rule.severity=critical", "Rule.type", "Suite.expectations")
def test_a_repeated_key_stops_the_batch(house: Any, bucket: Bucket) -> None:
    bucket.put("a.csv", "id,amount,note\n1,1,a\n1,2,b\n")
    with pytest.raises(CheckFailedError, match="KEY"):
        house.load(declared(house, bucket))


@pytest.mark.effect("CsvSource.on_missing=fail")
def test_nothing_there_is_a_missing_source(house: Any, bucket: Bucket) -> None:
    with pytest.raises(SourceMissingError):
        house.load(declared(house, bucket))
