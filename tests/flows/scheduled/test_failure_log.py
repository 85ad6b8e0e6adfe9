"""A failure of data is told in a few lines, with trace only what is a fault of the software; the run above tells it whole."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Completed

import flows.story  # noqa: F401 (makes the log short)
from deployments.errors import CodeError, DeclarationError, HeadgateError, RetryableError, ToleranceError
from expectations.record import RunRecord
from flows import hooks
from flows.run import Outcome
from flows.scheduled import told_failures

TOLERANCE = ToleranceError(
    "raw.x 2026-01-01: too many rows\n  A: 1\n  B: 2\n  C: 3", code="TOLERANCE", next_command="headgate retry RUN"
)


def logged(logger: str, error: BaseException) -> str:
    """What a handler of Prefect's logger would write of an exception."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    found = logging.getLogger(logger)
    found.addHandler(handler)
    try:
        raise error
    except BaseException:  # noqa: BLE001
        found.exception("Encountered exception during execution: %r", error)
    finally:
        found.removeHandler(handler)
    (text,) = told
    return text


@pytest.mark.parametrize(
    "error", [TOLERANCE, DeclarationError("no", code="SETTING"), RetryableError("later", code="X")]
)
def test_what_is_no_fault_of_ours_has_no_trace(error: HeadgateError) -> None:
    told = logged("prefect.flow_runs", error)
    assert told.startswith(f"[{error.code}] {error.message.splitlines()[0]}")
    assert "who must act" in told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 5
    assert logged("prefect.task_runs", error) == told.splitlines()[0]


@pytest.mark.parametrize("error", [CodeError("oh", code="UNFORESEEN"), ValueError("oh")])
def test_a_fault_of_ours_has_its_trace(error: Exception) -> None:
    assert "Traceback" in logged("prefect.flow_runs", error)


def record(label: str, status: str, **more: Any) -> RunRecord:
    return RunRecord(run_id=f"x-{label}", table="raw.x", kind="ingest", mode="append", batch_key=label, label=label,
                     status=status, started_at=datetime(2026, 1, 1, tzinfo=UTC), counts={"published": 5}, **more)  # type: ignore[arg-type]  # fmt: skip


def test_the_run_above_tells_what_was_published_what_failed_and_what_was_not_tried() -> None:
    outcome = Outcome(
        records=[record("2025-12-31", "published"), record("2026-01-01", "failed")],
        failures=[("raw.x", "2026-01-01", TOLERANCE)],
        skipped=[("raw.x", "2026-01-02", "window"), *(("raw.o", name, "object") for name in ("a.csv", "b.csv"))],
    )  # fmt: skip
    assert told_failures(outcome) == (
        "1 batch published, 5 rows; failed: [TOLERANCE] raw.x 2026-01-01: too many rows; who must act: owner of the source "
        "(data or system); next: headgate retry x-2026-01-01; 1 window and 2 objects not tried"
    )


@pytest.mark.parametrize(("status", "name"), [("warned", "Warned"), ("published", None), ("unchanged", None)])
def test_published_with_warnings_is_called_so(monkeypatch: pytest.MonkeyPatch, status: str, name: str | None) -> None:
    set_to: list[Any] = []

    class Client:
        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None: ...

        def set_flow_run_state(self, run: str, state: Any, force: bool) -> None:
            set_to.append((run, state.name, state.type.value, force, state.message))

    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda **_: Client())
    found = record("2026-01-01", status, warnings=("two columns are new",))
    hooks.name_warned(flow=None, flow_run=SimpleNamespace(id="r"), state=Completed(data=found))  # type: ignore[arg-type]
    said = "published, with warnings: two columns are new; headgate show x-2026-01-01"
    assert set_to == ([("r", "Warned", "COMPLETED", True, said)] if name else [])
