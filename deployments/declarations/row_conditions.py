"""Row conditions: which rows a rule is about, in the form Great Expectations keeps them in.

A comparison is `{type: comparison, column: {name: x}, operator: "==", parameter: 1}`, a test for a value is
`{type: nullity, column: {name: x}, is_null: false}`; `and` and `or` hold a list of `conditions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN")
_KINDS = ("comparison", "nullity", "and", "or")


def condition_faults(condition: Mapping[str, Any], *, inside: str = "") -> Iterator[str]:
    """What is wrong with a condition, in sentences. `inside` is the kind of condition this one is part of."""
    kind = condition.get("type")
    if kind not in _KINDS:
        yield f"row_condition has the type {kind!r}; allowed: {', '.join(_KINDS)}"
    elif kind in ("and", "or"):
        if (inside == "or" and kind == "or") or (inside == "and" and kind == "or"):
            yield f"row_condition can't have 'or' inside '{inside}': the library doesn't evaluate it"
        parts = condition.get("conditions")
        if not isinstance(parts, list | tuple) or not parts:
            yield f"row_condition of type '{kind}' needs a list of conditions"
        else:
            for part in parts:
                if isinstance(part, Mapping):
                    yield from condition_faults(part, inside=str(kind))
                else:
                    yield f"row_condition has {part!r} where a condition must stand"
    else:
        yield from _single_faults(condition, str(kind))


def _single_faults(condition: Mapping[str, Any], kind: str) -> Iterator[str]:
    column = condition.get("column")
    if not isinstance(column, Mapping) or not isinstance(column.get("name"), str):
        yield "row_condition must name its column as {name: the_column}"
    if kind == "nullity":
        if not isinstance(condition.get("is_null"), bool):
            yield "row_condition of type 'nullity' needs is_null: true or false"
        return
    operator, parameter = condition.get("operator"), condition.get("parameter")
    if operator not in OPERATORS:
        yield f"row_condition has the operator {operator!r}; allowed: {', '.join(OPERATORS)}"
    elif operator in ("IN", "NOT_IN") and not (isinstance(parameter, list | tuple) and parameter):
        yield f"row_condition with {operator} needs a list of values as parameter"
    elif parameter is None:
        yield "row_condition needs a parameter to compare with; for a missing value use type: nullity"


def only_known(condition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same condition, true only of rows that have a value to compare.

    `!=` and NOT_IN are true of a missing value in memory and not in the warehouse; here they are true of it nowhere.
    """
    if condition["type"] in ("and", "or"):
        return {**condition, "conditions": [only_known(part) for part in condition["conditions"]]}
    if condition.get("operator") not in ("!=", "NOT_IN"):
        return condition
    known = {"type": "nullity", "column": condition["column"], "is_null": False}
    return {"type": "and", "conditions": [known, condition]}
