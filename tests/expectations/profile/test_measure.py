"""Figures measured from relations with typed columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import pytest

from expectations.profile import ColumnKind, Profile, measure
from expectations.profile.categories import lasting_hash
from expectations.profile.numbers import numbers

SALES = """(VALUES
    (1, 'KR', 10.50, TIMESTAMP '2024-05-06 09:00:00', true),
    (2, 'KR', 0.00, TIMESTAMP '2024-05-06 09:30:00', false),
    (3, 'US', -4.25, TIMESTAMP '2024-05-06 10:00:00', NULL),
    (4, NULL, 7.00, NULL, true),
    (4, NULL, 7.00, NULL, true)) AS sales(id, country, amount, paid_at, ok)"""
KINDS = [
    ColumnKind("id", "integer"),
    ColumnKind("country", "text"),
    ColumnKind("amount", "decimal"),
    ColumnKind("paid_at", "timestamp"),
    ColumnKind("ok", "boolean"),
]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def sales(con: duckdb.DuckDBPyConnection) -> Profile:
    return measure(con, SALES, KINDS)


@pytest.mark.parametrize(
    ("column", "figure", "expected"),
    [
        ("country", "nulls", 2),
        ("country", "distinct", 2),
        ("country", "top", (("KR", 2.0), ("US", 1.0))),
        ("ok", "nulls", 1),
        ("ok", "top", (("true", 3.0), ("false", 1.0))),
        ("amount", "kind", "decimal"),
    ],
)
def test_figures_of_columns(sales: Profile, column: str, figure: str, expected: object) -> None:
    assert getattr(sales.columns[column], figure) == expected


def test_numbers(sales: Profile) -> None:
    amount = sales.columns["amount"].numbers
    assert amount is not None
    assert (amount.count, amount.zero, amount.negative) == (5, 1, 1)
    assert amount.decimals == (3, 1, 1, 0)
    assert (amount.quantiles[0], amount.quantiles[-1]) == (-4.25, 10.5)
    assert amount.mean == pytest.approx(4.05)


@pytest.mark.parametrize(("step", "ends_in"), [(1, range(10)), (2, range(0, 10, 2)), (10, [0])])
@pytest.mark.parametrize("rows", [9_000, 12_000, 33_000, 41_000])
def test_ids_that_go_on_have_the_last_digits_they_have(rows: int, step: int, ends_in: Sequence[int]) -> None:
    """Though not every number is read: every second one would be even."""
    found = numbers(np.arange(rows, dtype=float) * step, 1.0)
    assert found is not None
    counts = dict(enumerate(found.units))
    assert {digit for digit, count in counts.items() if count} == set(ends_in)
    assert max(counts.values()) - min(counts[digit] for digit in ends_in) <= 1


def test_clock(sales: Profile) -> None:
    (clock,) = sales.columns["paid_at"].clocks
    assert clock.count == 3
    assert [hour for hour, count in enumerate(clock.hours) if count] == [9, 10]
    assert clock.days == 1


def test_duplicates_and_row_count(sales: Profile) -> None:
    assert (sales.rows, sales.duplicates) == (5, 1)
    assert sales.same_rows_next == pytest.approx(1 / 4)


def test_json_is_the_same_profile(sales: Profile) -> None:
    text = json.dumps(sales.to_json())
    assert Profile.from_json(json.loads(text)).to_json() == sales.to_json()


def test_a_profile_of_another_version_is_refused(sales: Profile) -> None:
    with pytest.raises(ValueError, match="version"):
        Profile.from_json(sales.to_json() | {"version": 0})


def test_typed_and_text_columns_have_the_same_figures(con: duckdb.DuckDBPyConnection, sales: Profile) -> None:
    text = ", ".join(f"CAST({k.name} AS VARCHAR) AS {k.name}" for k in KINDS)
    same = measure(con, f"(SELECT {text} FROM {SALES})", [ColumnKind(k.name, "text") for k in KINDS])
    assert same.columns["amount"].numbers == sales.columns["amount"].numbers
    assert same.columns["paid_at"].clocks == sales.columns["paid_at"].clocks
    assert same.row_marks == sales.row_marks


def test_masked_columns_keep_no_value(con: duckdb.DuckDBPyConnection) -> None:
    people = "(SELECT 'kim' || i || '@example.com' AS mail, 1000 + i AS pin FROM range(50) t(i))"
    kinds = [ColumnKind("mail", "text", masked=True), ColumnKind("pin", "integer", masked=True)]
    first, second = measure(con, people, kinds, key="one"), measure(con, people, kinds, key="two")
    text = json.dumps(first.to_json())
    assert "kim" not in text
    assert "1000" not in text
    assert first.columns["pin"].numbers is None
    assert first.columns["mail"].text.formats[0][0] == "a+99@a+.a+"
    assert first.columns["mail"].sketch != second.columns["mail"].sketch


def test_no_table_is_left_behind(con: duckdb.DuckDBPyConnection) -> None:
    measure(con, SALES, KINDS)
    with pytest.raises(duckdb.Error):
        measure(con, SALES, [*KINDS, ColumnKind("nothing", "text")])
    assert con.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


def test_empty_relation(con: duckdb.DuckDBPyConnection) -> None:
    empty = measure(con, f"(SELECT * FROM {SALES} WHERE false)", KINDS)
    assert empty.rows == 0
    assert empty.columns["amount"].numbers is None


def test_a_mark_is_the_lower_half_of_the_md5(con: duckdb.DuckDBPyConnection) -> None:
    values = "(SELECT i::VARCHAR AS v FROM range(1000) t(i))"
    same = con.sql(f"SELECT count(*) FROM {values} WHERE {lasting_hash('v')} = md5_number_lower(v)")
    assert same.fetchall() == [(1000,)]


def test_a_table_of_texts_read_in_place_has_the_same_figures_and_stays(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE held AS SELECT i::VARCHAR AS id, (i % 7)::VARCHAR AS kind FROM range(20000) t(i)")
    kinds = [ColumnKind("id", "text"), ColumnKind("kind", "text")]
    assert measure(con, "held", kinds, in_place=True).to_json() == measure(con, "held", kinds).to_json()
    assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("held",)]
    assert con.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)


def test_of_documents_and_bytes_their_kind_and_size_is_measured_and_of_times_the_minute(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = """(VALUES ('{"a": 1}', '00ff', TIME '09:30:30'), ('[1, 2]', '', TIME '10:00:00'), ('"x"', NULL, NULL),
        ('true', 'aa', NULL), (NULL, 'aa', NULL)) AS docs(doc, hash, opens)"""
    kinds = [ColumnKind("doc", "json"), ColumnKind("hash", "bytes"), ColumnKind("opens", "time")]
    found = measure(con, rows, kinds).columns
    assert dict(found["doc"].top) == {"{} 8": 1, "[] 6": 1, '"" 3': 1, "true 4": 1}
    assert found["doc"].nulls == 1
    assert (found["doc"].numbers.mean, found["doc"].kind) == (5.25, "json")
    assert (found["hash"].numbers.mean, dict(found["hash"].top)) == (1.0, {"2": 1, "0": 1, "1": 2})
    assert (found["opens"].numbers.mean, found["opens"].clocks) == ((570.5 + 600) / 2, ())
    masked = measure(con, rows, [ColumnKind(kind.name, kind.kind, masked=True) for kind in kinds]).columns
    assert all(column.numbers is None for column in masked.values())
    assert "{}" not in str(masked["doc"].top)
