"""Hooks are called by keyword, and write facts that need nothing but the state folder."""

from __future__ import annotations

import inspect
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from flows import hooks
from flows.backfill import backfill
from flows.scheduled import build_summary, load_due
from tasks.facts import known


@pytest.mark.parametrize("hook", [hooks.keep_failure, hooks.keep_crash, hooks.keep_cancellation])
def test_parameters_have_the_names_prefect_calls_them_by(hook: object) -> None:
    assert list(inspect.signature(hook).parameters) == ["flow", "flow_run", "state"]  # type: ignore[arg-type]


@pytest.mark.parametrize("deployed", [load_due, build_summary, backfill])
def test_every_deployed_flow_tells_its_bad_ends(deployed: object) -> None:
    assert deployed.on_failure_hooks  # type: ignore[attr-defined]
    assert deployed.on_crashed_hooks  # type: ignore[attr-defined]
    assert deployed.on_cancellation_hooks  # type: ignore[attr-defined]


def test_a_crash_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_STATE", str(tmp_path))
    run = FlowRun(flow_id=uuid4(), name="raw.sales, due now", parameters={"table": "raw.sales"})
    for _ in range(2):
        hooks.keep_crash(flow=flow(lambda: None), flow_run=run, state=Crashed(message="the process is gone"))
    (fact,) = known(tmp_path)
    assert (fact.kind, fact.subject, fact.message) == ("crashed", "raw.sales", "the process is gone")
