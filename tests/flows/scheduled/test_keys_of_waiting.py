"""What a deployment's run does with `on_missing: wait`, `wait_for`, `retries` and `schedule.parallel`; no server is asked."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.declarations.table import Table
from deployments.errors import RetryableError, SourceMissingError
from deployments.settings import Settings
from flows import due, scheduled
from tasks import readiness
from tasks.readiness import awaited

effect = pytest.mark.effect
KINDS: dict[str, dict[str, Any]] = {
    "Csv": {"kind": "csv", "url": "file:///a-{window.start:%d}.csv"},
    "Json": {"kind": "json", "url": "file:///a-{window.start:%d}.json"},
    "Rest": {"kind": "rest", "url": "http://127.0.0.1/a", "params": {"day": "{window.start:%d}"}},
    "Dlt": {"kind": "dlt", "resource": "m:f", "arguments": {"day": "{window.start:%d}"}},
    "Postgres": {"kind": "postgres", "connection": "p", "query": "SELECT id, at FROM s",
                 "cursor": {"column": "at", "kind": "immutable"}},
    "Mysql": {"kind": "mysql", "connection": "p", "query": "SELECT id, at FROM s",
              "cursor": {"column": "at", "kind": "immutable"}},
}  # fmt: skip


def table(kind: str = "Csv", source: dict[str, Any] | None = None, **keys: Any) -> Table:
    return Table.model_validate({
        "table": "raw.sales", "description": "d", "owner": "o@example.com", "source": KINDS[kind] | (source or {}),
        "window": {"every": "day", "timezone": "UTC", "start": "2020-01-01"}, "load": {"mode": "append"},
        "columns": [{"name": "id", "type": "integer", "nullable": False}], **keys,
    })  # fmt: skip


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=effect(f"{kind}Source.on_missing=wait")) for kind in KINDS])
def test_what_is_missing_is_waited_for(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise SourceMissingError("it isn't there")

    monkeypatch.setattr(due, "load_window", missing)
    planned: Any = None
    assert "isn't there" in str(due._read(table(kind, {"on_missing": "wait"}), planned))
    with pytest.raises(SourceMissingError):
        due._read(table(kind), planned)


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=effect(f"{kind}Source.wait_for", "WaitFor.url")) for kind in KINDS
])  # fmt: skip
def test_an_object_is_waited_for(kind: str, tmp_path: Path) -> None:
    waits = table(kind, {"wait_for": {"url": f"file://{tmp_path}/done-{{window.start:%d}}", "until": "05:30"}})
    bench: Any = SimpleNamespace(
        settings=Settings(project=tmp_path, state=tmp_path, connections={"p": "postgresql://h/d"})
    )
    assert waits.grid is not None
    window = waits.grid.parse("2020-01-02")
    assert f"{tmp_path}/done-02 to be there" in str(awaited(bench, waits, window))
    (tmp_path / "done-02").write_text("")
    assert awaited(bench, waits, window) is None


@effect("DltSource.connection")
def test_what_a_resource_waits_for_lies_below_its_connection(tmp_path: Path) -> None:
    waits = table("Dlt", {"connection": "p", "wait_for": {"url": "/done", "until": "05:30"}})
    bench: Any = SimpleNamespace(
        settings=Settings(project=tmp_path, state=tmp_path, connections={"p": f"file://{tmp_path}"})
    )
    assert f"{tmp_path}/done to be there" in str(awaited(bench, waits, None))
    assert [path for path, _, _ in waits.source.faults(())] == []
    assert [path for path, _, _ in table("Dlt", {"connection": "p"}).source.faults(())] == [("connection",)]


@effect("WaitFor.table", "WaitFor.query")
def test_a_table_or_a_query_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(readiness, "_published", lambda bench, name, window: asked.append(name))
    monkeypatch.setattr(readiness, "_answers_true", lambda bench, table, query: asked.append(query))
    bench: Any = SimpleNamespace(project=SimpleNamespace(full_name=lambda name: name))
    waits = table("Csv", {"wait_for": {"table": "raw.first", "until": "05:30"}})
    assert "raw.first to publish" in str(awaited(bench, waits, None))
    query = table("Postgres", {"wait_for": {"query": "SELECT true", "until": "05:30"}})
    assert "the source's query" in str(awaited(bench, query, None))
    assert asked == ["raw.first", "SELECT true"]


@effect("Table.retries", "Retries.count", "Retries.delay")
def test_a_run_comes_back_after_what_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = table(retries={"count": 4, "delay": "7m"})
    failed = due.Due(SimpleNamespace())  # type: ignore[arg-type]
    failed.outcome.failures.append(("raw.sales", "2020-01-02", RetryableError("the network is down")))
    back: list[tuple[timedelta, str]] = []
    for name, value in {
        "workbench": lambda: SimpleNamespace(project=SimpleNamespace(table=lambda _: declared)), "shared_places": lambda _: [],
        "refuse_other_version": lambda *_: None, "on_hold": lambda *_: None, "runs_of": lambda *_: nullcontext(),
        "load_what_is_due": lambda *_: failed, "tell_published": lambda *_: None, "table_artifact": lambda *_: None,
        "flow_run": SimpleNamespace(get_run_count=lambda: 4), "failed": lambda _: "failed",
        "come_back": lambda delay, name, said: back.append((delay, said)),
    }.items():  # fmt: skip
        monkeypatch.setattr(scheduled, name, value)
    scheduled.load_due.fn("raw.sales", datetime(2020, 1, 3, tzinfo=UTC))
    [(delay, said)] = back
    assert (delay, "try 5 of 5 in 7m" in said) == (timedelta(minutes=7), True)


@effect("Schedule.parallel", "Table.schedule")
def test_windows_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes: list[int] = []
    plan = SimpleNamespace(to_run=[], changed=None, missing=None, table="raw.sales")
    monkeypatch.setattr(due, "balance", lambda *_: [])
    monkeypatch.setattr(due, "plan_table", lambda *_, **__: plan)
    monkeypatch.setattr(due.Outcome, "note", lambda *_: None)
    monkeypatch.setattr(due, "run_in_lanes", lambda windows, count, load: lanes.append(count) or [])
    bench: Any = None
    for schedule in ({"cron": "0 2 * * *", "parallel": 3}, {"cron": "0 2 * * *"}):
        due.load_what_is_due(bench, table(schedule=schedule), datetime(2020, 1, 3, tzinfo=UTC))
    assert lanes == [3, 1]
