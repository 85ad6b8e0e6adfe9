"""Report: the record of a run where people look for it. Artifacts in Prefect, pages at the report URL, JSON on disk."""

from __future__ import annotations

from pathlib import Path

from expectations.record import RunRecord
from tasks.workbench import Workbench


def keep_locally(bench: Workbench, record: RunRecord) -> Path:
    """The record as JSON in the state folder: readable while the warehouse is down."""
    file = bench.settings.state / "runs" / record.table / f"{record.run_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(record.model_copy(update={"profile": None}).model_dump_json(indent=1), encoding="utf-8")
    return file


def publish_report(bench: Workbench, record: RunRecord) -> None:
    """Pages and artifacts of the run."""
