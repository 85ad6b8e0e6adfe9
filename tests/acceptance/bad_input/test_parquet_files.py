"""Parquet files through the whole flow: types of the file against the contract, windows without one, changed columns."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from deployments.errors import HeadgateError
from flows.due import load_what_is_due
from tasks import workbench
from tasks.readiness import awaited

if TYPE_CHECKING:
    from tests.acceptance.bad_input.conftest import Small

TABLE = """\
table: raw.measured
description: Measurements.
owner: data@example.com
source: {{kind: parquet, url: "file://{folder}/{{window.start:%Y-%m-%d}}.parquet", on_missing: {missing}{more}}}
window: {{every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-05}}
columns:
  - {{name: id, type: bigint, nullable: false}}
  - {{name: price, type: "decimal(12,2)"}}
  - {{name: at, type: timestamptz, nullable: false}}
  - {{name: tags, type: varchar(99)}}
load: {{mode: replace_window, window_column: at, tolerance: 60%}}
"""
GOOD = "SELECT 1::UINTEGER AS id, 1.5::DOUBLE AS price, TIMESTAMPTZ '2024-03-01 00:00:00Z' AS at, ['a'] AS tags"


def put(file: Path, select: str) -> None:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet)")


def declare(small: Small, folder: Path, missing: str = "fail", more: str = "") -> None:
    small.declare("tables/measured.yaml", TABLE.format(folder=folder, missing=missing, more=more))


@pytest.mark.effect(
    "ParquetSource.on_missing", *(f"ParquetSource.on_missing={how}" for how in ("fail", "empty", "wait"))
)
def test_types_of_the_file_against_the_contract(small: Small, tmp_path: Path) -> None:
    declare(small, tmp_path)
    put(
        tmp_path / "2024-03-01.parquet",
        f"""{GOOD}
        UNION ALL SELECT 2, 2.505, TIMESTAMPTZ '2024-03-01 01:00:00Z', NULL
        UNION ALL SELECT 3, NULL, TIMESTAMPTZ '2024-03-01 23:00:00Z', []""",
    )
    counts = small.ingest("measured", "2024-03-01").counts
    assert (counts["extracted"], counts["published"], counts["quarantined"]) == (3, 2, 1)
    assert small.ask("SELECT id, price, at, tags FROM raw.measured ORDER BY id") == [
        (1, Decimal("1.50"), datetime(2024, 3, 1, tzinfo=UTC), '["a"]'),
        (3, None, datetime(2024, 3, 1, 23, tzinfo=UTC), "[]"),
    ]
    assert small.ask("SELECT record, code, column_name FROM quarantine.raw__measured") == [
        (1, "TOO-MANY-PLACES", "price")
    ]
    with pytest.raises(HeadgateError) as caught:
        small.ingest("measured", "2024-03-02")
    assert caught.value.code == "SOURCE-MISSING"
    declare(small, tmp_path, "wait")
    bench = workbench.workbench()
    due = load_what_is_due(bench, bench.project.tables["raw.measured"], datetime(2024, 3, 3, 1, tzinfo=UTC))
    assert ["2024-03-02.parquet isn't there" in item.awaited for item in due.waiting] == [True]
    declare(small, tmp_path, "empty")
    assert small.ingest("measured", "2024-03-02").counts["published"] == 0


def test_columns_that_changed_are_told_as_of_a_csv(small: Small, tmp_path: Path) -> None:
    declare(small, tmp_path)
    put(
        tmp_path / "2024-03-03.parquet",
        "SELECT 1 AS id, 2 AS cost, TIMESTAMPTZ '2024-03-03 00:00:00Z' AS at, '' AS tags",
    )
    with pytest.raises(HeadgateError, match="cost") as caught:
        small.ingest("measured", "2024-03-03")
    assert caught.value.code == "HEADER"


def test_a_file_without_rows_empties_no_window(small: Small, tmp_path: Path) -> None:
    declare(small, tmp_path)
    put(tmp_path / "2024-03-01.parquet", f"{GOOD} LIMIT 0")
    with pytest.raises(HeadgateError) as caught:
        small.ingest("measured", "2024-03-01")
    assert caught.value.code == "EMPTY-FILE"


def test_a_folder_is_one_batch_loaded_once(small: Small, tmp_path: Path) -> None:
    text = TABLE.replace("}}.parquet", "}}/").replace("measured", "measured_parts")
    small.declare("tables/measured_parts.yaml", text.format(folder=tmp_path, missing="fail", more=""))
    (tmp_path / "2024-03-01").mkdir()
    put(tmp_path / "2024-03-01" / "a.parquet", GOOD)
    put(tmp_path / "2024-03-01" / "b.parquet", GOOD.replace("1::UINTEGER", "2::UINTEGER"))
    for _ in range(2):
        assert small.ingest("measured_parts", "2024-03-01").counts["published"] == 2
    assert small.ask("SELECT id FROM raw.measured_parts ORDER BY id") == [(1,), (2,)]


def test_nanoseconds_that_a_warehouse_cannot_hold_are_set_aside(small: Small, tmp_path: Path) -> None:
    declare(small, tmp_path)
    put(
        tmp_path / "2024-03-04.parquet",
        """
        SELECT 1 AS id, 1 AS price, TIMESTAMP_NS '2024-03-04 00:00:00.123456' AS at, '' AS tags
        UNION ALL SELECT 2, 1, TIMESTAMP_NS '2024-03-04 00:00:00.123456789', ''""",
    )
    text = TABLE.replace("type: timestamptz,", "type: timestamp, source_timezone: UTC,").replace(
        "measured", "measured_ns"
    )
    small.declare("tables/measured_ns.yaml", text.format(folder=tmp_path, missing="fail", more=""))
    assert small.ingest("measured_ns", "2024-03-04").counts["quarantined"] == 1
    found = small.ask("SELECT record, column_name, code FROM quarantine.raw__measured_ns")
    assert found == [(1, "at", "NOT-TIMESTAMP")]
    assert small.ask("SELECT at FROM raw.measured_ns") == [(datetime(2024, 3, 4, 0, 0, 0, 123456),)]


@pytest.mark.effect("ParquetSource.wait_for")
def test_a_file_is_waited_for(small: Small, tmp_path: Path) -> None:
    more = f', wait_for: {{url: "file://{tmp_path}/done", until: "23:59"}}'
    declare(small, tmp_path, more=more)
    bench = workbench.workbench()
    table = bench.project.tables["raw.measured"]
    assert awaited(bench, table, None) == f"file://{tmp_path}/done to be there"
    (tmp_path / "done").touch()
    assert awaited(bench, table, None) is None
