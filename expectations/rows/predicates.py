"""The predicate of each kind of rule on single rows: true where the row fails, never NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations
from typing import Any

from expectations.contract.quoting import identifier, literal, one_of
from expectations.rows.literals import Columns
from expectations.rows.regex import re2_of
from expectations.rows.strptime import readable

Compiler = Callable[[Mapping[str, Any], Columns], str]


def _fails(present: str, passes: str) -> str:
    """True where a row has the value and the rule doesn't hold for it."""
    return f"({present} AND NOT ({passes}))"


def _range(expression: str, kwargs: Mapping[str, Any], literal: Callable[[Any], str]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    parts = []
    if low is not None:
        parts.append(f"{expression} {'>' if kwargs.get('strict_min') else '>='} {literal(low)}")
    if high is not None:
        parts.append(f"{expression} {'<' if kwargs.get('strict_max') else '<='} {literal(high)}")
    return " AND ".join(parts)


def _not_null(kwargs: Mapping[str, Any], columns: Columns) -> str:
    return f"(NOT {columns.present(kwargs['column'])})"


def _null(kwargs: Mapping[str, Any], columns: Columns) -> str:
    return columns.present(kwargs["column"])


def _between(kwargs: Mapping[str, Any], columns: Columns) -> str:
    name = kwargs["column"]
    columns.expect(name, "number", "moment", "moment with zone")
    passes = _range(identifier(name), kwargs, lambda value: columns.literal(name, value))
    return _fails(columns.present(name), passes)


def _lengths(kwargs: Mapping[str, Any], columns: Columns) -> str:
    name = kwargs["column"]
    columns.expect(name, "text")
    bounds = {"min_value": kwargs["value"], "max_value": kwargs["value"]} if "value" in kwargs else kwargs
    return _fails(columns.present(name), _range(f"length({identifier(name)})", bounds, repr))


def _in_set(*, wanted: bool) -> Compiler:
    def compiled(kwargs: Mapping[str, Any], columns: Columns) -> str:
        name = kwargs["column"]
        values = [columns.literal(name, value) for value in kwargs["value_set"] if value is not None]
        if not values:
            return columns.present(name) if wanted else "FALSE"
        among = one_of(identifier(name), values)
        return _fails(columns.present(name), among if wanted else f"NOT {among}")

    return compiled


def _regexes(*, wanted: bool) -> Compiler:
    def compiled(kwargs: Mapping[str, Any], columns: Columns) -> str:
        name = kwargs["column"]
        columns.expect(name, "text")
        patterns = kwargs.get("regex_list") or [kwargs.get("regex", "(?s).*")]
        found = [_search(name, pattern) for pattern in patterns]
        passes = (" AND " if kwargs.get("match_on") == "all" else " OR ").join(found)
        return _fails(columns.present(name), passes if wanted else f"NOT ({passes})")

    return compiled


@cache
def _try_pattern(spelled: str) -> None:
    """Only RE2 itself knows how large a program it will make of a pattern. Raises what DuckDB raises.

    On a connection of its own: that of the process is shared by all threads.
    """
    import duckdb

    from expectations.contract.engine import lock

    with duckdb.connect() as connection:
        lock(connection)
        connection.execute("SELECT regexp_matches('', ?)", [spelled]).fetchall()


def _search(name: str, pattern: str) -> str:
    import duckdb

    try:
        spelled = re2_of(pattern)
        _try_pattern(spelled)
    except (ValueError, duckdb.Error) as error:
        raise ValueError(f"the pattern '{pattern}' can't be used: {error}") from None
    return f"regexp_matches({identifier(name)}, {literal(spelled)})"


def _strptime(kwargs: Mapping[str, Any], columns: Columns) -> str:
    name = kwargs["column"]
    columns.expect(name, "text")
    return _fails(columns.present(name), readable(identifier(name), kwargs["strftime_format"]))


def _pair(passes: Callable[[str, str, Mapping[str, Any], Columns], str], *, both: bool) -> Compiler:
    """A rule on two columns; `both`: a row must have both values to be judged, else one of them."""

    def compiled(kwargs: Mapping[str, Any], columns: Columns) -> str:
        a, b = kwargs["column_A"], kwargs["column_B"]
        present = [columns.present(a), columns.present(b)]
        ignore = kwargs.get("ignore_row_if") or ("either_value_is_missing" if both else "both_values_are_missing")
        judged = {"either_value_is_missing": " AND ", "both_values_are_missing": " OR "}.get(ignore)
        holds = f"COALESCE({passes(a, b, kwargs, columns)}, FALSE) AND {' AND '.join(present)}"
        return _fails(f"({judged.join(present)})" if judged else "TRUE", holds)

    return compiled


def _greater(a: str, b: str, kwargs: Mapping[str, Any], columns: Columns) -> str:
    columns.expect_comparable(a, b)
    return f"{identifier(a)} {'>=' if kwargs.get('or_equal') else '>'} {identifier(b)}"


def _equal(a: str, b: str, _kwargs: Mapping[str, Any], columns: Columns) -> str:
    columns.expect_comparable(a, b)
    return f"{identifier(a)} = {identifier(b)}"


def _pair_in_set(a: str, b: str, kwargs: Mapping[str, Any], columns: Columns) -> str:
    pairs = [
        f"({identifier(a)} = {columns.literal(a, first)} AND {identifier(b)} = {columns.literal(b, second)})"
        for first, second in kwargs["value_pairs_set"]
        if first is not None and second is not None
    ]
    return " OR ".join(pairs) or "FALSE"


def _columns(fails: Callable[[list[str], Mapping[str, Any], Columns], str], default: str) -> Compiler:
    """A rule on several columns; rows are judged unless all, or any, of their values are missing."""

    def compiled(kwargs: Mapping[str, Any], columns: Columns) -> str:
        names = list(kwargs["column_list"])
        present = [columns.present(name) for name in names]
        ignore = kwargs.get("ignore_row_if") or default
        joint = {"any_value_is_missing": " AND ", "all_values_are_missing": " OR "}.get(ignore)
        judged = f"({joint.join(present)})" if joint else "TRUE"
        return f"({judged} AND ({fails(names, kwargs, columns)}))"

    return compiled


def _sum_differs(names: list[str], kwargs: Mapping[str, Any], columns: Columns) -> str:
    for name in names:
        columns.expect(name, "number")
    total = " + ".join(columns.summand(name) for name in names)
    return f"({total}) <> {kwargs['sum_total']!r}"


def _any_two_equal(names: list[str], _kwargs: Mapping[str, Any], columns: Columns) -> str:
    columns.expect_comparable(*names)
    return " OR ".join(
        f"{_value(a, columns)} IS NOT DISTINCT FROM {_value(b, columns)}" for a, b in combinations(names, 2)
    )


def _any_differs(names: list[str], _kwargs: Mapping[str, Any], columns: Columns) -> str:
    columns.expect_comparable(*names)
    first = _value(names[0], columns)
    return " OR ".join(f"{first} IS DISTINCT FROM {_value(name, columns)}" for name in names[1:])


def _value(name: str, columns: Columns) -> str:
    return f"CASE WHEN {columns.present(name)} THEN {identifier(name)} END"


COMPILERS: Mapping[str, Compiler] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _lengths,
    "expect_column_values_to_be_in_set": _in_set(wanted=True),
    "expect_column_values_to_not_be_in_set": _in_set(wanted=False),
    "expect_column_values_to_match_regex": _regexes(wanted=True),
    "expect_column_values_to_match_regex_list": _regexes(wanted=True),
    "expect_column_values_to_not_match_regex": _regexes(wanted=False),
    "expect_column_values_to_not_match_regex_list": _regexes(wanted=False),
    "expect_column_values_to_match_strftime_format": _strptime,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(_greater, both=True),
    "expect_column_pair_values_to_be_equal": _pair(_equal, both=False),
    "expect_column_pair_values_to_be_in_set": _pair(_pair_in_set, both=True),
    "expect_multicolumn_sum_to_equal": _columns(_sum_differs, "any_value_is_missing"),
    "expect_select_column_values_to_be_unique_within_record": _columns(_any_two_equal, "all_values_are_missing"),
    "expect_multicolumn_values_to_be_equal": _columns(_any_differs, "all_values_are_missing"),
}
