"""What `connections.yaml` says of the databases that tables are read from, on a project of files and real servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.errors import DeclarationError
from deployments.project import load_project
from flows.due import load_what_is_due
from tasks.workbench import workbench

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)

TABLE = """
description: d
owner: o
source: {kind: postgres, connection: shop, query: "SELECT 1 AS id, 'one' AS note"}
columns: [{name: id, type: integer}, {name: note, type: varchar(9)}]
load: {mode: full_refresh}
"""


def connections(house: Any, text: str) -> None:
    (house.folder / "connections.yaml").write_text(f"connections: {text}\n")


@pytest.fixture
def typed(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command in the project's folder, with what its settings are as the environment."""
    url = str(house.place.settings.warehouse_url)
    house.place.settings = settings = replace(house.place.settings, connections={"shop": url})
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    monkeypatch.setenv("HEADGATE_WAREHOUSE_URL", url)
    monkeypatch.setenv("HEADGATE_STAGE_URL", str(settings.stage_url))
    monkeypatch.setenv("HEADGATE_CONNECTION_SHOP", url)
    return command


@pytest.mark.effect("Connections.connections", "Protection.is_warehouse")
def test_the_warehouse_is_a_source_only_where_it_is_meant(house: Any, typed: Callable[..., Any]) -> None:
    table = house.declare("t", TABLE)
    told = typed("check")
    assert told.code == 2
    assert "tables/t.yaml:5: source.connection" in told.out
    assert "warehouse's own database" in told.out
    with pytest.raises(DeclarationError, match="HEADGATE_WAREHOUSE_URL") as caught:
        house.load(table)
    assert caught.value.code == "SAME-DATABASE"
    connections(house, "{shop: {is_warehouse: true}}")
    assert typed("check").code == 0
    house.load(table)
    assert house.rows(table) == [(1, "one")]


def test_a_limit_that_protects_nobody_is_a_mistake(house: Any) -> None:
    house.declare("t", TABLE)
    connections(house, "{shopp: {}}")
    with pytest.raises(DeclarationError, match="did you mean 'shop'"):
        load_project(house.folder)
    house.declare(
        "t", TABLE.replace("kind: postgres", "kind: csv").replace("query: \"SELECT 1 AS id, 'one' AS note\"", "url: /a")
    )
    connections(house, "{shop: {}}")
    with pytest.raises(DeclarationError, match="leads to no database"):
        load_project(house.folder)


BY_DAYS = """
description: d
owner: o
source:
  kind: postgres
  connection: shop
  query: "SELECT n AS id, date '2024-03-01' + n % 6 AS day, pg_sleep(0.01)::text AS z FROM generate_series(1, 60) n"
  cursor: {column: day, kind: mutable}
window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-07}
columns: [{name: id, type: integer, nullable: false}, {name: day, type: date, nullable: false}, {name: z, type: varchar(9)}]
key: [day, id]
load: {mode: merge, deletes: compare_keys}
schedule: {cron: "0 3 * * *", timezone: UTC, parallel: 3}
"""


def test_windows_side_by_side_share_the_connections(house: Any, typed: Callable[..., Any]) -> None:
    """Three lanes, one connection: never two reads at once; looks, drafts and comparisons need no second one either."""
    table = house.declare("t", BY_DAYS)
    most = {}
    for allowed in (1, 3):
        connections(house, f"{{shop: {{is_warehouse: true, max_connections: {allowed}, wait: 60s}}}}")
        counts, ended = [0], threading.Event()

        def look(counts: list[int], ended: threading.Event) -> None:
            while not ended.wait(0.02):
                ((found,),) = house.place.ask(
                    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%TO STDOUT%'"
                )
                counts.append(found)

        looking = threading.Thread(target=look, args=(counts, ended))
        looking.start()
        done = typed("run", table, "--full-refresh")
        ended.set()
        looking.join()
        assert done.code == 0, done.out
        most[allowed] = max(counts)
    assert most[1] == 1
    assert most[3] > 1
    connections(house, "{shop: {is_warehouse: true, max_connections: 1, wait: 5s}}")
    for arguments in (
        ("plan", "--source"), ("check", "--live"), ("reconcile", table), ("peek", "connection:shop", "--query", "SELECT 1 AS id"),
        ("new", f"{house.schema}.u", "--source", "connection:shop", "--query", "SELECT 1 AS id"),
    ):  # fmt: skip
        done = typed(*arguments)
        assert done.code == 0, done.out


def test_outside_of_the_hours_a_schedule_waits_and_a_command_says_when(
    house: Any,
    typed: Callable[..., Any],
    clients: Any,  # a backfill is a flow run, and would start a temporary server
) -> None:
    promise = 'sla: [{for: finance, fresh_by: "00:30"}]\n'
    table = house.declare("t", BY_DAYS.replace("end: 2024-03-07", "end: 2034-03-07") + promise)
    now = datetime.now(UTC)
    first, last = (f"{now + timedelta(hours=number):%H:%M}" for number in (2, 3))
    given = f"is_warehouse: true, allowed: {{from: '{first}', to: '{last}', timezone: UTC}}"
    connections(house, f"{{shop: {{{given}}}}}")
    begins = f"{now + timedelta(hours=2):%Y-%m-%d} {first}"

    told = typed("plan", table)
    assert f"its source may be read {first} to {last} (UTC): next from {begins}" in told.out
    late = f"{first}" > "00:30"
    assert ("late by itself for finance: promised by" in told.out) is late
    assert typed("plan", table, "--json").json[0]["hours"][0].endswith(begins)

    done = typed("run", table, "--window", "2024-03-01")
    assert done.code == 1
    assert "[OUTSIDE-HOURS]" in done.out
    assert f"next from {begins}" in done.out
    done = typed("backfill", table, "--from", "2024-03-01", "--to", "2024-03-05", "--parallel", "1")
    assert done.code == 1
    assert "1 failed, 3 windows not tried" in done.out

    bench = workbench()
    due = load_what_is_due(bench, bench.project.table(table), now)
    # One, or those that were begun side by side.
    assert (due.outcome.failures, {item.look_at for item in due.waiting}) == ([], {now_at(now, 2)})
    label = due.waiting[0].label
    expected = f"{label} waits for the hours in which 'shop' may be read, {first} to {last} (UTC); next look {first}"
    assert due.waiting[0].sentence("UTC") == expected
    # Within the hours it loads, and the plan says so.
    begun, ends = (f"{now + timedelta(minutes=number):%H:%M}" for number in (-30, 30))
    connections(house, f"{{shop: {{is_warehouse: true, allowed: {{from: '{begun}', to: '{ends}', timezone: UTC}}}}}}")
    assert "(UTC): now" in typed("plan", table).out
    assert typed("run", table, "--window", "2024-03-01").code == 0


def now_at(now: datetime, hours: int) -> datetime:
    return (now + timedelta(hours=hours)).replace(second=0, microsecond=0)
