"""Whatever a name or a text holds, DuckDB reads it back as it was."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contract.quoting import identifier, literal


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@settings(max_examples=300, deadline=None)
def test_any_text(value: str) -> None:
    assert duckdb.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize(
    "value", ["", "'", "''", "\\", "\\'", "a\0b", "\0", "'; DROP TABLE x; --", "\n\t", "한글", "$$"]
)
def test_hostile_text(value: str) -> None:
    assert duckdb.execute(f"SELECT {literal(value)} AS x WHERE x = {literal(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize("name", ["plain", 'with "quotes"', "with space", "select", "a;b", "한글", "it's"])
def test_names(name: str) -> None:
    with duckdb.connect() as connection:
        described = connection.execute(f"SELECT 1 AS {identifier(name)}").description
    assert [column[0] for column in described or ()] == [name]


def test_what_sql_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        identifier("a\0")
    with pytest.raises(ValueError, match="half of a character"):
        literal("\ud800")
