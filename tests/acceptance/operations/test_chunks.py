"""A table that is read in chunks, through the command line: told before and afterwards, killed half-way, and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.embedded.stack import StackState

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)

TABLE = """
description: d
owner: o
source:
  kind: postgres
  connection: shop
  query: SELECT id, note FROM SCHEMA.orders
  chunks: {by: BY, rows: 1000, snapshot: MOMENTS}
columns: [{name: id, type: bigint, nullable: false}, {name: note, type: varchar(40)}]
key: [id]
load: {mode: full_refresh}
"""


@pytest.fixture
def declared(house: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A table of 10,000 rows in the house's database, declared in chunks; returns its name."""
    url = str(house.place.settings.warehouse_url)
    house.place.settings = settings = replace(house.place.settings, connections={"shop": url})
    for name, value in (("PROJECT", house.folder), ("STATE", house.folder / "state"), ("WAREHOUSE_URL", url),
                        ("STAGE_URL", settings.stage_url), ("CONNECTION_SHOP", url)):  # fmt: skip
        monkeypatch.setenv(f"HEADGATE_{name}", str(value))
    (house.folder / "connections.yaml").write_text("connections: {shop: {is_warehouse: true}}\n")
    change(house, "CREATE SCHEMA IF NOT EXISTS {}", "CREATE TABLE {}.orders (id bigint PRIMARY KEY, note text, at int)",
           "INSERT INTO {}.orders SELECT n, 'note ' || n, n FROM generate_series(1, 10000) n")  # fmt: skip
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")

    def made(moments: str, by: str = "id") -> str:
        text = TABLE.replace("SCHEMA", house.schema).replace("MOMENTS", moments).replace("BY", by)
        return str(house.declare("t", text))

    return made


def change(house: Any, *statements: str) -> None:
    """Statements on the source, a table of the house's own schema."""
    with (
        closing(psycopg2.connect(str(house.place.settings.warehouse_url))) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement.format(house.schema))


@pytest.mark.effect("Chunks.by", "Chunks.rows", "Chunks.snapshot=chunk", "PostgresSource.chunks")
def test_a_table_in_chunks_is_told_and_loaded(
    house: Any, declared: Callable[..., str], command: Callable[..., Any]
) -> None:
    table = declared("batch", by="at")
    refused = command("run", table)
    assert refused.code == 1
    assert "CHUNK-KEY" in refused.out
    told = command("check", "--connect")
    assert f"source of {table}: chunks" in told.out
    assert "at isn't a column of the query" in told.out
    for moments, words in (("batch", "by id"), ("chunk", "by id, each of a moment of its own")):
        table = declared(moments)
        assert f"it is read in chunks of 1,000 rows {words}\n" in command("plan", table).out
        assert "by an index, about" in command("check", "--connect").out
        loaded = command("run", table, "--full-refresh")
        assert loaded.code == 0
        # One more for what is behind the last value, and one for rows without a value.
        assert f"in 12 chunks {words}" in " ".join(loaded.out.split())
        assert len(house.rows(table)) == 10_000
        assert "0 batches published" in command("run", table).out


KILLED = """
import os, signal, sys
from tasks.sources import ranges
ended, left = ranges.Walk.end, [int(sys.argv.pop(1))]
def end(self):
    ended(self)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
ranges.Walk.end = end
from flows.cli import main
main()
"""


@pytest.mark.parametrize("moments", ["batch", "chunk"])
def test_killed_at_a_chunk_and_run_again(
    house: Any, declared: Callable[..., str], command: Callable[..., Any], stack: StackState, moments: str
) -> None:
    table = declared(moments)
    assert command("run", table).code == 0
    change(house, "UPDATE {}.orders SET note = 'changed' WHERE id = 9000", "DELETE FROM {}.orders WHERE id = 1")
    before = house.rows(table)
    # Within the fingerprint, and within the read behind it.
    for number in (3, 12 + 4):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(number), "run", table], cwd=Path(__file__).parents[3], capture_output=True,
            timeout=300, env={**stack.environment(), **os.environ},
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        assert house.rows(table) == before
    end = time.monotonic() + 60
    while command("run", table).code != 0:
        assert time.monotonic() < end
    rows = dict(house.rows(table))
    assert (len(rows), rows[9000], 1 in rows) == (9999, "changed", False)
    assert not list((house.folder / "state").glob("tmp*"))


@pytest.mark.parametrize("moments", ["batch", "chunk"])
def test_reconcile_finds_what_differs(
    house: Any, declared: Callable[..., str], command: Callable[..., Any], moments: str
) -> None:
    table = declared(moments)
    assert command("run", table).code == 0
    assert command("reconcile", table, "--json").json["differing"] == []
    change(house, "UPDATE {}.t SET note = 'other' WHERE id = 7777")
    change(house, "DELETE FROM {}.t WHERE id = 8888")
    assert "1 missing, 1 changed (note)" in command("reconcile", table).out
