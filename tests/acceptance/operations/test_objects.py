"""Objects below a prefix or a folder, each a batch: loaded once, whatever is delivered again, replaced or taken away."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from tasks.objects.protocol import ObjectStore
from tasks.objects.store import open_store

TABLE = """
description: Orders.
owner: a@example.com
source: {{kind: {kind}, url: "{url}", objects: each{more}}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: city, type: varchar(20)}}
{key}
load: {{mode: {mode}, generations: 8}}
"""


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, house: Any, stack: Any) -> ObjectStore:
    """Where the objects lie, in a bucket and in a folder."""
    if request.param == "file":
        (house.folder / "in").mkdir()
        return open_store(f"file://{house.folder}/in")
    return open_store(f"s3://{stack.s3_bucket}/{house.schema}")


def declared(house: Any, store: ObjectStore, mode: str = "append", kind: str = "csv", more: str = "") -> str:
    key = "key: [id]" if mode == "merge" else ""
    text = TABLE.format(kind=kind, url=f"{store.base}/", more=more, key=key, mode=mode)
    return str(house.declare("orders", text))


def states(command: Callable[..., Any], table: str) -> dict[str, tuple[str, bool]]:
    (plan,) = command("plan", table, "--json").json
    return {window["label"]: (window["state"], window["run"]) for window in plan["windows"]}


def test_each_object_is_loaded_once(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    store.put("2024/b.csv", b"id,city\n2,Ulm\n")
    store.put("2024/a.csv.gz", gzip.compress(b"id,city\n1,Rome\n"))
    store.put("2024/_SUCCESS", b"")
    table = declared(house, store)
    assert states(command, table) == {"2024/a.csv.gz": ("missing", True), "2024/b.csv": ("missing", True)}
    done = command("run", table, "--json")
    assert (done.code, [run["label"] for run in done.json["runs"]]) == (0, ["2024/a.csv.gz", "2024/b.csv"])
    assert command("run", table, "--json").json["runs"] == []
    store.put("2024/0.csv", b"id,city\n0,Bonn\n")
    assert [run["label"] for run in command("run", table, "--json").json["runs"]] == ["2024/0.csv"]
    assert house.rows(table) == [(0, "Bonn"), (1, "Rome"), (2, "Ulm")]
    # What was read may be moved away.
    store.delete("2024")
    assert set(states(command, table).values()) == {("loaded", False)}
    assert command("run", table, "--json").json["runs"] == []


ONE_ROW = {"csv": b"id,city\n1,Rome\n", "json": b'[{"id": 1, "city": "Rome"}]'}


@pytest.mark.effect(
    "CsvSource.objects=each", "JsonSource.objects=each", "ParquetSource.objects=each", "CsvSource.objects",
    "JsonSource.objects", "ParquetSource.objects", "CsvSource.pattern", "JsonSource.pattern", "ParquetSource.pattern",
)  # fmt: skip
@pytest.mark.parametrize("store", ["file"], indirect=True)
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_each_of_every_kind(house: Any, store: ObjectStore, command: Callable[..., Any], kind: str) -> None:
    for name in ("a.in", "b.in", "b.out"):
        if kind == "parquet":
            duckdb.sql("SELECT 1 AS id, 'Rome' AS city").write_parquet(str(house.folder / "in" / name))
        else:
            store.put(name, ONE_ROW[kind] + b"\n" * (name == "b.in"))
    table = declared(house, store, mode="merge", kind=kind, more=', pattern: "*.in"')
    done = command("run", table, "--json")
    assert (done.json["failures"], [run["label"] for run in done.json["runs"]]) == ([], ["a.in", "b.in"])
    assert house.rows(table) == [(1, "Rome")]


@pytest.mark.effect("CsvSource.objects=together", "ParquetSource.objects=together")
@pytest.mark.parametrize("store", ["file"], indirect=True)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_together_they_are_one_batch(house: Any, store: ObjectStore, command: Callable[..., Any], kind: str) -> None:
    for number in (1, 2):
        name = house.folder / "in" / f"{number}.in"
        written = duckdb.sql(f"SELECT {number} AS id, 'Rome' AS city")
        (written.write_csv if kind == "csv" else written.write_parquet)(str(name))
    url = f"{store.base}/"
    text = TABLE.format(kind=kind, url=url, more="", key="", mode="append").replace(
        "objects: each", "objects: together"
    )
    table = str(house.declare("orders", text))
    assert states(command, table) == {"source": ("look", True)}
    assert command("run", table).code == 0
    assert house.rows(table, "id") == [(1,), (2,)]
    assert len(house.proofs(table)) == 1


def test_only_what_is_like_the_pattern(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    for name in ("x/orders-1.jsonl", "x/items-1.jsonl"):
        store.put(name, b'{"id": 1, "city": "Rome"}\n')
    table = declared(house, store, kind="json", more=', pattern: "*/orders-*"')
    assert list(states(command, table)) == ["x/orders-1.jsonl"]
    assert command("run", table).code == 0
    assert command("run", table, "--window", "x/items-1.jsonl").error.code == "SOURCE-MISSING"
    assert command("run", table, "--window", "../orders/orders-1.jsonl").error.code == "SOURCE-MISSING"
    assert house.rows(table) == [(1, "Rome")]


def test_the_same_bytes_under_another_name_are_told(
    house: Any, store: ObjectStore, command: Callable[..., Any]
) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n1,Rome\n")
    assert command("run", table).code == 0
    store.put("a (copy).csv", b"id,city\n1,Rome\n")
    failed = command("run", table, "--json")
    assert (failed.code, [item["error"]["code"] for item in failed.json["failures"]]) == (1, ["OBJECT-REPEATED"])
    assert house.rows(table) == [(1, "Rome")]
    run = failed.json["runs"][-1]["run_id"]
    given = ("--override", "OBJECT-REPEATED", "--reason", "a second order", "--expires", "1d")
    assert command("publish", run, *given).code in (0, 3)
    assert house.rows(table) == [(1, "Rome"), (1, "Rome")]
    assert command("run", table, "--json").json["runs"] == []


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_source_that_cannot_be_listed_stops_no_other_table(
    house: Any, store: ObjectStore, command: Callable[..., Any]
) -> None:
    store.put("a.csv", b"id,city\n1,Rome\n")
    gone = TABLE.format(kind="csv", url="s3://no-such-bucket/in/", more="", key="", mode="append")
    first, table = str(house.declare("a_gone", gone)), declared(house, store)
    shown = command("plan", first, table)
    assert shown.code == 1
    assert f"{table:<34} 1 missing" in shown.out
    assert f"{first:<34} can't be planned [SOURCE]" in shown.out
    assert "can't list s3://no-such-bucket/in" in shown.out
    planned = command("plan", first, table, "--json")
    assert planned.code == 1
    assert [(item["table"], item.get("error", {}).get("code")) for item in planned.json] == [
        (table, None), (first, "SOURCE"),
    ]  # fmt: skip
    done = command("run", first, table, "--json")
    assert done.code == 1
    assert [run["table"] for run in done.json["runs"]] == [table]
    assert [(failure["table"], failure["error"]["code"]) for failure in done.json["failures"]] == [(first, "SOURCE")]
    assert house.rows(table) == [(1, "Rome")]
    said = command("run", first, table)
    assert f"failed {first} [SOURCE]" in said.out
    assert "mend source.url" in said.out
    # Alone it is the command that fails.
    assert command("run", first).error.code == "SOURCE"
    assert command("plan", first).error.code == "SOURCE"


@pytest.mark.parametrize("store", ["file"], indirect=True)
def test_objects_are_called_so_and_what_loads_them_again_is_typed(
    house: Any, store: ObjectStore, command: Callable[..., Any]
) -> None:
    table = declared(house, store, mode="merge")
    assert "no object lies there" in command("plan", table).out
    for name in ("a", "b"):
        store.put(f"{name}.csv", b"id,city\n1,Rome\n" if name == "a" else b"id,city\n2,Ulm\n")
    assert "run would load 2 objects: a.csv to b.csv" in command("plan", table).out
    assert f"{table}: 2 objects to load, a.csv to b.csv" in command("run", table).out
    assert f"{table}: nothing to do (2 objects loaded)" in command("run", table).out
    declaration = house.folder / "tables" / "orders.yaml"
    declaration.write_text(declaration.read_text().replace("varchar(20)", "varchar(30)"))
    told = command("plan", table).out
    assert f"(load it again: headgate run {table} --full-refresh)" in told
    assert (
        f"2 by an older declaration: headgate run {table} --full-refresh loads them again" in command("run", table).out
    )
    assert "2 batches published" in command("run", table, "--full-refresh").out
    assert "2 loaded" in command("plan", table).out
    store.put("a.csv", b"id,city\n1,Roma\n")
    told = command("plan", table).out
    assert "and read 1 object again since it was put there again: a.csv" in told
    store.put("b.csv", b"id,city\n2,Ulm\n3,Bari\n")
    more = command("plan", table).out
    assert "and read 2 objects again since they were put there again: a.csv to b.csv" in more
    assert "window" not in told + more
    assert f"{table}: 2 objects read again since they were put there again" in command("run", table).out
    store.put("c.csv", b"number,town\n4,Bari\n")
    for name in ("d.csv", "e.csv"):
        store.put(name, b"id,city\n5,Pisa\n")
    assert "0 batches published, 1 failed, 2 objects not tried" in command("run", table).out


def test_a_replaced_object_is_told_and_doubles_nothing(
    house: Any, store: ObjectStore, command: Callable[..., Any]
) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n1,Rome\n")
    store.put("b.csv", b"id,city\n2,Ulm\n")
    assert command("run", table).code == 0
    store.put("a.csv", b"id,city\n1,Roma\n9,Pisa\n")
    store.put("c.csv", b"id,city\n3,Bari\n")
    failed = command("run", table, "--json")
    assert [item["error"]["code"] for item in failed.json["failures"]] == ["OBJECT-REPLACED"]
    assert house.rows(table) == [(1, "Rome"), (2, "Ulm"), (3, "Bari")], "new ones aren't stopped by it"
    assert command("rollback", table, "--window", "a.csv", "--reason", "replaced").code == 0
    assert command("run", table).code == 0
    assert house.rows(table) == [(1, "Roma"), (2, "Ulm"), (3, "Bari"), (9, "Pisa")]


def test_what_was_rolled_back_stays_so_until_it_is_replaced(
    house: Any, store: ObjectStore, command: Callable[..., Any]
) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n1,Rome\n")
    assert command("run", table).code == 0
    assert command("rollback", table, "--window", "a.csv", "--reason", "a test").code == 0
    assert states(command, table) == {"a.csv": ("undone", False)}
    assert command("run", table, "--json").json["runs"] == []
    assert command("run", table, "--window", "a.csv").code == 0
    assert house.rows(table) == [(1, "Rome")]


def test_a_merge_takes_a_replaced_object(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store, mode="merge")
    store.put("a.csv", b"id,city\n1,Rome\n2,Ulm\n")
    assert command("run", table).code == 0
    store.put("a.csv", b"id,city\n1,Roma\n3,Bari\n")
    store.put("b.csv", b"id,city\n1,Roma\n3,Bari\n")
    assert command("run", table, "--json").code == 0
    assert house.rows(table) == [(1, "Roma"), (2, "Ulm"), (3, "Bari")]
    assert command("run", table, "--json").json["runs"] == []


@pytest.mark.parametrize("store", ["file"], indirect=True)
def test_a_file_that_was_only_touched_is_the_same(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n1,Rome\n")
    assert command("run", table).code == 0
    store.put("a.csv", b"id,city\n1,Rome\n")
    done = command("run", table, "--json")
    assert (done.code, [run["status"] for run in done.json["runs"]]) == (0, ["unchanged"])
    assert house.rows(table) == [(1, "Rome")]


def test_an_object_without_rows(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n")
    failed = command("run", table, "--json")
    assert [item["error"]["code"] for item in failed.json["failures"]] == ["EMPTY-FILE"]
    table = declared(house, store, more=", on_missing: empty")
    assert command("run", table).code == 0
    assert command("run", table, "--json").json["runs"] == []


def test_a_failed_object_is_tried_again(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,town\n1,Rome\n")
    failed = command("run", table, "--json")
    assert failed.code == 1
    assert states(command, table) == {"a.csv": ("failed", True)}
    store.put("a.csv", b"id,city\n1,Rome\n")
    assert command("retry", failed.json["runs"][-1]["run_id"]).code == 0
    assert house.rows(table) == [(1, "Rome")]


NAMES = (
    "s p a c e.csv", "100%.csv", "a+b?c#d&e.csv", "ümläut 한국어.csv", "source", "x" * 200 + ".csv", "d/" * 30 + "deep.csv",
)  # fmt: skip


def test_names_that_people_give(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store)
    for number, name in enumerate(NAMES):
        store.put(name, f"id,city\n{number},x\n".encode())
    done = command("run", table, "--json")
    assert done.code in (0, 3), done.out
    assert house.rows(table, "id") == [(n,) for n in range(len(NAMES))]
    labels = [run["label"] for run in done.json["runs"]]
    assert all(len(label.encode()) <= 64 for label in labels)
    for label in labels:
        assert command("rollback", table, "--window", label, "--reason", "x").code == 0, label
        assert command("run", table, "--window", label).code in (0, 3), label
    assert house.rows(table, "id") == [(n,) for n in range(len(NAMES))]


def test_what_means_nothing_says_so(house: Any, store: ObjectStore, command: Callable[..., Any]) -> None:
    table = declared(house, store)
    store.put("a.csv", b"id,city\n1,Rome\n")
    assert command("run", table, "--from", "2024-01-01").error.code == "NO-WINDOWS"
    assert command("backfill", table, "--from", "2024-01-01", "--to", "2024-01-02").error.code == "NO-WINDOWS"
    assert command("reconcile", table).error.code == "NOT-COMPARABLE"
    assert command("run", table, "--window", "b.csv").error.code == "SOURCE-MISSING"
