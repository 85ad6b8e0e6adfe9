"""Rows that were erased don't come back: by a load that had read them, by what it left, by a key that is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import RetryableError
from expectations.contract.mask import masked
from flows.batches import opened
from tasks.audit import audit
from tasks.copy import copy
from tasks.extract import extract
from tasks.judge import judge
from tasks.publish import publish
from tasks.resume import resume
from tasks.spool import release
from tasks.stage import stage
from tasks.validate import validate
from tasks.warehouses import key_changes
from tasks.warehouses.session import session
from tasks.workbench import use, workbench

OLD, NEW, NEWEST = "o" * 32, "n" * 32, "m" * 32
TABLE = """
description: Customers.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/customers.csv"}
columns:
  - {name: customer, type: varchar(64), nullable: false}
  - {name: amount, type: integer}
key: [customer]
load: {mode: %s, tolerance: 50%%}
"""
HASHED = TABLE % "full_refresh" + "pii: {customer: hash}\n"
BEFORE, AFTER = "customer,amount\nMARK-1,1\nother-2,2\nMARK-1x,x\n", "customer,amount\nother-2,3\nother-3,4\n"


def elsewhere(house: Any, tmp_path: Path) -> None:
    """Go on as another machine: the same warehouse and stage, a state folder of its own."""
    use(replace(house.place.settings, state=tmp_path / "another"))


def erased(command: Callable[..., Any], house: Any, table: str, tmp_path: Path) -> dict[str, Any]:
    from flows.cli import settings

    with pytest.MonkeyPatch.context() as patch:
        elsewhere(house, tmp_path)
        patch.setattr(settings, "workbench", lambda **_: workbench())
        done = command("erase", table, "--key", "MARK-1", "--reason", "request 1", "--json")
    assert done.error is None, done.error
    house.open()
    return dict(done.json)


def copies(house: Any, table: str) -> list[str]:
    return [*workbench().stage.keys(f"{table}/"), *(name for name in house.side_tables(table) if "__hg_c" in name)]


@pytest.mark.parametrize("place", ["postgresql", "redshift-like"], indirect=True)
@pytest.mark.parametrize(("live", "live_rows"), [(AFTER, 0), (BEFORE, 1)], ids=["never live", "live"])
@pytest.mark.parametrize("mode", ["merge", "full_refresh"])
def test_a_load_that_had_read_them_brings_nothing_back(
    house: Any, command: Callable[..., Any], tmp_path: Path, mode: str, live: str, live_rows: int
) -> None:
    """Nor where the live table held them: what was erased of the batch isn't another run's publish of it."""
    table = house.declare("customers", TABLE % mode)
    house.source("customers.csv", live)
    house.load(table)
    house.source("customers.csv", BEFORE + "other-3,4\n")
    batch, story = opened(table, "source", False)
    source = extract.fn(batch)
    assert erased(command, house, table, tmp_path)["live"] == live_rows
    standing = house.rows(table)
    checked = validate.fn(batch, source)
    staged = stage.fn(batch, checked)
    audited = audit.fn(batch, copy.fn(batch, staged, checked), checked)
    judged = judge.fn(batch, story.record, checked, audited)
    with pytest.raises(RetryableError) as refused:
        publish.fn(batch, source, staged, audited, judged)
    release(batch.spool)
    assert refused.value.code == "ERASED-MEANWHILE"
    # What it staged could have been published by an override: it is gone, and wouldn't be taken up.
    assert (house.rows(table), [item for item in copies(house, table) if batch.attempt_id in item]) == (standing, [])
    set_aside = house.place.ask("SELECT 1 FROM pg_class WHERE relname = %s", (table.replace(".", "__"),))
    assert set_aside == [(1,)] * live_rows, "only the load before had set a row aside"
    house.source("customers.csv", AFTER + "other-4,5\n")
    assert house.load(table).status == "published"
    assert len(house.rows(table)) == 3


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_a_failed_load_had_staged_meanwhile_is_not_taken_up(
    house: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    table = house.declare("customers", TABLE % "full_refresh")
    house.source("customers.csv", BEFORE)
    batch, story = opened(table, "source", False)
    source = extract.fn(batch)
    erased(command, house, table, tmp_path)
    staged = stage.fn(batch, validate.fn(batch, source))
    release(batch.spool)
    record = story.record.model_copy(update={"stage_uri": staged.uri})
    assert resume.fn(batch, record) is not None
    later, _ = opened(table, "source", False)
    assert resume.fn(later, record) is None
    release(later.spool)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pii_key", [OLD])
def test_what_is_hashed_with_a_key_that_is_gone_goes_as_a_whole(
    house: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    table = house.declare("customers", HASHED)
    house.source("customers.csv", BEFORE)
    house.load(table)
    for key, before, content in ((NEW, OLD, AFTER), (NEWEST, NEW, AFTER + "other-5,5\n")):
        house.place.settings = replace(house.place.settings, pii_key=key, pii_key_before=before)
        house.open()
        house.source("customers.csv", content)
        house.load(table)
    hashes = [masked(text, OLD.encode()) for text in ("MARK-1", "MARK-1x")]
    assert [name for name in house.side_tables(table) if _holds(house, table, name, hashes[0])]
    told = erased(command, house, table, tmp_path)
    assert told["live"] == 0
    assert [name for name in house.side_tables(table) if _holds(house, table, name, hashes[0])] == []
    raw = house.place.ask(f"SELECT raw FROM quarantine.{table.replace('.', '__')}")
    assert [row for (row,) in raw if hashes[1] in str(row)] == []
    assert len(house.rows(table)) == 3


def _holds(house: Any, table: str, name: str, value: str) -> bool:
    schema = table.partition(".")[0]
    return bool(house.place.ask(f"SELECT 1 FROM {schema}.{name} WHERE customer = %s", (value,)))


@pytest.mark.parametrize("pii_key", [OLD])
def test_a_rollback_over_a_new_key_brings_the_key_back_with_the_rows(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("customers", HASHED)
    house.source("customers.csv", AFTER)
    house.load(table)
    house.place.settings = replace(house.place.settings, pii_key=NEW, pii_key_before=OLD)
    house.open()
    house.source("customers.csv", AFTER + "other-5,5\n")
    house.load(table)

    def key() -> tuple[bool, bool]:
        """Whether the key that is noted is that of the live rows, and whether it is the new one."""
        with session(workbench().warehouse.address) as connection, connection.cursor() as cursor:
            noted = key_changes.current(cursor, table)
        of_rows = next(name for name, value in workbench().settings.hash_keys.items()
                       if any(masked("other-2", value) == row[0] for row in house.rows(table)))  # fmt: skip
        return noted == of_rows, of_rows == next(iter(workbench().settings.hash_keys))

    assert key() == (True, True)
    assert command("rollback", table, "--reason", "wrong").code == 0
    assert key() == (True, False)
    house.source("customers.csv", AFTER + "other-6,6\n")
    house.load(table)
    assert key() == (True, True)
    with session(workbench().warehouse.address) as connection, connection.cursor() as cursor:
        first, second, undone, last = (key_changes.before(cursor, table, sequence) for sequence in (1, 2, 3, 4))
    assert (first, second == last, undone != second) == (key_changes.UNKNOWN, True, True)
