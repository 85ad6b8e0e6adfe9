"""Names that both warehouses know, from headers as people write them."""

from __future__ import annotations

import pytest

from deployments.declarations.model import IDENTIFIER
from expectations.draft.naming import code_of, code_prefix, identifiers


@pytest.mark.parametrize(("header", "name"), [
    ("id", "id"), ("InvoiceNo", "invoice_no"), ("CustomerID", "customer_id"), ("Unit Price (USD)", "unit_price_usd"),
    ("2nd", "c_2nd"), ("Größe", "grosse"), ("이름", "column_1"), ("HTTPStatus", "http_status"), ("a" * 70, "a" * 63),
    ("_x_", "_x_"), ("--", "column_1"),
])  # fmt: skip
def test_a_header_becomes_a_name(header: str, name: str) -> None:
    [made] = identifiers([header])
    assert made == name
    assert IDENTIFIER.fullmatch(made)


def test_names_differ() -> None:
    assert identifiers(["Price", "price", "PRICE"]) == ("price", "price_2", "price_3")


@pytest.mark.parametrize(("table", "prefix"), [("nps", "NPS"), ("online_retail", "OR"), ("transactions", "TRANSACT"),
                                               ("t1", "T1"), ("2_x", "X")])  # fmt: skip
def test_codes_begin_with_the_table(table: str, prefix: str) -> None:
    assert code_prefix(table) == prefix
    assert code_of(prefix, "unit_price-given", {f"{prefix}-UNIT-PRICE-GIVEN"}) == f"{prefix}-UNIT-PRICE-GIVEN-2"
