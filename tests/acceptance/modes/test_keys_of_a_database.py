"""What single keys of a PostgreSQL source and of its cursor do: with them, and without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import DeclarationError, HeadgateError, SourceMissingError
from tests.acceptance.modes.test_windows_of_a_source import by_day
from tests.acceptance.modes.test_windows_of_a_source import tell as tell

effect = pytest.mark.effect
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
Tell = Callable[..., None]
SALES = "CREATE TABLE sales AS SELECT 1 AS id, date '2024-01-01' AS day"


@effect(
    "PostgresSource.connection", "PostgresSource.kind", "PostgresSource.query", "PostgresSource.cursor", "Cursor.column"
)
@effect("Cursor.kind=immutable")
def test_a_window_of_a_query(house: Any, tell: Tell) -> None:
    tell(SALES, "INSERT INTO sales VALUES (2, '2024-01-02')")
    table = house.declare("sales", by_day("UTC", "{mode: replace_window, window_column: day}"))
    assert house.load(table, "2024-01-02").counts["extracted"] == 1
    assert house.rows(table, "id") == [(2,)]


@effect("Cursor.kind", "Cursor.kind=mutable")
def test_windows_of_what_changes_are_not_replaced_one_by_one(house: Any) -> None:
    with pytest.raises(DeclarationError, match="mutable cursor loses or doubles rows"):
        house.load(house.declare("sales", by_day("UTC", "{mode: append}").replace("kind: immutable", "kind: mutable")))


@effect("Cursor.timezone")
def test_the_zone_of_a_cursor_outside_of_the_contract(house: Any, tell: Tell) -> None:
    tell("CREATE TABLE sales AS SELECT 1 AS id, date '2024-01-02' AS day, timestamp '2024-01-01 23:30' AS at")
    text = by_day("Asia/Seoul", "{mode: append}", "column: at, timezone: UTC").replace(
        "id, day FROM", "id, day, at FROM"
    )
    table = house.declare("sales", text)
    assert house.load(table, "2024-01-02").counts["extracted"] == 1, "half past eight of the second in Seoul"


@effect("Cursor.nulls=warn")
def test_rows_without_a_cursor_are_told(house: Any, tell: Tell) -> None:
    tell(SALES, "INSERT INTO sales VALUES (2, NULL)")
    table = house.declare("sales", by_day("UTC", "{mode: merge}"))
    assert [text for text in house.load(table, "2024-01-01").warnings if "1 row" in text]


@effect("PostgresSource.on_missing", "PostgresSource.on_missing=fail", "PostgresSource.on_missing=empty")
def test_a_window_without_rows(house: Any, tell: Tell) -> None:
    tell(SALES)

    def load(how: str) -> Any:
        text = by_day("UTC", "{mode: replace_window, window_column: day}").replace("connection:", f"{how}connection:")
        return house.load(house.declare("sales", text), "2024-01-01", reprocess=True)

    load("")
    tell("DELETE FROM sales")
    for how in ("fail", "wait"):
        with pytest.raises(SourceMissingError, match="no row lies in the window"):
            load(f"on_missing: {how}, ")
    assert house.rows(f"{house.schema}.sales", "id") == [(1,)], "nothing was taken away"
    assert load("on_missing: empty, ").counts["deleted"] == 1


@effect("PostgresSource.statement_timeout")
def test_the_source_cancels_a_longer_statement(house: Any, tell: Tell) -> None:
    tell(SALES)
    text = by_day("UTC", "{mode: append}").replace("connection:", "statement_timeout: 1s, connection:")
    table = house.declare("sales", text.replace("FROM sales", "FROM sales, pg_sleep(8)"))
    with pytest.raises(HeadgateError, match="statement_timeout is 1s"):
        house.load(table, "2024-01-01")


@effect("Load.deletes=keep")
def test_rows_gone_from_the_source_stay(house: Any, tell: Tell) -> None:
    tell(SALES, "INSERT INTO sales VALUES (2, '2024-01-01')")
    table = house.declare("sales", by_day("UTC", "{mode: merge, deletes: keep}"))
    house.load(table, "2024-01-01")
    tell("DELETE FROM sales WHERE id = 2")
    house.load(table, "2024-01-01", reprocess=True)
    assert house.rows(table, "id") == [(1,), (2,)]
