"""How data gets into Redshift: one COPY of the manifest, as whom, and what is told when the stage can't be read."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import DeclarationError, RetryableError
from tasks.warehouses.redshift.adapter import RedshiftAdapter
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv", delimiter: "|"}
columns:
  - {name: id, type: integer, nullable: false, encode: az64}
  - {name: note, type: varchar(10), encode: zstd}
  - {name: paid, type: double precision}
  - {name: ok, type: boolean}
  - {name: day, type: date}
  - {name: seen, type: timestamptz}
key: [id]
load: {mode: full_refresh, copy_options: {region: us-east-1, compupdate: true, comprows: 1000}}
physical: {diststyle: key, distkey: id, sortkey: [day]}
"""
CONTENT = "id|note|paid|ok|day|seen\n1|\\N|1e3|yes|2026-01-01|2026-01-01T00:00:00Z\n2|||||\n"


def copies(house: Any) -> list[dict[str, Any]]:
    return [entry for entry in house.place.double.log() if entry["class"] == "COPY"]


def test_one_copy_of_one_manifest_in_the_session_s_query_group(
    redshift_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = redshift_house
    # New connections, whatever was kept open before: what a session is set to stands in this test's log.
    monkeypatch.setattr("tasks.warehouses.session._idle", {})
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    house.load(table)
    (copy,) = copies(house)
    assert copy["source"].endswith("/manifest.json")
    assert copy["auth"] == ["iam_role"]
    for text in ('("id", "note", "paid"', "MANIFEST FORMAT AS CSV QUOTE AS '\"' DELIMITER AS '|'", "NULL AS '~", " ZSTD ",
                 "COMPROWS 1000", "COMPUPDATE ON", "REGION AS 'us-east-1'", "STATUPDATE OFF"):  # fmt: skip
        assert text in copy["sql"]
    assert "ROUNDEC" not in copy["sql"]
    settings = [entry["sql"] for entry in house.place.double.log() if entry["sql"].startswith("SET ")]
    assert any("query_group" in statement for statement in settings)
    assert any("statement_timeout" in statement for statement in settings)


def test_layout_and_values(redshift_house: Any) -> None:
    house = redshift_house
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    house.load(table)
    found = house.rows(table, "id, note, paid, ok, day::varchar, seen::varchar")
    assert found == [
        (1, "\\N", 1000.0, True, "2026-01-01", "2026-01-01 00:00:00+00"),
        (2, None, None, None, None, None),
    ]
    layout = house.place.ask(
        f"SET search_path TO {house.schema}; "
        "SELECT \"column\", encoding, distkey, sortkey FROM pg_table_def WHERE tablename = 'orders'"
    )
    assert ("id", "az64", True, 0) in layout
    assert ("note", "zstd", False, 0) in layout
    assert ("day", "none", False, 1) in layout


@pytest.mark.parametrize(
    ("match", "message", "code", "error"),
    [
        (r"^COPY", "S3ServiceException:Please reduce your request rate,Status 503,Error SlowDown,Rid 1", "STAGE-UNREACHABLE",
         RetryableError),
        (r"^COPY", "S3CurlException: Connection refused, CurlError 7", "STAGE-UNREACHABLE", RetryableError),
        (r"^COPY", "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1", "COPY-RIGHTS", DeclarationError),
        (r"^COPY", "Mandatory url is not present in S3: s3://x/y", "STAGE-LOST", RetryableError),
        (r"^COPY", "could not open relation", "SQL-XX000", Exception),
    ],
)  # fmt: skip
def test_what_the_service_says_of_the_stage(
    redshift_house: Any, match: str, message: str, code: str, error: type[Exception]
) -> None:
    house = redshift_house
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    house.place.double.fault(match, "error", message=message, sqlstate="XX000", times=4)
    with pytest.raises(error) as caught:
        house.load(table)
    assert caught.value.code == code  # type: ignore[attr-defined]
    house.place.double.call("DELETE", "/faults")
    house.load(table)
    assert len(house.rows(table)) == 2


def test_a_part_that_is_gone_from_the_stage(redshift_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house = redshift_house
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    made = RedshiftAdapter.create_candidate

    def without_part(self: Any, cursor: Any, name: Any, shape: Any) -> None:
        made(self, cursor, name, shape)
        stage = workbench().stage
        for key in stage.keys(table):
            if "part-" in key:
                stage.delete(key)

    monkeypatch.setattr(RedshiftAdapter, "create_candidate", without_part)
    with pytest.raises(RetryableError, match="gone from the stage"):
        house.load(table)
    assert house.proofs(table) == []


def test_a_role_that_the_cluster_may_not_assume(redshift_house: Any) -> None:
    house = redshift_house
    house.place.settings = house.place.settings.__class__(
        **{**vars(house.place.settings), "copy_iam_role": "arn:aws:iam::123456789012:role/other"}
    )
    house.place.double.explained.append(r"^COPY")  # refused on purpose
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    with pytest.raises(DeclarationError, match="may not read the stage"):
        house.load(table)


def test_temporary_credentials_stand_in_no_text_of_ours(
    redshift_house: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = redshift_house
    house.place.settings = house.place.settings.__class__(**{**vars(house.place.settings), "copy_iam_role": None})
    table = house.declare("orders", TABLE)
    house.source("orders.csv", CONTENT)
    with pytest.raises(DeclarationError, match="don't expire and are not sent"):
        house.load(table)
    assert copies(house) == []
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token-nobody-may-see")
    house.place.double.fault(r"^COPY", "error", message='syntax error at or near "x"', sqlstate="42601")
    with pytest.raises(Exception, match="syntax error") as caught:
        house.load(table)
    kept = "".join(file.read_text() for file in (house.folder / "state").rglob("*.json"))
    assert "a-token-nobody-may-see" not in caplog.text + str(caught.value) + kept
    house.load(table)
    assert len(house.rows(table)) == 2
    assert copies(house)[-1]["auth"] == ["access_key_id", "secret_access_key", "session_token"]
