"""The source's header against the contract: what the table's policy allows, warns of, and refuses with the likely reason."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import ContractError
from expectations.contract.layout import lay_out, read_header

effect = pytest.mark.effect
A, B = {"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "from": "B b"}


@pytest.mark.parametrize(("header", "policy", "positions", "warnings"), [
    (["a", "B b"], {}, (0, 1), ()),
    (["B b", "a"], {}, (1, 0), ()),
    pytest.param(["B b", "a"], {"reordered": "allow"}, (1, 0), (), marks=effect("SchemaChange.reordered=allow")),
    pytest.param(["B b", "a"], {"reordered": "warn"}, (1, 0), ("columns come in another order: B b, a",),
                 marks=effect("SchemaChange.reordered", "SchemaChange.reordered=warn")),
    pytest.param(["x", "a", "y", "B b"], {}, (1, 3), ("columns the contract doesn't name: x, y (not loaded)",),
                 marks=effect("SchemaChange.added=warn", "Column.from")),
    pytest.param(["x", "a", "B b"], {"added": "allow"}, (1, 2), (), marks=effect("SchemaChange.added", "SchemaChange.added=allow",
                                                                            "Load.on_schema_change")),
    (["x", "x", "a", "B b"], {"added": "allow"}, (2, 3), ()),
])  # fmt: skip
def test_what_the_policy_allows(
    make_table: Any, header: list[str], policy: dict[str, str], positions: tuple[int, ...], warnings: tuple[str, ...]
) -> None:
    table = make_table(A, B, load={"mode": "full_refresh", "on_schema_change": policy})
    layout = lay_out(table, header, ",", "here")
    assert (layout.positions, layout.warnings) == (positions, warnings)
    assert layout.is_contract == (header == ["a", "B b"])


@pytest.mark.parametrize(("header", "policy", "words"), [
    (["a"], {}, "column 'B b' is missing"),
    (["a", "B_b"], {}, "column 'B b' is missing (found 'B_b': renamed? then declare `from: B_b`)"),
    (["A", "B b"], {}, "column 'a' is missing"),
    (["a", "remark"], {}, "column 'B b' is missing (found 'remark': renamed? then declare `from: remark`)"),
    (["a", "a", "B b"], {}, "names stand twice in the header: a"),
    # A declaration takes such a name in quotes alone.
    (["a", " B b "], {}, 'declare `from: " B b "`)'),
    (["a", "B: b"], {}, 'declare `from: "B: b"`)'),
    (["a", "null"], {}, 'declare `from: "null"`)'),
    (["a", "\u200bB b"], {}, 'declare `from: "\\u200bB b"`)'),
    (["sep=,", ""], {}, "the first line tells Excel the delimiter: declare `skip_lines: 1`"),
    (["a;B b;c"], {}, 'parted by another delimiter: declare `delimiter: ";"`'),
    pytest.param(["a", "B b", "x"], {"added": "fail"}, "columns the contract doesn't name: x",
                 marks=effect("SchemaChange.added=fail")),
    pytest.param(["B b", "a"], {"reordered": "fail"}, "columns come in another order: B b, a",
                 marks=effect("SchemaChange.reordered=fail")),
    (["\ufeffa", "B b"], {}, "column 'a' is missing"),
    ([" a", "B b"], {}, "column 'a' is missing"),
    (["a;B b"], {}, "column 'a' is missing"),
])  # fmt: skip
def test_what_is_refused(make_table: Any, header: list[str], policy: dict[str, str], words: str) -> None:
    table = make_table(A, B, load={"mode": "full_refresh", "on_schema_change": policy})
    with pytest.raises(ContractError, match="the header isn't the contract's") as caught:
        lay_out(table, header, ",", "files/a.csv")
    assert words in str(caught.value)
    shown = ", ".join(header).replace("\ufeff", "\\ufeff").replace("\u200b", "\\u200b")
    # A header that is read wrong is no renamed column.
    assert not ("renamed?" in str(caught.value) and ("delimiter" in words or "Excel" in words))
    assert f"found:    {shown}\n  expected: a, B b" in str(caught.value)
    assert caught.value.code == "HEADER"


JSON = {"kind": "json", "url": "http://example.com/t.json"}


@pytest.mark.parametrize(
    ("pii", "told"), [({}, "a@x.example"), ({"b": "hide"}, "1, which may be values: columns are masked")]
)
def test_names_out_of_records_are_withheld_where_columns_are_masked(
    make_table: Any, pii: dict[str, str], told: str
) -> None:
    """A map whose keys are addresses: what stands in a record as a name is somebody's value."""
    table = make_table(A, {"name": "b", "type": "integer"}, source=JSON, pii=pii)
    assert lay_out(table, ["a", "b", "a@x.example"], ",", "here").warnings == (
        f"columns the contract doesn't name: {told} (not loaded)",
    )
    with pytest.raises(ContractError) as caught:
        lay_out(table, ["a", "a@x.example"], ",", "here")
    assert ("a@x.example" in f"{caught.value}{caught.value.facts}") == (not pii)


def test_a_header_may_be_quoted_and_hold_anything() -> None:
    assert read_header('"a","b ""x""","한,글"'.encode(), ",", "here") == ("a", 'b "x"', "한,글")


@pytest.mark.parametrize("record", [b"a,\xff", b'a,"b"c'])
def test_what_cant_be_a_header_is_refused(record: bytes) -> None:
    with pytest.raises(ContractError, match="can't be read as a header") as caught:
        read_header(record, ",", "here")
    assert caught.value.code == "BAD-HEADER"


@pytest.mark.parametrize("record", [b"a,b\r1,2\r3,4", b"a,b\r1,2"])
def test_line_ends_of_old_macs_are_named(record: bytes) -> None:
    with pytest.raises(ContractError, match="carriage return alone") as caught:
        read_header(record, ",", "here")
    assert caught.value.code == "LINE-ENDS"


def test_more_names_than_any_table_has_are_refused() -> None:
    with pytest.raises(ContractError, match="8,000 names; at most 5,000") as caught:
        read_header(",".join(f"c{n}" for n in range(8_000)).encode(), ",", "here")
    assert len(str(caught.value)) < 1_000


def test_a_wide_header_is_told_in_a_few_lines(make_table: Any) -> None:
    with pytest.raises(ContractError) as caught:
        lay_out(make_table(*[{"name": f"w{n}", "type": "integer"} for n in range(1_500)]),
                [f"c{n}" for n in range(5_000)], ",", "here")  # fmt: skip
    assert "and 1,480 more columns are missing" in str(caught.value)
    assert "and 4,800 more" in str(caught.value)
    assert len(str(caught.value)) < 10_000


def test_a_column_without_a_name_is_told_by_its_place(make_table: Any) -> None:
    layout = lay_out(make_table(A, B), ["a", "B b", "", "c"], ",", "here")
    assert layout.warnings == ("columns the contract doesn't name: an unnamed column at place 3, c (not loaded)",)


@pytest.mark.parametrize(("header", "pii", "shown"), [
    (["1", "Ann Lee"], {"a": "hash"}, False), (["1", "Ann Lee"], {"b": "hide"}, False), (["1", "Ann Lee"], {}, True),
    # Names in other letters are names.
    (["A", "remark"], {"a": "hash"}, True), (["a", "Ann Lee"], {"a": "hash"}, True),
])  # fmt: skip
def test_a_row_in_place_of_the_header_is_not_shown(
    make_table: Any, header: list[str], pii: dict[str, str], shown: bool
) -> None:
    a, b = {"name": "a", "type": "varchar(64)"}, {"name": "b", "type": "varchar(64)", "from": "B b"}
    table = make_table(a, b, load={"mode": "full_refresh"}, pii=pii)
    with pytest.raises(ContractError) as refused:
        lay_out(table, header, ",", "here")
    said = f"{refused.value} {refused.value.facts}"
    assert (header[1] in said, "may be a row" in said) == (shown, not shown)
    assert "a, B b" in said
