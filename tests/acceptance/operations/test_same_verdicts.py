"""What is told of a window, and every figure of it, is the same however quick each step of each window was."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.errors import SourceMissingError
from deployments.project import SHOP, Project, load_project
from deployments.settings import Settings
from deployments.shop.world.planted import DRIFT
from deployments.shop.world.production import load_production
from tasks import switches
from tasks.workbench import use

RUNS = pytest.mark.parametrize("runs", [4, pytest.param(20, marks=pytest.mark.trial)])
MOST = 20
LANES = 3
TABLE = "raw_data.customer_interactions"
FIRST = "2019-11-23"


@pytest.fixture(scope="module")
def new_base(stack: Any) -> Callable[[], str]:
    """Makes an empty database beside the stack's own; returns its address."""

    def make() -> str:
        name = f"verdicts_{secrets.token_hex(4)}"
        with closing(psycopg2.connect(stack.warehouse_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
        base, _, _ = stack.warehouse_url.partition("?")[0].rpartition("/")
        query = stack.warehouse_url.partition("?")[2]
        return f"{base}/{name}" + (f"?{query}" if query else "")

    return make


@pytest.fixture(scope="module")
def production(new_base: Callable[[], str]) -> str:
    url = new_base()
    load_production(url)
    return url


@pytest.fixture(scope="module")
def shop() -> Project:
    """The shop with more lanes than it declares."""
    project = load_project(SHOP)
    table = project.table(TABLE)
    assert table.schedule is not None
    wider = table.model_copy(update={"schedule": table.schedule.model_copy(update={"parallel": LANES})})
    return replace(project, tables={**project.tables, TABLE: wider})


@pytest.fixture
def run(
    new_base: Callable[[], str], production: str, shop: Project, flows_as_functions: None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:  # fmt: skip
    """Load the table into an empty warehouse; what was told, as its outcome."""
    from flows.choosing import Selection
    from flows.run import run_tables

    monkeypatch.setattr("tasks.report.publish_report", lambda *_: None)
    number = iter(range(MOST + 1))

    def load() -> Any:
        folder = tmp_path / str(next(number))
        settings = Settings(
            project=SHOP, state=folder, warehouse_url=new_base(), stage_url=f"file://{folder}/stage",
            connections={"production": production}, pii_key="k" * 32, local_stack=True,
        )  # fmt: skip
        bench = use(settings, shop)
        return run_tables(bench, [TABLE], Selection(start=FIRST), with_dependents=False)

    return load


@pytest.fixture
def delays() -> Iterator[Callable[[int], None]]:
    """Make every step of every window take a little longer, by chance, from a seed."""
    added: list[Callable[[str], None]] = []

    def dawdle(seed: int) -> None:
        dice = random.Random(seed)
        action = lambda _: time.sleep(dice.choice((0.0, 0.0, 0.01, 0.05)))  # noqa: E731
        for known in added:
            switches._actions.remove(known)
        added[:] = [action]
        switches.at_points(action)

    yield dawdle
    for action in added:
        switches._actions.remove(action)


def told(outcome: Any) -> bytes:
    """Everything that was said of every window but times, and names that are drawn anew for each run."""
    chosen = {"label", "status", "counts", "accounting", "warnings", "quarantine", "rules", "drift", "profile", "sequence",
              "fingerprint", "failure"}  # fmt: skip
    found = []
    for record in sorted(outcome.records, key=lambda record: record.label):
        text = record.model_dump_json(include=chosen).replace(record.run_id, "RUN")
        found.append(text + json.dumps([(step.name, step.rows) for step in record.steps]))
    skipped = [label for _, label, _ in outcome.skipped]
    failed = [(label, error.code) for _, label, error in outcome.failures]
    return "\n".join([*found, str(skipped), str(failed)]).encode()


@RUNS
def test_every_run_tells_the_same_byte_for_byte(
    run: Callable[..., Any], delays: Callable[[int], None], runs: int
) -> None:
    seen = set()
    for seed in range(runs):
        delays(seed)
        outcome = run()
        seen.add(told(outcome))
        alarms = {(record.label, alert.column) for record in outcome.records for alert in record.drift.alerts}
        assert alarms == {(f"{DRIFT.window_start:%Y-%m-%d}", DRIFT.column)}
        # Each was held against all before it.
        assert [record.drift.history for record in outcome.records] == list(range(len(outcome.records)))
    assert len(seen) == 1


def test_after_a_window_that_fails_the_same_is_told_and_none_is_published(
    run: Callable[..., Any], delays: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window's neighbours have been read, staged and copied by then, or have failed themselves: none of it counts."""
    from tasks import extract

    opened = extract.open_source

    def broken(table: Any, window: Any, *more: Any) -> Any:
        if window is not None and window.start.day in (26, 28):
            time.sleep(0.2 if window.start.day == 26 else 0)
            raise SourceMissingError("it isn't there", code="SOURCE-MISSING", next_command="ask")
        return opened(table, window, *more)

    monkeypatch.setattr(extract, "open_source", broken)
    seen = set()
    for seed in range(4):
        delays(seed)
        outcome = run()
        seen.add(told(outcome))
        assert [record.label for record in outcome.published] == [f"2019-11-{day}" for day in range(23, 26)]
        assert [label for _, label, _ in outcome.failures] == ["2019-11-26"]
        assert [label for _, label, _ in outcome.skipped] == [f"2019-11-{day}" for day in range(27, 31)]
    assert len(seen) == 1
