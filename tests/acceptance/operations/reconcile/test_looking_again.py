"""`window.lookback`, `headgate reconcile` and its flow: what they say, load again, keep and tell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.next_commands import written
from flows.deploy.wanted import wanted
from flows.reconciling import Asked, reconcile_table
from tasks.incidents.look import look
from tasks.reconcile.compare import Finding
from tasks.report_facts import facts_of
from tasks.workbench import workbench
from tests.acceptance.operations.reconcile.orders import DAYS, FIRST, MODES, NOW, OTHERS, PER_DAY, Orders

Command = Callable[..., Any]
ENDED = f", end: {FIRST + timedelta(days=DAYS):%Y-%m-%d}"
LABELS = [f"{FIRST + timedelta(days=n):%Y-%m-%d}" for n in range(DAYS)]


def late(orders: Orders, number: int, day: int) -> None:
    at = FIRST + timedelta(days=day, hours=3)
    orders.source("INSERT INTO orders (id, at, day, note, email) VALUES (%s, %s, %s, 'late', 'l@example.com')",
                  (number, at, at.date()))  # fmt: skip


def statuses(told: Any) -> list[tuple[str, str]]:
    return [(run["label"], run["status"]) for run in told.json["runs"]]


@pytest.mark.effect("WindowSpec.lookback")
@pytest.mark.parametrize("mode", ["merge", "replace_window"])
def test_late_rows_of_the_last_windows_are_loaded_and_nothing_else(orders: Orders, command: Command, mode: str) -> None:
    table = orders.declare(MODES[mode], window=f"{ENDED}, lookback: 2")
    assert len(statuses(command("run", table, "--json"))) == DAYS
    late(orders, 9001, DAYS - 2)
    late(orders, 9002, 0)
    plan = command("plan", table)
    assert "nothing to do" in plan.out
    assert f"and read 2 windows again for late rows (window.lookback): {LABELS[-2]} to {LABELS[-1]}" in plan.out
    again = command("run", table, "--json")
    assert (again.code, statuses(again)) == (0, [(LABELS[-2], "published"), (LABELS[-1], "unchanged")])
    assert orders.live("SELECT id FROM LIVE WHERE id > 9000") == [(9001,)]
    # What came before the windows that are read again isn't loaded by itself, and is told.
    assert [item.label for item in orders.reconcile().differing] == [LABELS[0]]
    before = orders.house.proofs(table)
    # The same rows in another order are no others.
    orders.source("CREATE TABLE other AS SELECT * FROM orders ORDER BY id DESC; DROP TABLE orders")
    orders.source("ALTER TABLE other RENAME TO orders")
    told = command("run", table)
    assert f"{table}: 2 windows read again for late rows (window.lookback)" in told.out
    assert orders.house.proofs(table) == before


def test_a_source_that_lost_a_window_doesnt_empty_it(orders: Orders, command: Command) -> None:
    table = orders.declare(MODES["replace_window"], window=f"{ENDED}, lookback: 1")
    command("run", table)
    orders.source("DELETE FROM orders WHERE at >= %s", (FIRST + timedelta(days=DAYS - 1),))
    assert statuses(command("run", table, "--json")) == [(LABELS[-1], "unchanged")]
    assert orders.live("SELECT count(*) FROM LIVE") == [(DAYS * PER_DAY,)]
    (window,) = orders.reconcile().differing
    assert (window.label, window.difference.surplus) == (LABELS[-1], PER_DAY)


def test_older_versions_arent_put_over_later_ones(orders: Orders, command: Command) -> None:
    table = orders.declare(MODES["merge"], window=f"{ENDED}, lookback: 2")
    last, before = DAYS - 1, DAYS - 2
    orders.source(
        f"INSERT INTO orders SELECT id, %s, {OTHERS} FROM orders WHERE id = (SELECT min(id) FROM orders WHERE at >= %s)",
        (FIRST + timedelta(days=last, hours=2), FIRST + timedelta(days=before)),
    )
    command("run", table)
    assert command("run", table).code == 0
    late(orders, 9001, before)
    refused = command("run", table, "--json")
    assert (refused.code, refused.json["failures"][0]["error"]["code"]) == (1, "OLDER-VERSIONS")
    mended = command("reconcile", table, "--repair", "--json")
    assert (mended.code, mended.json["failures"][0]["error"]["code"]) == (1, "OLDER-VERSIONS")
    assert orders.live("SELECT count(*) FROM LIVE WHERE note = 'later'") == [(1,)]


@pytest.mark.effect(
    "headgate reconcile TABLE", "headgate reconcile --from", "headgate reconcile --to", "headgate reconcile --repair",
    "headgate reconcile --json",
)  # fmt: skip
@pytest.mark.parametrize("mode", ["merge", "replace_window with a key"])
def test_what_differs_is_told_kept_and_loaded_again(orders: Orders, command: Command, mode: str) -> None:
    table = orders.declare(MODES[mode], window=ENDED)
    command("run", table)
    late(orders, 9001, 1)
    orders.live("UPDATE LIVE SET amount = 4711 WHERE id = (SELECT min(id) FROM LIVE WHERE at >= %s)",
                (FIRST + timedelta(days=3),))  # fmt: skip
    assert command("reconcile", table, "--from", LABELS[2], "--to", LABELS[3]).code == 0
    found = command("reconcile", table)
    assert found.code == 3
    for part in (
        f"{LABELS[1]}         1 missing   (source {PER_DAY + 1} rows, live {PER_DAY})", "missing   id=9001",
        "1 changed (amount)", f"{DAYS} windows compared, 2 differ, reconciled up to 2024-03-02 00:00 UTC",
        f"next: headgate reconcile {table} --from {LABELS[1]} --repair",
    ):  # fmt: skip
        assert part in found.out
    assert f"reconciled up to 2024-03-02 00:00 UTC (from {LABELS[0]}" in command("plan", table).out
    assert "reconciled up to 2024-03-02" in command("review", "--json").json["reconciled"][table]
    assert "reconciled up to 2024-03-02" in facts_of(workbench().warehouse, table).reconciled
    (trouble,) = _troubles(table)
    assert (trouble.code, trouble.times, trouble.severity) == ("SOURCE-DIFFERS", 2, "major")
    assert trouble.message == f"{table} has other rows than its source in {LABELS[1]} and 1 more windows: 1 missing"
    assert trouble.next_command == f"headgate reconcile {table} --from {LABELS[1]} --repair"
    mended = command("reconcile", table, "--repair", "--json")
    assert (mended.code, mended.json["repaired"], mended.json["differing"]) == (0, [LABELS[1], LABELS[3]], [])
    assert mended.json["reconciled"].startswith("reconciled up to 2024-03-07 00:00 UTC")
    assert orders.live("SELECT count(*) FROM LIVE") == [(DAYS * PER_DAY + 1,)]
    assert _troubles(table) == []


def _troubles(table: str) -> list[Any]:
    seen = look(workbench(), datetime.now(UTC), None, promises=False)
    return [item for item in seen.troubles if table in item.tables]


def test_a_window_that_was_loaded_since_is_no_trouble_any_more(orders: Orders, command: Command) -> None:
    table = orders.declare(MODES["merge"], window=ENDED)
    command("run", table)
    late(orders, 9001, 1)
    assert command("reconcile", table).code == 3
    command("run", table, "--window", LABELS[1])
    assert _troubles(table) == []


def test_a_window_that_is_loaded_while_others_are_compared_is_no_trouble(orders: Orders) -> None:
    table = orders.declare(MODES["merge"], window=ENDED)
    orders.load()
    late(orders, 9001, 1)

    def load_it(found: Finding) -> None:
        if found.label == LABELS[1]:
            orders.house.load(table, LABELS[1], reprocess=True)

    assert [item.label for item in reconcile_table(workbench(), Asked(table), NOW, load_it).differing] == [LABELS[1]]
    assert _troubles(table) == []


def test_a_window_that_was_never_compared_is_none_that_agrees(orders: Orders) -> None:
    orders.declare(MODES["merge"], window=ENDED)
    orders.load()
    orders.reconcile(LABELS[0], LABELS[1])
    covered = orders.reconcile(LABELS[4]).coverage
    assert covered is not None
    assert (covered.since, covered.until) == (LABELS[4], f"{NOW:%Y-%m-%d %H:%M} UTC")


def test_keys_are_shown_by_the_rules_for_personal_data(orders: Orders, command: Command) -> None:
    table = orders.declare("key: [email]\nload: {mode: merge}", window=ENDED)
    command("run", table)
    orders.live("DELETE FROM LIVE WHERE id = 5")
    told = command("reconcile", table)
    assert (told.code, "1 missing" in told.out, "example.com" in told.out) == (3, True, False)


def test_hashes_are_compared_by_the_key_the_table_has(orders: Orders) -> None:
    orders.declare(MODES["merge"])
    orders.load(1)
    place = orders.house.place
    place.settings = replace(place.settings, pii_key="n" * 40, pii_key_before=place.settings.pii_key)
    orders.house.open()
    assert not orders.reconcile().differing


def test_append_is_compared_and_not_loaded_again(orders: Orders, command: Command) -> None:
    table = orders.declare(MODES["append"], window=ENDED)
    command("run", table)
    late(orders, 9001, 2)
    told = command("reconcile", table)
    assert told.code == 3
    assert command("reconcile", table, "--repair").error.code == "APPEND-AGAIN"
    ((line),) = re.findall(r"next: (.*)", told.out)
    assert "--repair" not in line
    for step, _ in written(line):
        if step.startswith("ALTER TABLE"):
            orders.house.place.ask(step.partition("   (")[0])
        else:
            assert command(*shlex.split(step)[1:]).code in (0, 3), step
    assert command("reconcile", table).code == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_windows_that_nothing_tells_apart_are_refused(house: Any, command: Command) -> None:
    table = house.declare("sales", """
        description: Sales.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/s-{window.start:%Y-%m-%d}.csv"}
        window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-02}
        columns: [{name: id, type: integer}]
        load: {mode: append}
        """)  # fmt: skip
    assert command("reconcile", table).error.code == "NOT-COMPARABLE"


def test_a_table_without_windows_is_compared_as_a_whole(orders: Orders, command: Command) -> None:
    table = orders.house.declare("orders", """
        description: Orders.
        owner: a@example.com
        source: {kind: postgres, connection: shop, query: "SELECT id, note, share FROM orders"}
        columns:
          - {name: id, type: integer, nullable: false}
          - {name: note, type: varchar(40)}
          - {name: share, type: double precision}
        key: [id]
        load: {mode: full_refresh}
        """)  # fmt: skip
    orders.name = table
    command("run", table)
    assert command("reconcile", table, "--json").json["differing"] == []
    orders.live("UPDATE LIVE SET note = 'x', share = 2 WHERE id = 7")
    orders.live("DELETE FROM LIVE WHERE id = 8")
    told = command("reconcile", table)
    assert "1 missing, 1 changed (note, share)" in told.out
    assert f"next: headgate reconcile {table} --repair" in told.out
    # With other content than was loaded the source says nothing of what was.
    orders.source("INSERT INTO orders (id) VALUES (9001)")
    moved = command("reconcile", table)
    assert (moved.code, "the source has other content since it was loaded" in moved.out) == (0, True)
    command("run", table)
    orders.live("DELETE FROM LIVE WHERE id = 8")
    assert command("reconcile", table, "--repair", "--json").json["repaired"] == ["source"]
    assert orders.live("SELECT count(*) FROM LIVE WHERE id IN (8, 9001)") == [(2,)]


def test_windows_of_files_are_compared_by_the_column_they_are_replaced_by(house: Any, command: Command) -> None:
    table = house.declare("sales", """
        description: Sales.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/s-{window.start:%Y-%m-%d}.csv"}
        window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-04, lookback: 3}
        columns: [{name: id, type: integer}, {name: day, type: date}]
        load: {mode: replace_window, window_column: day}
        """)  # fmt: skip
    for day in LABELS[:3]:
        house.source(f"s-{day}.csv", f"id,day\n1,{day}\n1,{day}\n2,{day}\n")
    command("run", table)
    house.source(f"s-{LABELS[0]}.csv", f"id,day\n1,{LABELS[0]}\n2,{LABELS[0]}\n")
    (house.folder / f"s-{LABELS[1]}.csv").unlink()
    told = command("reconcile", table)
    assert f"{LABELS[0]}         1 doubled   (source 2 rows, live 3)" in told.out
    assert f"{LABELS[1]}         not compared: the source has it no longer" in told.out
    again = statuses(command("run", table, "--json"))
    assert again == [(LABELS[0], "published"), (LABELS[1], "unchanged"), (LABELS[2], "unchanged")]
    assert command("reconcile", table).code == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.effect("Table.reconcile", "Reconcile.cron", "Reconcile.timezone", "Reconcile.windows", "Reconcile.repair")
def test_it_is_deployed_as_it_is_declared(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import reconciling

    name = orders.declare(MODES["merge"], window=ENDED)
    plain = workbench().project.tables[name].fingerprint
    assert [item for item in wanted(workbench().project) if item.flow == "reconcile" and item.cron] == []
    when = "reconcile: {cron: '0 7 * * 1', timezone: Asia/Seoul, windows: 2, repair: true}"
    orders.declare(MODES["merge"], window=ENDED, more=when)
    # How often it is compared says nothing of how it is loaded.
    assert workbench().project.tables[name].fingerprint == plain
    (item,) = [item for item in wanted(workbench().project) if item.key == f"reconcile/{name}"]
    assert (item.cron, item.timezone) == ("0 7 * * 1", "Asia/Seoul")
    assert item.parameters == {"table": name, "windows": 2, "repair": True}
    orders.load()
    found = reconciling.reconcile_table(workbench(), reconciling.Asked(name, newest=2), NOW)
    assert [window.label for window in found.findings] == LABELS[-2:]
