"""A table that is read from a replica, through the command line: loads, comparisons of keys, reconciliation, the plan."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.errors import DeclarationError
from deployments.project import load_project
from tests.standby import Pair, streaming

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)

TABLE = """
description: d
owner: o
source:
  kind: postgres
  connection: shop
  query: "SELECT id, day FROM sales"
  cursor: {column: day, kind: mutable}
window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-03}
columns: [{name: id, type: integer, nullable: false}, {name: day, type: date, nullable: false}]
key: [day, id]
load: {mode: merge, deletes: compare_keys}
schedule: {cron: "0 3 * * *", timezone: UTC}
"""
HELD_UP = "connections: {shop: {replica: copy, catch_up: 1s}}\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with streaming(tmp_path_factory.mktemp("pair")) as made:
        made.run("CREATE TABLE sales (id int PRIMARY KEY, day date)")
        yield made


@pytest.fixture
def typed(house: Any, pair: Pair, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command in the project's folder, with what its settings are as the environment."""
    settings = house.place.settings
    house.place.settings = replace(settings, connections={"shop": pair.primary, "copy": pair.replica})
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    monkeypatch.setenv("HEADGATE_WAREHOUSE_URL", str(settings.warehouse_url))
    monkeypatch.setenv("HEADGATE_STAGE_URL", str(settings.stage_url))
    monkeypatch.setenv("HEADGATE_CONNECTION_SHOP", pair.primary)
    monkeypatch.setenv("HEADGATE_CONNECTION_COPY", pair.replica)
    (house.folder / "connections.yaml").write_text("connections: {shop: {replica: copy}}\n")
    pair.run("TRUNCATE sales", "INSERT INTO sales VALUES (1, '2024-03-01'), (2, '2024-03-01'), (3, '2024-03-02')")
    return command


def test_what_was_committed_is_published_or_the_run_fails(house: Any, pair: Pair, typed: Callable[..., Any]) -> None:
    table = house.declare("t", TABLE)
    assert (
        "its rows are read from 'copy', once it has all that 'shop' has when the read begins"
        in typed("plan", table).out
    )
    assert "within 5m, the run fails" in typed("plan", table, "--json").json[0]["replica"][0]
    done = typed("run", table)
    assert done.code == 0, done.out
    assert [row[0] for row in house.rows(table)] == [1, 2, 3]
    (run,) = re.findall(r"run (t-2024-03-01-\w+)", done.out)
    told = r"copy \(127.0.0.1/postgres\), which had all of 'shop' \(at [0-9A-F]+/[0-9A-F]+\)"
    assert re.fullmatch(told, typed("show", run, "--json").json["source"])
    assert re.search(f"rows.* from {told}", typed("show", run).out)
    # Rows that came, changed their window and went, with the replica held up: nothing is published of what it still has.
    pair.run("SELECT pg_wal_replay_pause()", on=pair.replica)
    try:
        pair.run("INSERT INTO sales VALUES (4, '2024-03-01')", "DELETE FROM sales WHERE id = 2")
        (house.folder / "connections.yaml").write_text(HELD_UP)
        before = house.rows(table)
        for arguments in (("run", table, "--window", "2024-03-01"), ("reconcile", table, "--from", "2024-03-01")):
            done = typed(*arguments)
            assert done.code == 1, (arguments, done.out)
            assert "REPLICA-BEHIND" in f"{done.out} {done.error!r} {getattr(done.error, 'code', None)}", (
                arguments,
                done.out,
            )
        assert "the run fails, and is tried again" in typed("plan", table).out
        looked = typed("check", "--connect")
        assert looked.code == 1
        assert re.search(r"FAILED +source copy: replica +'copy' hasn't got in 1s what 'shop' had", looked.out)
        assert house.rows(table) == before
    finally:
        pair.run("SELECT pg_wal_replay_resume()", on=pair.replica)
    for window in ("2024-03-01", "2024-03-02"):
        assert typed("run", table, "--window", window).code == 0
    assert sorted(row[0] for row in house.rows(table)) == [1, 3, 4]
    done = typed("reconcile", table)
    assert done.code == 0, done.out
    assert re.search(r"source copy: replica +copy .*s after it was asked", typed("check", "--connect").out)


def test_a_run_that_is_killed_while_it_waits_leaves_nothing(house: Any, pair: Pair, typed: Callable[..., Any]) -> None:
    table = house.declare("t", TABLE)
    (house.folder / "connections.yaml").write_text(
        "connections: {shop: {replica: copy, catch_up: 1h}, copy: {max_connections: 1, wait: 0s}}\n"
    )
    pair.caught_up()
    pair.run("SELECT pg_wal_replay_pause()", on=pair.replica)
    try:
        pair.run("INSERT INTO sales VALUES (5, '2024-03-01')")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", table, "--window", "2024-03-01"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert waiting.stderr is not None
        assert any("the replica 'copy' is behind" in line for line in waiting.stderr)
        waiting.send_signal(signal.SIGKILL)
        waiting.communicate()
    finally:
        pair.run("SELECT pg_wal_replay_resume()", on=pair.replica)
    done = typed("run", table, "--window", "2024-03-01")
    assert done.code == 0, done.out
    assert sorted(row[0] for row in house.rows(table)) == [1, 2, 5]


@pytest.mark.parametrize(("text", "told"), [
    ("{shop: {replica: shop}}", "no replica of itself"), ("{shop: {replica: copy}, other: {}}", "no source uses"),
    ("{shop: {replica: copy}, copy: {replica: third}}", "is itself declared to be a replica"),
])  # fmt: skip
def test_replicas_that_cannot_be(house: Any, text: str, told: str) -> None:
    house.declare("t", TABLE)
    (house.folder / "connections.yaml").write_text(f"connections: {text}\n")
    with pytest.raises(DeclarationError, match=told):
        load_project(house.folder)


def test_the_replica_keeps_the_rules_of_its_own_entry(house: Any, pair: Pair, typed: Callable[..., Any]) -> None:
    """Its hours, its address, and that it isn't the warehouse."""
    table = house.declare("t", TABLE)
    first, last = (f"{datetime.now(UTC) + timedelta(hours=number):%H:%M}" for number in (2, 3))
    hours = f"{{from: '{first}', to: '{last}', timezone: UTC}}"
    (house.folder / "connections.yaml").write_text(
        f"connections: {{shop: {{replica: copy}}, copy: {{allowed: {hours}}}}}\n"
    )
    assert f"its source may be read {first} to {last} (UTC)" in typed("plan", table).out
    assert "rows of 'copy' may be read" in typed("run", table, "--window", "2024-03-01").out
    (house.folder / "connections.yaml").write_text(f"connections: {{shop: {{replica: copy, allowed: {hours}}}}}\n")
    assert typed("run", table, "--window", "2024-03-01").code == 0
    (house.folder / "connections.yaml").write_text("connections: {shop: {replica: third}}\n")
    assert "HEADGATE_CONNECTION_THIRD is not set here" in typed("check").out
    (house.folder / "connections.yaml").write_text("connections: {shop: {replica: copy}}\n")
    house.place.settings = replace(
        house.place.settings, connections={"shop": pair.primary, "copy": str(house.place.settings.warehouse_url)}
    )
    house.open()
    with pytest.raises(DeclarationError) as caught:
        house.load(table, "2024-03-01")
    assert caught.value.code == "SAME-DATABASE"
