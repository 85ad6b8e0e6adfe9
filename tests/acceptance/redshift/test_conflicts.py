"""Error 1023 (a serialization conflict) and a full disk on every kind of statement: tried again, rows exactly right."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.warehouses import publication

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(10)}
key: [id]
load: {mode: %s, tolerance: 90%%, generations: 1}
"""
KINDS = {
    "lock": r"^LOCK TABLE .ops.\..proof",
    "select": r'^SELECT count\(\*\) FROM "t_',
    "create candidate": r"^CREATE TABLE .*__hg_c",
    "copy": r"^COPY .*__hg_c",
    "copy of rows set aside": r"^COPY .quarantine",
    "analyze": r"^ANALYZE",
    "checksum": r"^SELECT count\(\*\), count",
    "swap's lock": r"^LOCK TABLE .t_",
    "rename": r"^ALTER TABLE .* RENAME",
    "comment": r"^COMMENT ON",
    "grant": r"^GRANT",
    "view": r"^CREATE OR REPLACE VIEW",
    "proof": r"^INSERT INTO .ops.\..proof",
    "facts": r"^INSERT INTO .ops.\..run",
    "clean-up": r"^DROP TABLE .*__hg_g",
}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def loaded(redshift_house: Any) -> tuple[Any, str]:
    """A table that was loaded twice, with a view and a grant, so that the next load uses every kind of statement."""
    house = redshift_house
    table = house.declare("orders", TABLE % "full_refresh")
    for content in ("id,note\n1,a\n", "id,note\n1,a\n2,b\n"):
        house.source("orders.csv", content)
        house.load(table)
    house.place.ask(f"CREATE VIEW {house.schema}.notes AS SELECT note FROM {table}")
    house.place.ask(f"GRANT SELECT ON {table} TO PUBLIC")
    return house, table


@pytest.mark.parametrize("kind", KINDS)
def test_a_conflict_in_a_full_refresh(loaded: tuple[Any, str], kind: str) -> None:
    house, table = loaded
    double = house.place.double
    before = len(double.fired)
    double.fault(KINDS[kind], "error_1023")
    house.source("orders.csv", "id,note\n1,a\n2,c\n3,\nx,y\n")
    house.load(table)
    assert double.fired[before:] == ["error_1023"]
    assert house.rows(table) == [(1, "a"), (2, "c"), (3, None)]
    assert house.place.ask(f"SELECT count(*) FROM {house.schema}.notes") == [(3,)]
    assert house.proofs(table)[-1] == (3, "publish", 4, 3, 0, 0, 2, 1, 0)


@pytest.mark.parametrize(
    ("match", "action"),
    [
        (r"^DELETE FROM .t_", "error_1023"),
        (r"^INSERT INTO .t_", "error_1023"),
        (r"^INSERT INTO .t_", "disk_full"),
        (r"^CREATE TABLE .*__hg_u", "disk_full"),
        (r"^COMMIT", "error_1023"),
    ],
)
def test_a_conflict_or_a_full_disk_in_a_merge(redshift_house: Any, match: str, action: str) -> None:
    house = redshift_house
    table = house.declare("orders", TABLE % "merge")
    house.source("orders.csv", "id,note\n1,a\n2,b\n")
    house.load(table)
    house.place.double.fault(match, action, times=2)
    house.source("orders.csv", "id,note\n2,c\n3,\n")
    house.load(table)
    assert house.rows(table) == [(1, "a"), (2, "c"), (3, None)]
    assert [proof[:6] for proof in house.proofs(table)] == [(1, "publish", 2, 2, 0, 0), (2, "publish", 2, 1, 1, 0)]


def test_a_conflict_that_never_ends_is_told_as_one(redshift_house: Any) -> None:
    from deployments.errors import RetryableError

    house = redshift_house
    table = house.declare("orders", TABLE % "merge")
    house.source("orders.csv", "id,note\n1,a\n")
    house.place.double.fault(r"^COPY", "error_1023", times=50)
    with pytest.raises(RetryableError, match="another transaction got in the way"):
        house.load(table)
    assert house.proofs(table) == []
