"""The story of a run says which table and batch it is about, also where it ended before its first step."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from expectations.record import Failure, RunRecord, Step
from flows.cli.console import Console

AT = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = Failure(code="SOURCE-MISSING", family="upstream", step="extract", message="isn't there", who_must_act="owner")


@pytest.mark.parametrize(
    "steps", [(), (Step(name="extract", seconds=1.0, line="5 rows"),)], ids=["no step", "one step"]
)
def test_a_run_that_failed_names_its_table_once(capsys: pytest.CaptureFixture[str], steps: tuple[Step, ...]) -> None:
    record = RunRecord(
        run_id="r", table="raw.sales", kind="ingest", mode="append", status="failed", batch_key="w", label="2026-01-01",
        started_at=AT, finished_at=AT, failure=FAILURE, steps=steps,
    )  # fmt: skip
    console = Console()
    for step in record.steps:
        console.step(record, step)
    console.end(record)
    assert capsys.readouterr().out.splitlines().count("raw.sales 2026-01-01") == 1
