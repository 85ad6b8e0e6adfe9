"""Sentences of commands: who acts on what was stopped by hand, what was rolled back, what a long watch goes by."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.errors import BY_HAND, STOPPED_BY_HAND, WHO_ACTS, DeclarationError, RetryableError
from deployments.project import load_project
from deployments.settings import Settings
from expectations.record import Drift, RuleResult, RunRecord
from flows.cli.rollback import _tell
from flows.cli.show import what_to_do
from flows.step_results import words_of
from flows.story import Story
from tasks.batch import Audited, Judged
from tasks.warehouses.proofs import Counts
from tasks.workbench import Workbench

TABLE = """\
table: raw.{name}
description: x
owner: a@example.com
source: {{kind: csv, url: "file:///x.csv"}}
columns: [{{name: id, type: integer}}]
load: {{mode: full_refresh}}
"""


def record(**more: Any) -> RunRecord:
    return RunRecord(run_id="x-1", table="raw.x", kind="ingest", mode="append", batch_key="source", label="source",
                     status="running", started_at=datetime(2026, 1, 1, tzinfo=UTC), **more)  # fmt: skip


@pytest.mark.parametrize(("error", "deployed", "who"), [
    (KeyboardInterrupt(), None, STOPPED_BY_HAND), (RetryableError("busy", code="BUSY"), None, BY_HAND),
    (RetryableError("busy", code="BUSY"), "a-deployment", WHO_ACTS["retryable"]),
    (KeyboardInterrupt(), "a-deployment", WHO_ACTS["retryable"]),
    (DeclarationError("no", code="SETTING"), None, WHO_ACTS["declaration"]),
])  # fmt: skip
def test_only_a_run_of_a_deployment_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, deployed: str | None, who: str
) -> None:
    monkeypatch.setattr("prefect.runtime.deployment.get_id", lambda: deployed)
    failed = Story(record()).fail(error)
    assert failed.failure is not None
    assert failed.failure.who_must_act == who


@pytest.mark.parametrize(
    ("label", "heading"), [("source", "raw.x: rolled back"), ("2026-01-01", "raw.x 2026-01-01: rolled back")]
)
def test_the_heading_of_a_rollback_names_no_batch_called_source(
    capsys: pytest.CaptureFixture[str], label: str, heading: str
) -> None:
    done = SimpleNamespace(
        record=record().model_copy(update={"label": label, "counts": {"deleted": 1, "inserted": 2}}), publishes=()
    )
    _tell("raw.x", done)
    assert capsys.readouterr().out.splitlines()[0] == heading


def test_a_long_watch_goes_by_the_files_as_they_are_and_by_the_last_good_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = importlib.import_module("flows.cli.watch")
    monkeypatch.setattr("tasks.workbench._current", None)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.yaml").write_text(TABLE.format(name="a"))
    bench = Workbench(Settings(tmp_path, tmp_path / "state", "postgresql://h/d"), load_project(tmp_path))
    (tmp_path / "tables" / "b.yaml").write_text(TABLE.format(name="b"))
    later = watch._as_declared_now(bench)
    assert list(later.project.tables) == ["raw.a", "raw.b"]
    (tmp_path / "tables" / "b.yaml").write_text("table: raw.b\n")
    assert watch._as_declared_now(later) is later
    assert "watched meanwhile: what was declared before" in capsys.readouterr().err


def test_what_follows_from_a_failure_is_not_to_look_at_it_again() -> None:
    failed = Story(record()).fail(DeclarationError("no", code="X", next_command="headgate show x-1"))
    assert what_to_do(failed) == ["headgate retry x-1   (once it is mended)"]
    other = Story(record()).fail(DeclarationError("no", code="X", next_command="headgate check"))
    assert what_to_do(other) == ["headgate check"]


def test_a_rule_that_only_warns_has_failed_on_the_candidate_all_the_same() -> None:
    def rule(outcome: Any) -> RuleResult:
        return RuleResult(code="A", type="x", sentence="x", severity="warning", outcome=outcome, place="candidate")

    for outcomes, told in {
        ("pass", "fail"): "; 2 checks on the candidate, 1 failed", ("pass",): "; 1 check on the candidate passed",
        ("skipped",): "", ("error", "skipped"): "; 1 check on the candidate, 1 failed",
    }.items():  # fmt: skip
        line = words_of(Audited(None, Counts(copied=3), tuple(map(rule, outcomes))))["line"]
        assert line == "3 rows may be published" + told


def test_one_batch_is_told_as_one() -> None:
    for history, told in ((1, "1 batch so far"), (2, "2 batches so far")):
        assert told in words_of(Judged(Drift(verdict="learning", score=0.0, history=history)))["line"]
