"""Make the table of signatures from the installed library: `python -m expectations.suites.signatures --write`.

The table (`deployments/declarations/signatures.json`) lets `headgate check` judge the name and the arguments of every
rule without importing Great Expectations (2.5-7 s). A test compares the committed table with what this module makes.
"""

from __future__ import annotations

import argparse
import datetime
import inspect
import json
import types
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from expectations.suites.library import great_expectations

TABLE = Path(__file__).parents[2] / "deployments" / "declarations" / "signatures.json"

# Fields that belong to a rule as a whole, to one run, or that change what a check means behind its author's back.
NOT_ARGUMENTS = frozenset(
    {
        "id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "severity",
        "windows", "batch_id", "condition_parser", "library_metadata",
    }
)  # fmt: skip

_TYPES = "names of types differ per engine; the contract of the table checks types"

# Checks of the library which are refused, each with what to use in its place.
REFUSED: Mapping[str, str] = {
    "expect_column_type_to_be": _TYPES,
    "expect_column_values_to_be_of_type": _TYPES,
    "expect_column_values_to_be_in_type_list": _TYPES,
    "expect_query_results_to_match_comparison": "it needs a data source of the library's own configuration; "
    "use expect_row_count_to_match_source",
    "expect_table_row_count_to_equal_other_table": "it can't name a schema; use expect_row_count_to_match_table",
    "expect_column_kl_divergence_to_be_less_than": "its result carries values and its verdict differs per engine; "
    "drift watches distributions",
}

# The library answers these on one kind of engine only.
ONLY_IN_MEMORY = frozenset(
    {
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_strftime_format",
    }
)
ONLY_IN_WAREHOUSE = frozenset(
    {
        "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_not_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern_list",
        "expect_column_values_to_refer_to_table",
        "expect_row_count_to_match_table",
        "unexpected_rows_expectation",
    }
)

KINDS = (
    ("ColumnMapExpectation", "row-map"),
    ("ColumnPairMapExpectation", "pair-map"),
    ("MulticolumnMapExpectation", "multicolumn-map"),
    ("ColumnAggregateExpectation", "aggregate"),
    ("BatchExpectation", "table"),
)

_SCALARS: Mapping[object, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    datetime.date: "date",
    datetime.datetime: "date",
}


def make_table() -> dict[str, Any]:
    """The signatures of every check the installed library and our own module register, by name."""
    great_expectations()
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    checks: dict[str, Any] = {}
    for name in sorted(list_registered_expectation_implementations()):
        if name not in REFUSED:
            implementation = get_expectation_impl(name)
            own = implementation.__module__.startswith("expectations.")
            if own or implementation.__module__.startswith("great_expectations."):
                checks[name] = _signature(name, implementation, own)
    return {"checks": checks, "refused": dict(sorted(REFUSED.items()))}


def _signature(name: str, implementation: type, own: bool) -> dict[str, Any]:
    ancestors = {ancestor.__name__ for ancestor in inspect.getmro(implementation)}
    fields = implementation.__fields__.items()  # type: ignore[attr-defined]  # a pydantic.v1 model
    return {
        "kind": next(kind for ancestor, kind in KINDS if ancestor in ancestors),
        "memory": name not in ONLY_IN_WAREHOUSE,
        "warehouse": name not in ONLY_IN_MEMORY,
        "own": own,
        "parameters": {key: _parameter(field) for key, field in fields if key not in NOT_ARGUMENTS},
    }


def _parameter(field: Any) -> dict[str, Any]:
    if field.name == "row_condition":
        return {"types": ["object"], "required": False, "default": None}
    found: dict[str, Any] = {"types": set(), "choices": [], "items": set()}
    _walk(field.outer_type_, found, inside_union=False)
    parameter: dict[str, Any] = {"types": sorted(found["types"]), "required": bool(field.required)}
    if not field.required:
        parameter["default"] = field.default
    if found["choices"]:
        parameter["choices"] = found["choices"]
    if found["items"]:
        parameter["items"] = sorted(found["items"])
    return parameter


def _walk(annotation: Any, found: dict[str, Any], *, inside_union: bool) -> None:
    """Collect the JSON types an annotation allows; a dict beside other types is a suite parameter (`$PARAMETER`)."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        _walk(typing.get_args(annotation)[0], found, inside_union=inside_union)
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            _walk(argument, found, inside_union=True)
    elif origin is typing.Literal:
        found["types"].add("string")
        found["choices"].extend(typing.get_args(annotation))
    elif annotation is type(None):
        found["types"].add("null")
    elif annotation is dict or origin is dict:
        found["types"].add("parameter" if inside_union else "object")
    elif annotation in _SCALARS:
        found["types"].add(_SCALARS[annotation])
    elif _is_array(annotation, origin):
        found["types"].add("array")
        items = {_SCALARS.get(_plain(argument), "any") for argument in typing.get_args(annotation)} - {"any"}
        found["items"].update(items)
    elif isinstance(annotation, type):
        plain = _plain(annotation)
        found["types"].add(_SCALARS.get(plain, "object"))
    else:
        raise TypeError(f"An argument of a check has the unknown type {annotation!r}.")


def _is_array(annotation: Any, origin: Any) -> bool:
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, str | dict)


def _plain(annotation: Any) -> Any:
    """The built-in type under a constrained one (`StrictStr`, `confloat`)."""
    if isinstance(annotation, type):
        return next((base for base in (bool, str, int, float) if issubclass(annotation, base)), annotation)
    return annotation


def as_text(table: Mapping[str, Any]) -> str:
    """The committed form: stable, one parameter a line, so that a new version of the library shows as a small diff."""
    lines = ['{"checks": {']
    names = list(table["checks"])
    for name in names:
        check = table["checks"][name]
        head = {key: value for key, value in check.items() if key != "parameters"}
        lines.append(f'  {json.dumps(name)}: {json.dumps(head)[:-1]}, "parameters": {{')
        rows = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in check["parameters"].items()]
        lines.append(",\n".join(rows))
        lines.append("  }}" + ("," if name != names[-1] else ""))
    lines.append('}, "refused": ' + json.dumps(table["refused"], indent=2) + "}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it to its place with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="replace the committed table")
    text = as_text(make_table())
    if parser.parse_args().write:
        TABLE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
