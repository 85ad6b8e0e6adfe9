"""Personal columns are proposed to be masked, by name or by how values are spelled; nothing of them is written down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployments.declarations.sources import CsvSource
from expectations.draft.loading import whole_source
from expectations.draft.measure import Records
from expectations.draft.propose import propose
from expectations.draft.suite_text import suite_text
from expectations.draft.table_text import Naming, table_text

CASES = [
    ("email", "x", "hash"), ("contact", "ann@example.com", "hash"), ("contact", "+49 151 123456", "hash"),
    ("customer_phone", "x", "hash"), ("first_name", "x", "hide"), ("street_address", "x", "hide"),
    ("name", "x", None), ("comment", "x", "hide"),
    ("email_count", "3", None), ("ip_address", "10.0.0.1", "hash"), ("article", "4915112345678", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "how"), CASES)
def test_what_looks_personal(records: Callable[[str, str], Records], name: str, value: str, how: str | None) -> None:
    found = propose(records(f"{name},n", f"{value},1\n"), "x.goods", zone=None, whole=True)
    assert found.columns[0].personal == how


def test_names_of_people_are_personal_names_of_goods_are_not(records: Callable[[str, str], Records]) -> None:
    made = records("name,n", "Ann,1\n")
    assert [propose(made, table, zone=None, whole=True).columns[0].personal for table in ("x.customers", "x.items")] \
        == ["hide", None]  # fmt: skip


def test_no_value_of_a_personal_column_is_written(records: Callable[[str, str], Records]) -> None:
    text = "".join("ann@example.com,paid\nbob@example.com,open\n" for _ in range(100))
    found = propose(records("email,state", text), "x.y", zone=None, whole=True)
    source = CsvSource(kind="csv", url="https://example.com/a.csv")
    files = table_text(Naming("x.y", "a.csv"), source, found, whole_source()) + suite_text("x.y", found)
    assert "value_set: [open, paid]" in files
    assert "pii: {email: hash}" in files
    assert "ann" not in files
