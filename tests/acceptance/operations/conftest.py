"""The real flows and commands on real servers, called as plain functions: without a Prefect server per test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from deployments.errors import HeadgateError
from flows import ingest, one_window, override, replay, summarize
from tasks import report
from tasks.workbench import workbench

WITH_PAGES = report.publish_report

VERBS = {
    ingest: ("extract", "validate", "stage", "copy", "audit", "judge", "publish"),
    override: ("resume", "extract", "validate", "stage", "copy", "audit", "judge", "publish"),
    summarize: ("check_inputs", "build", "check_output", "judge_build", "compare_metrics", "publish_summary"),
    replay: ("gather", "recheck", "stage", "copy_replay", "audit_replay", "judge_replay", "publish_replay"),
}
FLOWS = {ingest: "ingest", summarize: "summarize", replay: "replay", override: "publish_override"}


def plain(verb: Any) -> Any:
    def call(*inputs: Any) -> Any:
        return verb.fn(*(item.unquote() for item in inputs))

    call.name = verb.name  # type: ignore[attr-defined]
    return call


@pytest.fixture
def flows_as_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, verbs in VERBS.items():
        for name in verbs:
            monkeypatch.setattr(module, name, plain(getattr(module, name)))
    for module, name in FLOWS.items():
        function = getattr(module, name).fn
        monkeypatch.setattr(module, name, function)
        # A window below another run is asked for by the name that was imported there.
        if hasattr(one_window, name):
            monkeypatch.setattr(one_window, name, function)


@pytest.fixture
def pages(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of the house write their pages, as everywhere but in tests."""
    monkeypatch.setattr(report, "publish_report", WITH_PAGES)


@pytest.fixture
def command(house: Any, flows_as_functions: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a headgate command in this process; its outcome with `code`, `out`, `json` and, when it failed, `error`."""
    from flows.cli import cli, settings

    def opened(**_: object) -> Any:
        house.open()
        return workbench()

    monkeypatch.setattr(settings, "workbench", opened)

    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(cli, [*arguments])
        error = result.exception if isinstance(result.exception, HeadgateError) else None
        if result.exception is not None and error is None and not isinstance(result.exception, SystemExit):
            raise result.exception
        told = json.loads(result.stdout) if "--json" in arguments and result.stdout.startswith(("{", "[")) else None
        return SimpleNamespace(code=result.exit_code, out=result.output, json=told, error=error)

    return run


@pytest.fixture
def by_hand(house: Any) -> Iterator[Callable[..., Any]]:
    """Change decisions behind the commands' back. They are forgotten afterwards, chain and all: others share the warehouse."""
    yield house.place.ask
    forget_decisions(house.place.ask)


def forget_decisions(ask: Callable[..., Any]) -> None:
    for statement in ("DELETE FROM ops.decision", "DELETE FROM ops.decision_head"):
        ask(statement)
    ask("INSERT INTO ops.decision_head VALUES (0, '')")
