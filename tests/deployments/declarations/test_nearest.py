"""What a mistyped name most likely meant."""

from __future__ import annotations

import pytest

from deployments.declarations.problems import nearest, nearest_table


def test_only_of_tables_a_dot_parts_schema_from_name() -> None:
    """An ending that all files share makes none of them the one that was meant."""
    assert nearest("absent.csv", ["zzzzzz.csv"]) is None
    assert nearest("order.csv", ["zzzzzz.csv", "orders.csv"]) == "orders.csv"


@pytest.mark.parametrize(("word", "meant"), [("b.orders", "a.orders"), ("orders", "a.orders"), ("a.nothing", None)])
def test_a_table_is_near_by_its_own_name(word: str, meant: str | None) -> None:
    assert nearest_table(word, ["a.orders", "a.items"]) == meant
