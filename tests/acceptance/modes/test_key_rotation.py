"""A new key of hashed columns: no table ever has two hashes of one value, and none is doubled on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import DeclarationError
from deployments.settings import Settings
from expectations.contract.mask import masked
from tasks import hash_keys
from tasks.hash_keys import look_at_keys
from tasks.warehouses.names import TableName
from tasks.warehouses.undo import note_lost
from tasks.workbench import workbench

OLD, NEW = "o" * 32, "n" * 32
COLUMNS = """
description: Customers.
owner: a@example.com
columns:
  - {name: email, type: varchar(64), nullable: false}
  - {name: amount, type: integer}
key: [email]
pii: {email: hash}
"""
WHOLE = COLUMNS + 'source: {kind: csv, url: "file://{folder}/whole.csv"}\nload: {mode: full_refresh}\n'
MERGED = (
    COLUMNS
    + """
source: {kind: csv, url: "file://{folder}/day-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01}
load: {mode: merge}
"""
)
pytestmark = pytest.mark.parametrize("pii_key", [OLD])


def keyed(house: Any, key: str, before: str | None = None) -> None:
    house.place.settings = replace(house.place.settings, pii_key=key, pii_key_before=before)
    house.open()


def hashes(house: Any, table: str) -> dict[str, int]:
    """What the live table says, by whose e-mail and which key it is."""
    known = {masked(f"{who}@x.org", key.encode()): f"{who} {key[0]}" for who in "abc" for key in (OLD, NEW)}
    return {known[email]: amount for email, amount in house.rows(table)}


@pytest.mark.effect("HEADGATE_PII_KEY_BEFORE")
def test_a_merge_goes_on_with_the_key_of_its_rows(house: Any) -> None:
    table = house.declare("customers", MERGED)
    house.source("day-01.csv", "email,amount\na@x.org,1\nb@x.org,2\n")
    house.source("day-02.csv", "email,amount\nb@x.org,3\nc@x.org,4\n")
    house.load(table, "2026-01-01")
    keyed(house, NEW, before=OLD)
    house.load(table, "2026-01-02")
    assert hashes(house, table) == {"a o": 1, "b o": 3, "c o": 4}
    assert [(line.ok, line.said) for line in look_at_keys(workbench())] == [
        (True, "hashed with HEADGATE_PII_KEY_BEFORE until it is loaded anew")
    ]


def test_without_the_key_before_nothing_is_doubled(house: Any) -> None:
    table = house.declare("customers", MERGED)
    house.source("day-01.csv", "email,amount\na@x.org,1\n")
    house.source("day-02.csv", "email,amount\na@x.org,2\n")
    house.load(table, "2026-01-01")
    keyed(house, NEW)
    with pytest.raises(DeclarationError) as refused:
        house.load(table, "2026-01-02")
    assert refused.value.code == "PII-KEY-CHANGED"
    assert OLD not in str(refused.value)
    assert hashes(house, table) == {"a o": 1}
    (line,) = look_at_keys(workbench())
    assert (line.what, line.ok) == (f"{table}: key", False)
    assert "another key than HEADGATE_PII_KEY" in line.said
    keyed(house, OLD)
    assert list(look_at_keys(workbench())) == []


def test_a_batch_that_began_before_the_first_publish_doesnt_bring_another_key(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = house.declare("customers", MERGED)
    house.source("day-01.csv", "email,amount\na@x.org,1\n")
    house.source("day-02.csv", "email,amount\na@x.org,2\n")
    house.load(table, "2026-01-01")
    keyed(house, NEW, before=OLD)
    # What another machine chose while the table was empty.
    monkeypatch.setattr(hash_keys, "chosen", lambda *_: name_of(house, NEW))
    with pytest.raises(DeclarationError) as refused:
        house.load(table, "2026-01-02")
    assert refused.value.code == "PII-KEY-CHANGED"
    assert hashes(house, table) == {"a o": 1}


def test_a_table_that_is_replaced_gets_the_new_key(house: Any) -> None:
    table = house.declare("customers", WHOLE)
    house.source("whole.csv", "email,amount\na@x.org,1\n")
    house.load(table)
    keyed(house, NEW, before=OLD)
    assert house.load(table).status == "unchanged"
    assert hashes(house, table) == {"a o": 1}
    house.load(table, reprocess=True)
    assert hashes(house, table) == {"a n": 1}
    assert [line.said for line in look_at_keys(workbench())] == ["hashed with the new key"]
    # The rotation is over: the key before isn't needed any more.
    keyed(house, NEW)
    house.source("whole.csv", "email,amount\na@x.org,2\n")
    house.load(table)
    assert hashes(house, table) == {"a n": 2}


def test_a_windowed_table_gets_it_when_it_is_loaded_from_nothing(house: Any) -> None:
    table = house.declare("customers", MERGED)
    house.source("day-01.csv", "email,amount\na@x.org,1\nb@x.org,2\n")
    house.load(table, "2026-01-01")
    keyed(house, NEW, before=OLD)
    house.place.ask(f"DROP TABLE {table}")
    note_lost(workbench().warehouse, TableName.parse(table), "lost-1", "attempt1")
    house.load(table, "2026-01-01")
    assert hashes(house, table) == {"a n": 1, "b n": 2}


def test_a_table_of_an_older_version_has_the_key_before(house: Any) -> None:
    table = house.declare("customers", MERGED)
    house.source("day-01.csv", "email,amount\na@x.org,1\n")
    house.source("day-02.csv", "email,amount\na@x.org,2\n")
    house.load(table, "2026-01-01")
    house.place.ask("DELETE FROM ops.hash_key WHERE target = %s", (table,))
    keyed(house, NEW, before=OLD)
    house.load(table, "2026-01-02")
    assert hashes(house, table) == {"a o": 2}


def test_what_was_staged_with_one_key_is_never_published_with_another(house: Any) -> None:
    table = house.declare("customers", WHOLE)
    house.source("whole.csv", "email,amount\na@x.org,1\n")
    from tasks.batch import Batch
    from tasks.resume import resume

    record = house.load(table)
    batch = Batch(
        table, "source", "source", "r", "a", 0, None, house.folder, f"{table}/r-a", key_name=name_of(house, OLD)
    )
    assert resume.fn(batch, record) is not None
    keyed(house, NEW, before=OLD)
    assert resume.fn(replace(batch, key_name=name_of(house, NEW)), record) is None


def name_of(house: Any, key: str) -> str:
    return next(iter(replace(house.place.settings, pii_key=key, pii_key_before=None).hash_keys))


def test_both_keys_must_be_long_and_two(pii_key: str, tmp_path: Any) -> None:
    for given in ({"pii_key": NEW, "pii_key_before": NEW}, {"pii_key": "short", "pii_key_before": OLD}):
        with pytest.raises(DeclarationError) as refused:
            Settings(project=tmp_path, state=tmp_path, **given).hashing_key("t")
        assert refused.value.code == "SHORT-KEY"
