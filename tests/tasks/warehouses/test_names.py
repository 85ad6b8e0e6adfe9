"""Names of the tables beside a live one: bounded, told apart whatever the names are, and parsed back exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.warehouses import names
from tasks.warehouses.names import LIMIT_BYTES, TableName

# Few letters, long runs and underscores: names that begin with one another are common.
PARTS = st.lists(st.sampled_from(["a", "_", "__", "orders_", "x" * 19, "x" * 37, "x" * 63]), min_size=1, max_size=6)
IDENTIFIERS = PARTS.map(lambda parts: "".join(parts)[:63])
TABLES = st.builds(TableName, IDENTIFIERS, IDENTIFIERS)
KINDS = (names.generation, names.undo, names.added)


@given(TABLES, TABLES, st.integers(1, 10**15), st.integers(1, 10**15))
def test_no_two_tables_share_a_table_of_ours(one: TableName, other: TableName, here: int, there: int) -> None:
    for make in (names.proof, names.quarantine):
        assert len(make(one).name) <= LIMIT_BYTES
        assert (make(one) == make(other)) == (one == other)
    for kind in KINDS:
        made = kind(one, here)
        assert len(made.name) <= LIMIT_BYTES
        assert names.is_beside(one, made.name)
        assert names.kind_of(made.name) == (made.name.rpartition("__hg_")[2][0], str(here))
        if one != other and one.schema == other.schema:
            assert not names.is_beside(other, made.name)
            assert made != kind(other, there)


@given(TABLES, st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=12, max_size=17))
def test_a_candidate_tells_its_attempt(live: TableName, attempt: str) -> None:
    made = names.candidate(live, attempt)
    assert len(made.name) <= LIMIT_BYTES
    assert names.is_beside(live, made.name)
    assert names.kind_of(made.name) == ("c", attempt)


def test_a_table_whose_name_begins_with_anothers_keeps_its_own() -> None:
    short, long = TableName("raw", "o" * 40), TableName("raw", "o" * 48)
    assert not names.is_beside(long, names.undo(short, 1).name)
    assert not names.is_beside(short, names.undo(long, 1).name)


def test_names_of_before_stay() -> None:
    assert names.proof(TableName("raw", "stg__orders")).name == "proof__raw__stg__orders"
    assert names.generation(TableName("raw", "orders"), 7).name == "orders__hg_g7"
