"""The type a field gets, by its values: as narrow as is safe, never one that changes or refuses what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from expectations.draft.facts import SourceColumn
from expectations.draft.measure import Records
from expectations.draft.types import choose

Field = Callable[[Sequence[str]], Records]
DAYS = [f"{day:02}/03/2024" for day in range(1, 29)]

CASES = {
    "counts": (["1", "2", "2"], "smallint"),
    "they grow tenfold": (["4000", "4000"], "integer"),
    "beyond integer": (["300000000", "300000000"], "bigint"),
    "zeros in front": (["00123", "12345"], "varchar(8)"),
    "longer than a number": (["12345678901234567890"] * 2, "varchar(32)"),
    "money": (["1.5", "2.25"], "decimal(12,4)"),
    "floats": (["10.357019999999999", "9.2"], "double precision"),
    "exponents": (["1e5", "2e-3"], "double precision"),
    "flags are numbers": (["0", "1"], "smallint"),
    "words for flags": (["true", "false"], "boolean"),
    "one letter only": (["F", "F"], "varchar(8)"),
    "days": (["2024-01-01", "2024-02-29"], "date"),
    "moments": (["2024-01-01 10:00:00", "2024-01-01T11:00:00.5"], "timestamp"),
    "moments with offset": (["2024-01-01T10:00:00Z", "2024-01-01 10:00:00+09"], "timestamptz"),
    "times of day": (["10:00:00", "23:59:59.5"], "time"),
    "spans of time": (["10:00:00", "25:00:00"], "varchar(16)"),
    "documents": (['"{""a"": 1}"', '"[1, 2]"'], "json"),
    "almost documents": (['"{""a"": 1"', '"[1, 2]"'], "varchar(16)"),
    "no such day": (["2024-02-30", "2024-01-01"], "varchar(16)"),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"] * 2, "varchar(36)"),
    "bytes, not characters": (["é" * 10, "a"], "varchar(32)"),
    "nothing": (["", ""], "varchar(256)"),
    "one word among few numbers": (["1", "x"], "varchar(8)"),
}


@pytest.mark.parametrize(("values", "kind"), CASES.values(), ids=CASES.keys())
def test_the_type_of_values(field: Field, values: list[str], kind: str) -> None:
    assert choose("x", field(values).field(0, "UTC"), "UTC").type == kind


CONVERSIONS = {
    "tools' floats": (["17850.0", "13047.0", ""], "integer", ("whole_number",), (), None),
    "real decimals": (["2.0", "2.5"], "decimal(12,3)", (), (), None),
    "thousands": (['"1,234"', "12"], "smallint", ("drop_thousands",), (), None),
    "spellings of nothing": (["1", "NA", "NULL"], "smallint", (), ("NA", "NULL"), None),
    "empty texts": (["1", '""'], "smallint", (), ("",), None),
    "blanks": ([" 1", "2 "], "smallint", ("trim",), (), None),
    "day first": (DAYS, "date", (), (), "%d/%m/%Y"),
    "month first": (["03/28/2024", "03/01/2024"], "date", (), (), "%m/%d/%Y"),
    "without seconds": (["2024-01-01 10:00"], "timestamp", (), (), "%Y-%m-%d %H:%M"),
    "a clock without seconds": (["9:30", "17:05"], "time", (), (), "%H:%M"),
    "half a day's clock": (["9:30 AM", "5:05 PM"], "time", (), (), "%I:%M %p"),
    "the zone's name": (["2024-01-01 10:00:00 UTC"], "timestamp", (), (), "%Y-%m-%d %H:%M:%S UTC"),
}


@pytest.mark.parametrize(("values", "kind", "cast", "null", "form"), CONVERSIONS.values(), ids=CONVERSIONS.keys())
def test_conversions_that_values_need(
    field: Field, values: list[str], kind: str, cast: tuple[str, ...], null: tuple[str, ...], form: str | None
) -> None:
    choice = choose("x", field(values).field(0, "UTC"), "UTC")
    assert (choice.type, choice.cast, tuple(sorted(choice.null)), choice.format) == (kind, cast, null, form)


WRITTEN = {
    "decimal comma": (['"6.252,53"', '"1,5"'], "decimal(12,4)", (), ("decimal_comma",), None),
    "dollars": (["$40.68", '"$1,240.50"', "-$5.00"], "decimal(12,4)", ("$",), ("drop_thousands",), None),
    "euros behind": (['"1.234,50 €"', '"2,00 €"'], "decimal(12,4)", ("€",), ("decimal_comma",), None),
    "a code of a currency": (["USD 4.50", "USD 3.00"], "decimal(12,4)", ("USD",), (), None),
    "percent": (["5%", "12.5 %"], "decimal(12,5)", (), ("percent",), None),
    "blanks between thousands": (["1 234", "12\N{NO-BREAK SPACE}345", "7"], "integer", (), ("space_thousands",), None),
    "blanks and a comma": (['"1 234,5"', '"0,5"'], "decimal(12,3)", (), ("space_thousands", "decimal_comma"), None),
    "Swiss": (["1'234.50", "12.00"], "decimal(12,4)", (), ("apostrophe_thousands",), None),
    "brackets": (["(12.50)", "12.50"], "decimal(12,4)", (), ("accounting",), None),
    "dollars in brackets": (['"($1,012.50)"', "$12.50"], "decimal(12,4)", ("$",), ("accounting", "drop_thousands"), None),
    "small am and pm": (["1/31/2024 3:05 pm", "2/1/2024 11:59 am"], "timestamp", (), (), "%m/%d/%Y %I:%M %p"),
    "close am and pm": (["31/1/2024 3:05PM"], "timestamp", (), (), "%d/%m/%Y %I:%M%p"),
    "two digits of a year": (["31.12.24", "1.2.24"], "date", (), (), "%d.%m.%y"),
    "American": (['"Jan 5, 2024"', '"Mar 15, 2024"'], "date", (), (), "%b %d, %Y"),
    "two currencies": (["$5", "€5"], "varchar(8)", (), (), None),
    "codes": (["A12", "A13"], "varchar(8)", (), (), None),
}  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "strip", "cast", "form"), WRITTEN.values(), ids=WRITTEN.keys())
def test_numbers_and_dates_as_people_write_them(
    field: Field, values: list[str], kind: str, strip: tuple[str, ...], cast: tuple[str, ...], form: str | None
) -> None:
    choice = choose("x", field(values).field(0, "UTC"), "UTC")
    assert (choice.type, choice.strip, choice.cast, choice.format) == (kind, strip, cast, form)


@pytest.mark.parametrize(("values", "words"), [
    (['"1,234"', '"12,345"'], "thousands, or decimals"), (["1.234", "12.345"], "decimals, or thousands"),
    (["$5.00"], "has every row that unit"),
    (["2024-01-01 10:00:00"], "which zone"), (["01/02/2024", "03/02/2024"], "day first or month first"),
    (["17850.0"], "a number, or the text of an id"), (["a", "NA"], "is 'NA' (1) no value"), ([""], "no value seen"),
    ([*["7"] * 999, "x"], "1 of 1,000 values"),
])  # fmt: skip
def test_what_values_do_not_tell_is_asked(field: Field, values: list[str], words: str) -> None:
    assert words in " ".join(choose("x", field(values).field(0, "UTC"), None).decide)


@pytest.mark.parametrize(("name", "values", "kind"), [
    ("phone", ["4915112345", "4915154321"], "varchar(16)"), ("zip", ["90210", "10115"], "varchar(8)"),
    ("unit_price", ["1.25", "2.50"], "decimal(12,2)"), ("order_id", ["7", "8"], "integer"),
    ("day", ["20240101", "20240102"], "date"), ("article", ["20240101", "20240102"], "integer"),
])  # fmt: skip
def test_the_name_says_what_digits_mean(field: Field, name: str, values: list[str], kind: str) -> None:
    assert choose(name, field(values).field(0, "UTC"), "UTC").type == kind


@pytest.mark.parametrize(("declared", "values", "kind"), [
    ("bigint", ["1"], "bigint"), ("numeric(9,3)", ["1.5"], "decimal(9,3)"), ("text", [""], "varchar(256)"),
    ("character varying(20)", ["1"], "varchar(20)"), ("character varying(20)", ["é"], "varchar(80)"),
    ("timestamp without time zone", [""], "timestamp"), ("numeric", ["1.5"], "decimal(12,3)"),
    ("real", ["0.19"], "double precision"), ("double precision", ["17850.0"], "double precision"),
    ("numeric(20,0)", ["18446744073709551615"], "decimal(20,0)"), ("numeric(50,2)", ["1.5"], "decimal(12,3)"),
    ("jsonb", ["7"], "json"), ("json", [""], "json"), ("bytea", ["00ff"], "binary"), ("time without time zone", [""], "time"),
])  # fmt: skip
def test_the_source_knows_its_types(field: Field, declared: str, values: list[str], kind: str) -> None:
    assert choose("x", field(values).field(0, "UTC"), "UTC", SourceColumn(declared)).type == kind


def test_a_number_of_the_source_is_no_label(field: Field) -> None:
    assert choose("zip", field(["10115"]).field(0, "UTC"), "UTC", SourceColumn("integer")).type == "integer"
    moment = choose("x", field(["1700000000"]).field(0, "UTC"), "UTC", SourceColumn("bigint"))
    assert (moment.type, moment.notes) == ("bigint", ["may be a moment: seconds since 1970"])


def test_a_zone_that_is_said_is_used_to_read_the_clock(field: Field) -> None:
    """02:30 doesn't exist on the night the clocks of Berlin go forward."""
    facts = field(["2024-03-31 02:30:00"]).field(0, "Europe/Berlin")
    assert choose("x", facts, "Europe/Berlin").type == "varchar(32)"
