"""Values at the ends of their types: each fits, so that no sum of ours may stop their batch, on any warehouse."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import DeclarationError

EDGES = {
    "double precision": ["1.7976931348623157e308", "1.7e308", "-1.7976931348623157e308", "2.3e-308", "0.1"],
    "decimal(38,0)": ["9" * 37, "9" * 37, "9" * 37, "1", "-1"],
    "decimal(38,10)": ["9" * 27 + "." + "9" * 10, "9" * 27 + ".5", "-0.0000000001", "9" * 27, "1.25"],
    "decimal(38,37)": ["0." + "9" * 37, "0." + "9" * 37, "-0." + "0" * 36 + "1", "0", "0.5"],
    "bigint": [str(2**63 - 1), str(2**63 - 1), str(-(2**63)), "0", "-1"],
    "integer": [str(2**31 - 1), str(2**31 - 1), str(-(2**31)), "0", "1"],
    "time": ["23:59:59.999999", "00:00:00", "00:00:00.000001", "12:00:00", "23:59:59.999999"],
    "smallint": [str(2**15 - 1), str(2**15 - 1), str(-(2**15)), "0", "1"],
}
HEAD = """
description: Edges.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/edges.csv"}
columns:
  - {name: id, type: integer, nullable: false}
"""


def declared(house: Any, kinds: list[str]) -> str:
    columns = "".join(f'  - {{name: v{place}, type: "{kind}"}}\n' for place, kind in enumerate(kinds))
    return str(house.declare("edges", f"{HEAD}{columns}load: {{mode: full_refresh}}\n"))


def content(values: list[list[str]]) -> str:
    header = ",".join(f"v{place}" for place in range(len(values)))
    rows = [f"{number},{','.join(row)}" for number, row in enumerate(zip(*values, strict=True))]
    return "\n".join([f"id,{header}", *rows]) + "\n"


@pytest.mark.parametrize("kind", EDGES)
def test_values_at_the_ends_of_a_type(house: Any, kind: str) -> None:
    table = declared(house, [kind, kind])
    house.source("edges.csv", content([EDGES[kind] * 8, EDGES[kind][::-1] * 8]))
    record = house.load(table)
    assert record.counts["published"] == 40


@pytest.mark.parametrize("kinds", [["integer"], ["double precision"], ["decimal(9,2)"], ["date", "boolean", "bigint"]])
def test_any_number_of_columns_without_a_text(house: Any, kinds: list[str]) -> None:
    value = {"date": "2024-01-01", "boolean": "true"}
    columns = [kinds[place % len(kinds)] for place in range(160)]
    table = declared(house, columns)
    house.source("edges.csv", content([[value.get(kind, "1"), value.get(kind, "2")] for kind in columns]))
    assert house.load(table).counts["published"] == 2


def test_more_columns_than_a_table_has_are_told_by_the_check(house: Any) -> None:
    table = declared(house, ["integer"] * 1600)
    with pytest.raises(DeclarationError, match=r"1,601 columns: a table has at most 1,600 on both warehouses"):
        house.load(table)
