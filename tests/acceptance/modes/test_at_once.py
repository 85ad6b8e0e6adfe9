"""Loads at the same moment: one table from two flows, many tables side by side, readers all the while."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import psycopg2
import pytest

from tasks import extract as extracting

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/%s.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(10)}
key: [id]
load: {mode: %s}
"""


def side_by_side(works: list[Callable[[], Any]], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run loads that have all planned before the first of them extracts."""
    barrier = Barrier(len(works))
    opened = extracting.open_source

    def met(*arguments: Any) -> Any:
        barrier.wait(timeout=120)
        return opened(*arguments)

    monkeypatch.setattr(extracting, "open_source", met)
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


@pytest.mark.parametrize("mode", ["full_refresh", "merge", "append"])
def test_two_flows_load_the_same_table(house: Any, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    table = house.declare("orders", TABLE % ("orders", mode))
    house.source("orders.csv", "id,note\n1,a\n2,b\n")
    records = side_by_side([lambda: house.load(table)] * 2, monkeypatch)
    assert sorted(record.status for record in records) == ["already_published", "published"]
    assert house.rows(table) == [(1, "a"), (2, "b")]
    assert [proof[:2] for proof in house.proofs(table)] == [(1, "publish")]


@pytest.mark.story
def test_twenty_flows_load_twenty_tables(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = []
    for number in range(20):
        tables.append(house.declare(f"orders_{number}", TABLE % (f"o{number}", "merge")))
        house.source(f"o{number}.csv", "id,note\n" + "".join(f"{n},{number}\n" for n in range(50)))
    records = side_by_side([lambda name=name: house.load(name) for name in tables], monkeypatch)
    assert [record.status for record in records] == ["published"] * 20
    counted = house.place.ask(
        " UNION ALL ".join(f"SELECT '{name}', count(*), min(note), max(note) FROM {name}" for name in tables)
    )
    assert {(name, rows, low == high == name.rpartition("_")[2]) for name, rows, low, high in counted} == {
        (name, 50, True) for name in tables
    }
    facts = house.place.ask("SELECT count(*) FROM ops.run WHERE status = 'published' AND target LIKE %s",
                            (f"{house.schema}.%",))  # fmt: skip
    assert facts == [(20,)]


def test_readers_see_whole_tables_and_no_error_while_they_are_swapped(house: Any, record_property: Any) -> None:
    table = house.declare("orders", TABLE % ("orders", "full_refresh"))
    house.source("orders.csv", "id,note\n" + "".join(f"{n},a\n" for n in range(1000)))
    house.load(table)
    url = str(house.place.settings.warehouse_url).replace("redshift://", "postgresql://")
    stop, seen, waits = Event(), set(), []

    def read() -> None:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not stop.is_set():
                begun = time.monotonic()
                cursor.execute(f"SELECT count(*), min(note), max(note) FROM {table}")
                seen.update(cursor.fetchall())
                waits.append(time.monotonic() - begun)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        for letter in "bcd":
            house.source("orders.csv", "id,note\n" + "".join(f"{n},{letter}\n" for n in range(1000)))
            house.load(table)
        stop.set()
        reader.result()
    record_property("longest wait of a reader, seconds", round(max(waits), 3))
    assert seen <= {(1000, letter, letter) for letter in "abcd"}
    assert seen
    assert house.place.ask(f"SELECT count(*), min(note) FROM {table}") == [(1000, "d")]
