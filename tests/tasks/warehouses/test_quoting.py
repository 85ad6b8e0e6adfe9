"""What no database can have as a name is refused before the driver cuts it off at its NUL."""

from __future__ import annotations

import pytest

from deployments.errors import DeclarationError
from tasks.sources.mysql_columns import quoted
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified, unquoted


@pytest.mark.parametrize("name", ["", "id\0", "\0"])
def test_what_cannot_be_quoted_is_refused(name: str) -> None:
    for quote in (identifier, lambda name: qualified(TableName("raw", name)), lambda name: listed(["id", name])):
        with pytest.raises(DeclarationError, match="can't be a name in a database"):
            quote(name)


def test_mysql_refuses_it_too() -> None:
    assert quoted("a`b") == "`a``b`"
    with pytest.raises(ValueError, match="NUL"):
        quoted("id\0")


@pytest.mark.parametrize(("shown", "name"), [("plain", "plain"), ('"With ""quotes"""', 'With "quotes"')])
def test_as_a_catalog_shows_it(shown: str, name: str) -> None:
    assert unquoted(shown) == name
