"""What could identify a record: found by counting, proposed only where names say the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from expectations.draft.measure import Records
from expectations.draft.propose import Proposal, propose

Made = Callable[[str, str], Records]


def proposed(records: Made, header: str, text: str) -> Proposal:
    return propose(records(header, text), "x.y", zone="UTC", whole=True)


PAIRS = "".join(f"{store},2024-01-{day:02},{store * day % 5}.5\n" for store in range(5) for day in range(1, 29))

CASES = {
    "the one named so": ("amount,id", "1,1\n2,2\n3,3\n", ("id",), (("id",), ("amount",))),
    "unique by accident": ("amount,size", "1,5\n2,5\n", (), (("amount",),)),
    "two together": ("store_id,day,amount", PAIRS, ("store_id", "day"), (("store_id", "day"),)),
    "not where it is null": ("id,amount", "1,1\n,1\n", (), ()),
    "not by measures": ("price,size", "1.5,1\n2.5,1\n", (), ()),
}


@pytest.mark.parametrize(("header", "text", "key", "keys"), CASES.values(), ids=CASES.keys())
def test_keys(records: Made, header: str, text: str, key: tuple[str, ...], keys: tuple[tuple[str, ...], ...]) -> None:
    found = proposed(records, header, text)
    assert (found.key, found.keys) == (key, keys)


def test_columns_of_the_key_are_never_null(records: Made) -> None:
    found = proposed(records, "id,amount", "1,1\n2,1\n")
    assert [column.nullable for column in found.columns] == [False, True]


def test_copies_of_records_are_counted_and_rule_a_key_out(records: Made) -> None:
    found = proposed(records, "id,amount", "1,1\n1,1\n2,2\n")
    assert (found.keys, found.repeated) == ((), 1)
