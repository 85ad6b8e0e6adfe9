"""Arguments of a rule made ready for one run: parameters filled in, moments and sets fitted to the column's type.

The library reads every text bound as a date, and a date crashes its comparison with a timestamp column in memory while
the same bound works in SQL. Here every bound gets the type of its column, so that both judge alike.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from deployments.declarations.row_conditions import only_known
from deployments.declarations.rule_faults import PARAMETER, as_date
from deployments.declarations.signatures import MISSING_VALUES
from deployments.declarations.suite import Rule
from expectations.rows.posix import posix_of
from expectations.suites.custom.amounts import utc

# What matters of a column's type for comparing it: a moment (as UTC, with or without zone) or an exact decimal.
ColumnKind = Literal["moment", "moment with zone", "decimal", "other"]

_SETS = ("value_set",)


def arguments_of(rule: Rule, columns: Mapping[str, ColumnKind], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments to hand to the library. LookupError: a column the data doesn't have, or a missing parameter."""
    for name in rule.columns:
        if name not in columns:
            raise LookupError(f"there is no column '{name}'")
    kwargs = {name: _filled(value, parameters) for name, value in rule.kwargs.items()}
    if rule.type == "expect_table_to_be_fresh" and kwargs.get("as_of") is None:
        kwargs["as_of"] = _filled({PARAMETER: "now"}, parameters)
    if rule.type in MISSING_VALUES:
        kwargs["ignore_row_if"] = MISSING_VALUES[rule.type]
    if kwargs.get("row_condition"):
        kwargs["row_condition"] = only_known(kwargs["row_condition"])
    kind = columns.get(str(kwargs.get("column")), "other")
    for name, inclusive_down, strict in (("min_value", True, "strict_min"), ("max_value", False, "strict_max")):
        if kwargs.get(name) is not None:
            rounded_down = inclusive_down != bool(kwargs.get(strict))
            kwargs[name] = _beside(kwargs[name], rounded_down) if kind == "decimal" else _fitted(kwargs[name], kind)
    for name in _SETS:
        if isinstance(kwargs.get(name), list | tuple):
            kwargs[name] = [_fitted(value, kind) for value in kwargs[name]]
    if isinstance(kwargs.get("value_pairs_set"), list | tuple):
        kinds = [columns.get(str(kwargs.get(name)), "other") for name in ("column_A", "column_B")]
        kwargs["value_pairs_set"] = [tuple(map(_fitted, pair, kinds)) for pair in kwargs["value_pairs_set"]]
    return kwargs


def in_warehouse(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with patterns as the warehouse spells them. ValueError: a pattern that would be judged otherwise there."""
    spelled = dict(kwargs)
    if isinstance(kwargs.get("regex"), str):
        spelled["regex"] = posix_of(kwargs["regex"])
    if isinstance(kwargs.get("regex_list"), list | tuple):
        spelled["regex_list"] = [posix_of(pattern) for pattern in kwargs["regex_list"]]
    return spelled


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    if not (isinstance(value, Mapping) and PARAMETER in value):
        return value
    from great_expectations.core.suite_parameters import parse_suite_parameter
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    expression = str(value[PARAMETER])
    try:
        return parse_suite_parameter(expression, suite_parameters=dict(parameters))
    except (GreatExpectationsError, KeyError, TypeError, ValueError):
        known = ", ".join(sorted(parameters)) or "none"
        raise LookupError(f"the parameter '{expression}' isn't known to this run; it has {known}") from None


def _beside(bound: Any, down: bool) -> Any:
    """The nearest float that lies on the side of a bound where it changes no verdict on exact decimals.

    The library keeps bounds as floats, and Decimal('0.10') >= 0.1 is False: the float is a little more than a tenth.
    """
    if isinstance(bound, bool) or not isinstance(bound, float):
        return bound
    meant, found = Decimal(str(bound)), Decimal(bound)
    if down and found > meant:
        return math.nextafter(bound, -math.inf)
    return math.nextafter(bound, math.inf) if not down and found < meant else bound


def _fitted(value: Any, kind: ColumnKind) -> Any:
    if kind == "other" or value is None or isinstance(value, bool):
        return value
    if kind == "decimal":
        return Decimal(str(value)) if isinstance(value, int | float) else value
    moment = as_date(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime.date):
        return value
    return utc(moment) if kind == "moment" else utc(moment).replace(tzinfo=datetime.UTC)
