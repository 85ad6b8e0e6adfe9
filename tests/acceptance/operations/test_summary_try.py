"""`summary try` builds and judges a summary on real data, tells what would change, publishes nothing and leaves nothing."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.housekeeping import keep_house
from tasks.warehouses.cost import read_plan
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: city, type: varchar(16)}
load: {mode: full_refresh}
"""
SUMMARY = """/*
target: {schema}.by_city
description: Orders by city.
owner: a@example.com
inputs: [{table: {schema}.orders, checks: [{code: IN, sql: "SELECT COUNT(*) FROM {schema}.orders", at_least: LEAST}]}]
key: [city]
expectations:
  - {code: OUT, type: expect_column_values_to_be_between, kwargs: {column: orders, max_value: MOST}, severity: SEVERITY}
*/
SELECT city, COUNT(*) AS orders FROM {schema}.orders GROUP BY city
"""


@pytest.fixture
def written(house: Any, command: Callable[..., Any]) -> Callable[..., Path]:
    """A summary beside an input that is loaded; each call writes it anew, outside of the project."""
    house.source("orders.csv", "id,city\n1,Oslo\n2,Oslo\n3,Rome\n")
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(*, least: int = 1, most: int = 9, severity: str = "critical", change: Callable[[str], str] = str) -> Path:
        text = SUMMARY.replace("{schema}", house.schema).replace("LEAST", str(least)).replace("MOST", str(most))
        file: Path = house.folder / "mine.sql"
        file.write_text(change(text.replace("SEVERITY", severity)))
        return file

    return write


def relations(house: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = house.place.ask(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname LIKE %s OR n.nspname = 'ops' ORDER BY 1, 2", (f"{house.schema}%",)
    )  # fmt: skip
    return found


def test_a_new_summary(house: Any, command: Callable[..., Any], written: Callable[..., Path]) -> None:
    before = relations(house)
    told = command("summary", "try", str(written()))
    assert told.code == 0, told
    assert "result: 2 rows, 2 columns" in told.out
    assert "there is no live table yet" in told.out
    assert "Oslo  2" in told.out
    assert relations(house) == before
    assert not list((house.folder / "state" / "spool").glob("*"))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_schema_that_was_made_for_it_is_gone(
    house: Any, command: Callable[..., Any], written: Callable[..., Path]
) -> None:
    file = written(change=lambda text: text.replace(f"target: {house.schema}.", f"target: {house.schema}_new."))
    assert command("summary", "try", str(file)).code == 0
    assert house.place.ask("SELECT 1 FROM pg_namespace WHERE nspname = %s", (f"{house.schema}_new",)) == []


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_would_change_in_the_live_table(
    house: Any, command: Callable[..., Any], written: Callable[..., Path]
) -> None:
    (house.folder / "summaries").mkdir()
    live = house.folder / "summaries" / "by_city.sql"
    live.write_text(written().read_text())
    assert command("run", f"{house.schema}.by_city").code == 0
    assert command("summary", "try", "by_city", "--json").json["compared"]["only_new"] == 0
    house.source("orders.csv", "id,city\n1,Oslo\n2,Oslo\n3,Rome\n4,Paris\n5,Rome\n")
    house.load(f"{house.schema}.orders")
    file = written(change=lambda text: text.replace("AS orders", "AS orders, MAX(id) AS newest"))
    told = command("summary", "try", str(file), "--json").json
    assert (told["rows"], told["would_publish"]) == (3, True)
    assert told["compared"] == {
        "live_rows": 2,
        "added": ["newest"],
        "removed": [],
        "retyped": [],
        "only_new": 2,
        "only_live": 1,
    }
    assert told["by_key"] == {"added": 1, "gone": 0, "changed": 1, "columns": {"orders": 1}}
    assert house.rows(f"{house.schema}.by_city") == [("Oslo", 2), ("Rome", 1)]
    assert "Oslo" not in str(told)
    told = command("summary", "try", str(file)).out
    assert "by key: 1 new, 0 gone, 1 with other values (orders in 1)" in told, told
    assert "new   city Paris" in told
    assert "other city Rome: orders 1 -> 2" in told
    # What is hidden is hidden there, too; the key of a row that is gone is told.
    hidden = (
        "columns:\n  - {name: city, type: varchar(16), nullable: false}\n  - {name: orders, type: bigint}\n"
        "pii: {orders: hide}\nkey:"
    )
    file = written(change=lambda text: text.replace("key:", hidden).replace("GROUP", "WHERE city <> 'Oslo' GROUP"))
    told = command("summary", "try", str(file)).out
    assert "other city Rome: orders (hidden)" in told, told
    assert "gone  city Oslo" in told


def test_what_it_costs(house: Any, command: Callable[..., Any], written: Callable[..., Path]) -> None:
    told = command("summary", "try", str(written()))
    assert "of the work is " in told.out, told.out
    cost = command("summary", "try", str(written()), "--json").json["cost"]
    assert cost["rows"] > 0
    assert 0 < cost["share"] <= 1


@pytest.mark.parametrize(("plan", "step", "rows", "sent"), [
    ("""HashAggregate  (cost=20.00..22.00 rows=200 width=12)
  Group Key: city
  ->  Seq Scan on orders o  (cost=0.00..15.00 rows=1000 width=4)""", "reading all of orders", 1000, ()),
    ("""XN HashAggregate  (cost=1000000210.00..1000000212.00 rows=9 width=8)
  ->  XN Hash Join DS_BCAST_INNER  (cost=2.00..1000000200.00 rows=4000 width=8)
        Hash Cond: ("outer".id = "inner".id)
        ->  XN Seq Scan on orders  (cost=0.00..90.00 rows=9000 width=8)
        ->  XN Hash  (cost=1.00..1.00 rows=11 width=4)
              ->  XN Seq Scan on city  (cost=0.00..1.00 rows=11 width=4)""",
     "a join", 4000, ("one side of a join is sent to every node as a whole",)),
    ("""Nested Loop  (cost=0.00..9000.00 rows=90000 width=4)
  ->  Seq Scan on a  (cost=0.00..30.00 rows=300 width=4)
  ->  Materialize  (cost=0.00..40.00 rows=300 width=4)
        ->  Seq Scan on b  (cost=0.00..30.00 rows=300 width=4)""",
     "holding each row of one side of a join against each of the other", 90000, ()),
])  # fmt: skip
def test_plans_in_words(plan: str, step: str, rows: int, sent: tuple[str, ...]) -> None:
    found = read_plan(plan.splitlines())
    assert found is not None
    assert (found.step, found.step_rows, found.sent) == (step, rows, sent)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("given", "code", "words"), [
    ({"least": 100}, 1, "critical IN (input)"), ({"most": 1}, 1, "critical OUT (result)"),
    ({"most": 1, "severity": "warning"}, 0, "warning OUT (result)"),
    ({"change": lambda text: text.replace("GROUP BY city", "GROUP BY city, id")}, 1, "critical"),
])  # fmt: skip
def test_checks_that_fail(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], given: dict[str, Any], code: int, words: str
) -> None:
    before = relations(house)
    told = command("summary", "try", str(written(**given)))
    assert (told.code, words in told.out) == (code, True), told.out
    assert ("a run would have published nothing" in told.out) == (code == 1)
    assert relations(house) == before


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("change", "words"), [
    (lambda text: text.replace("SELECT city", "SELECT town AS city"), "no table here has a column 'town'; allowed: id, city"),
    (lambda text: text.replace(".orders,", ".ordrs,"), "isn't declared"),
    (lambda text: text.replace("owner:", "ownr:"), "did you mean 'owner'?"),
])  # fmt: skip
def test_a_file_that_can_not_be_built(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], change: Callable[[str], str], words: str
) -> None:
    before = relations(house)
    error = command("summary", "try", str(written(change=change))).error
    assert words in str(error)
    assert relations(house) == before


KILLED = """
import os, signal, sys
from deployments.settings import Settings
import tasks.trial as trial
from tasks.workbench import use
from flows.cli.summary import declared
from tests_settings import settings
trial.check_output.fn = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
bench = use(settings)
wanted, project = declared(bench.project, sys.argv[1])
trial.try_summary(use(settings, project), wanted)
"""


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_killed_trial_is_cleaned_by_the_next(
    house: Any, command: Callable[..., Any], written: Callable[..., Path]
) -> None:
    before, file = relations(house), written()
    settings = house.place.settings
    (house.folder / "tests_settings.py").write_text(
        "from pathlib import Path\nfrom deployments.settings import Settings\n"
        f"settings = Settings(project=Path({str(settings.project)!r}), state=Path({str(settings.state)!r}), "
        f"warehouse_url={settings.warehouse_url!r}, stage_url={settings.stage_url!r})\n"
    )
    repository = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(file)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{repository}:{house.folder}"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert relations(house) != before
    assert command("summary", "try", str(file)).code == 0
    assert relations(house) == before
    assert not list((house.folder / "state" / "spool").glob("*"))


@pytest.fixture
def author(house: Any) -> Iterator[str]:
    """A login of the warehouse that may read nothing yet."""
    name = f"ana_{secrets.token_hex(3)}"
    house.place.ask(f"CREATE USER {name} PASSWORD 'Passw0rd1'")
    yield name
    for (table,) in house.place.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'adhoc'"):
        if str(table).startswith("by_city__hg_a"):
            house.place.ask(f"DROP TABLE adhoc.{table}")
    house.place.ask(f"REVOKE ALL ON SCHEMA adhoc FROM {name}")
    house.place.ask(f"DROP USER {name}")


@pytest.mark.effect(
    "headgate summary try --into", "headgate summary try --into=adhoc", "headgate summary try --days",
    "headgate summary try --for",
)  # fmt: skip
def test_it_stays_for_its_author_for_some_days(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], author: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = (
        "columns:\n  - {name: city, type: varchar(16), nullable: false}\n  - {name: orders, type: bigint}\n"
        "pii: {city: hide}\nkey:"
    )
    file = str(written(change=lambda text: text.replace("key:", hidden)))
    told = command("summary", "try", file, "--into", "adhoc", "--for", "nobody_at_all")
    assert told.error.code == "UNKNOWN-READER"
    assert command("summary", "try", file, "--days", "3").code == 2
    before = relations(house)
    told = command("summary", "try", file, "--into", "adhoc", "--for", author, "--days", "3", "--json")
    assert told.code == 0, told.out
    table = told.json["kept"]["table"]
    assert told.json["kept"]["until"].startswith(f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}")
    assert relations(house) == before
    # Values that are never shown aren't there, and nobody else may read the rest.
    assert sorted(house.place.ask(f"SELECT * FROM {table}")) == [(1,), (2,)]
    may = "SELECT usename FROM pg_user WHERE NOT usesuper AND has_table_privilege(usename, %s, 'SELECT')"
    assert house.place.ask(may, (table,)) == [(author,)]
    # Until its days are over it stays; then a run of whatever table, or headgate clean, takes it away.
    planned = command("clean", "--plan").out
    assert f"{table}   (a trial, until" in planned, planned
    assert command("clean").code == 0
    assert [item["table"] for item in command("clean", "--plan", "--json").json["adhoc"]] == [table]
    monkeypatch.setattr("tasks.warehouses.clock.now", lambda *_: datetime.now(UTC) + timedelta(days=4))
    # A run cleans at most once an hour.
    (house.folder / "state" / "clean" / f"{house.schema}.orders").unlink(missing_ok=True)
    keep_house(workbench(), f"{house.schema}.orders")
    assert house.place.ask("SELECT 1 FROM pg_tables WHERE schemaname || '.' || tablename = %s", (table,)) == []


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_without_a_name_it_is_for_whoever_runs_it(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], author: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.adhoc.getuser", lambda: author)
    told = command("summary", "try", str(written()), "--into", "adhoc")
    assert "look at it: SELECT * FROM adhoc.by_city__hg_a" in told.out, told.out
    (kept,) = command("clean", "--plan", "--json").json["adhoc"]
    assert kept["until"].startswith(f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}")
