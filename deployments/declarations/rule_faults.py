"""Every fault of one rule, found at once against the table of signatures.

Works on the raw mapping, so that a fault in one key doesn't hide those in others. Each fault is its place within the
rule and one sentence.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployments.declarations.model import seconds
from deployments.declarations.problems import KeyPath, nearest
from deployments.declarations.row_conditions import condition_faults
from deployments.declarations.signatures import MAP_KINDS, MISSING_VALUES, Parameter, Signature, refused, signatures

RuleFault = tuple[KeyPath, str]

PARAMETER = "$PARAMETER"
QUERY, BATCH = "unexpected_rows_query", "{batch}"
"""The argument that is SQL, and what stands for the judged table in it."""
_CLOSED = re.compile(r"(ops|quarantine|information_schema|pg_.*)\.")
_WORDS = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false", "array": "a list",
    "object": "a mapping", "date": "a date", "parameter": '{"$PARAMETER": name}', "null": "null",
}  # fmt: skip
_BOUNDS = (("min_value", "max_value"), ("min_ratio", "max_ratio"))


def rule_faults(rule: Mapping[str, Any]) -> Iterator[RuleFault]:
    """Faults of a rule as it stands in its file."""
    name, kwargs = rule.get("type"), rule.get("kwargs", {})
    signature = signatures().get(name) if isinstance(name, str) else None
    if isinstance(name, str) and signature is None:
        yield ("type",), _unknown(name)
    if signature is not None and isinstance(kwargs, Mapping):
        yield from _argument_faults(signature, kwargs)
    if signature is not None:
        yield from _row_faults(signature, rule, kwargs if isinstance(kwargs, Mapping) else {})


def _unknown(name: str) -> str:
    if name in refused():
        return f"'{name}' can't be used: {refused()[name]}"
    words = set(name.lower().split("_"))
    holding = [known for known in signatures() if words <= set(known.split("_"))]
    # Of 'unique' or 'not_null', as other tools call their tests: the check of each value.
    meant = nearest(name, signatures()) or min(
        holding, key=lambda known: ("_values_" not in known, len(known)), default=None
    )
    hint = f"; did you mean '{meant}'?" if meant else "; allowed: a name such as expect_column_values_to_not_be_null"
    return f"'{name}' isn't an expectation" + hint


def _row_faults(signature: Signature, rule: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Iterator[RuleFault]:
    rows, tolerance = rule.get("rows"), rule.get("tolerance")
    if rows is not None and not signature.can_quarantine:
        why = "looks at the whole batch" if signature.kind not in MAP_KINDS else "can't be decided row by row"
        yield ("rows",), f"rows: {rows} needs a check of single rows; {signature.name} {why}"
    if tolerance is not None and rows is None:
        yield ("tolerance",), "tolerance belongs to rows: quarantine; for a check of the batch use the argument mostly"
    if "mostly" in kwargs and (rows is not None or tolerance is not None):
        yield (
            ("kwargs", "mostly"),
            "mostly can't stand together with rows: quarantine: tolerance says how many rows may fail",
        )


def _argument_faults(signature: Signature, kwargs: Mapping[str, Any]) -> Iterator[RuleFault]:
    known = signature.parameters
    misspelled = set()
    for key, value in kwargs.items():
        if key not in known:
            meant = nearest(str(key), known)
            misspelled.add(meant)
            hint = f"; did you mean '{meant}'?" if meant else ""
            yield ("kwargs", key), f"'{key}' isn't an argument of {signature.name}; allowed: {', '.join(known)}{hint}"
        else:
            fault = _value_fault(known[key], value)
            if fault:
                yield ("kwargs", key), f"{key} {fault}"
    for key, parameter in known.items():
        if parameter.required and key not in kwargs and key not in misspelled:
            yield ("kwargs",), f"'{key}' is missing; {signature.name} needs it"
    yield from _sense_faults(signature, kwargs)


def _value_fault(parameter: Parameter, value: Any) -> str | None:
    allowed = parameter.types if parameter.required or "null" in parameter.types else (*parameter.types, "null")
    if not any(_is(kind, value) for kind in allowed):
        words = [_WORDS[kind] for kind in parameter.types if kind != "null"]
        return f"must be {' or '.join(words)}, not {value!r}"
    if parameter.choices and isinstance(value, str) and value not in parameter.choices:
        meant = nearest(value, parameter.choices)
        hint = f"; did you mean '{meant}'?" if meant else ""
        return f"is '{value}'; allowed: {', '.join(parameter.choices)}{hint}"
    if parameter.items and isinstance(value, list | tuple):
        for item in value:
            if not any(_is(kind, item) for kind in parameter.items):
                return (
                    f"must be a list of {' or '.join(_WORDS[kind] for kind in parameter.items)}; found {item!r} in it"
                )
    return None


def _is(kind: str, value: Any) -> bool:
    if kind == "parameter":
        return isinstance(value, Mapping) and set(value) == {PARAMETER} and isinstance(value[PARAMETER], str)
    if kind == "date":
        return isinstance(value, datetime.date) or (isinstance(value, str) and as_date(value) is not None)
    if kind in ("integer", "number"):
        number = isinstance(value, int) if kind == "integer" else isinstance(value, int | float)
        return number and not isinstance(value, bool)
    types: dict[str, tuple[type, ...]] = {
        "string": (str,), "boolean": (bool,), "array": (list, tuple), "object": (dict,), "null": (type(None),),
    }  # fmt: skip
    return isinstance(value, types[kind])


def as_date(text: str) -> datetime.datetime | None:
    """The moment an ISO date or timestamp spells, or None."""
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None


def _sense_faults(signature: Signature, kwargs: Mapping[str, Any]) -> Iterator[RuleFault]:
    """Arguments of the right type that can't be meant: the check would crash, or always say the same."""
    for low, high in _BOUNDS:
        if low in signature.parameters:
            yield from _bound_faults(signature, kwargs, low, high)
    mostly = kwargs.get("mostly", kwargs.get("min_share"))
    if mostly is not None and _is("number", mostly) and not 0 < mostly <= 1:
        key = "mostly" if "mostly" in kwargs else "min_share"
        yield ("kwargs", key), f"{key} is a share above 0 and up to 1 (0.99 is 99 %), not {mostly}"
    within = kwargs.get("within")
    if within is not None and _is("number", within) and not 0 <= within < 1:
        yield ("kwargs", "within"), f"within is a share from 0 to below 1 (0.01 is 1 %), not {within}"
    if kwargs.get("value_set") == []:
        yield ("kwargs", "value_set"), "value_set is empty: every value, or none, would fail"
    for key in ("regex", "regex_list"):
        for pattern in _texts(kwargs.get(key)):
            fault = _regex_fault(pattern)
            if fault:
                yield ("kwargs", key), f"'{pattern}' isn't a regular expression: {fault}"
    for key in ("column_list", "part_columns"):
        names = kwargs.get(key)
        least = 1 if key == "part_columns" else 2
        if not isinstance(names, list | tuple) or (key == "column_list" and signature.kind not in MAP_KINDS):
            continue
        if len(names) < least or len(set(map(str, names))) < len(names):
            yield ("kwargs", key), f"{key} must name {least} or more columns, each once"
    ignored, only = kwargs.get("ignore_row_if"), MISSING_VALUES.get(signature.name)
    if only and isinstance(ignored, str) and ignored != only:
        yield ("kwargs", "ignore_row_if"), f"ignore_row_if can only be {only} here: engines disagree on other rows"
    if isinstance(kwargs.get("row_condition"), Mapping):
        yield from ((("kwargs", "row_condition"), fault) for fault in condition_faults(kwargs["row_condition"]))
    yield from _own_faults(signature, kwargs)


def _bound_faults(signature: Signature, kwargs: Mapping[str, Any], low: str, high: str) -> Iterator[RuleFault]:
    least, most = kwargs.get(low), kwargs.get(high)
    if least is None and most is None:
        yield ("kwargs",), f"give {low}, {high} or both; without them {signature.name} checks nothing"
    elif least is not None and most is not None and _both_numbers(least, most) and least > most:
        yield ("kwargs", low), f"{low} ({least}) is greater than {high} ({most}): every value would fail"


def _both_numbers(first: Any, second: Any) -> bool:
    return _is("number", first) and _is("number", second)


def _own_faults(signature: Signature, kwargs: Mapping[str, Any]) -> Iterator[RuleFault]:
    age, other, query = kwargs.get("max_age"), kwargs.get("other_table"), kwargs.get(QUERY)
    if isinstance(age, str):
        try:
            seconds(age)
        except ValueError:
            yield ("kwargs", "max_age"), f"max_age is '{age}'; allowed: a number with s, m, h or d, such as 36h"
    if isinstance(other, str) and not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", other):
        yield ("kwargs", "other_table"), f"other_table must be schema.table, not '{other}'"
    elif isinstance(other, str) and _CLOSED.match(other):
        yield ("kwargs", "other_table"), f"other_table can't be '{other}': no rule reads what is closed to readers"
    if isinstance(query, str) and BATCH not in query:
        yield ("kwargs", QUERY), f"the query must select from {BATCH}, the table that is checked"
    elif isinstance(query, str) and set("{}") & set(query.replace(BATCH, "")):
        # The library fills in whatever stands in braces, attributes of its objects too, and makes one of two.
        yield ("kwargs", QUERY), f"the query has braces that aren't {BATCH}"
    if signature.name == "expect_windows_to_compare":
        if kwargs.get("figure", "rows") != "rows" and not kwargs.get("column"):
            yield ("kwargs",), f"'column' is missing; the figure '{kwargs.get('figure')}' needs it"
        for key in ("window", "baseline"):
            bounds = kwargs.get(key)
            if isinstance(bounds, Sequence) and not isinstance(bounds, str):
                moments = [as_date(str(moment)) for moment in bounds]
                if len(moments) != 2 or None in moments or str(bounds[0]) >= str(bounds[1]):
                    yield ("kwargs", key), f"{key} must be [start, end], two ISO moments in order"


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [item for item in value or () if isinstance(item, str)]


def _regex_fault(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None
