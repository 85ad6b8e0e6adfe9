"""Rules of single rows compiled to DuckDB, with the same verdict on every row as Great Expectations on pandas.

A predicate is true where a row FAILS and never NULL. A row without a value passes, except where having one is the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.declarations.rule_faults import PARAMETER, RuleFault
from deployments.declarations.suite import Rule, Suite
from expectations.contract.quoting import identifier
from expectations.rows.literals import Columns
from expectations.rows.posix import posix_of
from expectations.rows.predicates import COMPILERS

UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
_COMPARISONS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule decided by a row alone. `predicate_sql` is an expression over the typed columns, true where it fails."""

    code: str
    column: str
    columns: tuple[str, ...]
    predicate_sql: str


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """A rule decided across all parts of a batch: no two of the rows in `where_sql` agree in `columns`.

    All rows of a group that occurs more than once fail, the first one too.
    """

    code: str
    columns: tuple[str, ...]
    where_sql: str


def compile_rule(rule: Rule, columns: Mapping[str, str]) -> RowRule | UniqueRule:
    """Compile a rule for columns of these DuckDB types. ValueError, one sentence: it can't be done as it stands."""
    typed, kwargs = Columns(columns), rule.kwargs
    for name, value in kwargs.items():
        if isinstance(value, Mapping) and PARAMETER in value:
            raise ValueError(f"{name} is {PARAMETER}: a rule of single rows needs fixed arguments")
    condition = kwargs.get("row_condition")
    about = _condition_sql(condition, typed) if condition else None
    if rule.type in UNIQUE:
        unique = (kwargs["column"],) if "column" in kwargs else tuple(kwargs["column_list"])
        present = [typed.present(name) for name in unique]
        return UniqueRule(rule.code, unique, " AND ".join(([about] if about else []) + present))
    failed = COMPILERS[rule.type](kwargs, typed)
    return RowRule(rule.code, rule.columns[0], rule.columns, f"({about} AND {failed})" if about else failed)


def check_row_rules(suite: Suite, columns: Mapping[str, str]) -> list[RuleFault]:
    """What can't be compiled of `rows: quarantine`, and patterns that the warehouse would judge otherwise than memory: the
    place of each fault within the suite, and a sentence."""
    faults: list[RuleFault] = []
    for position, rule in enumerate(suite.expectations):
        if rule.rows is not None:
            try:
                compile_rule(rule, columns)
            except ValueError as error:
                faults.append((("expectations", position, "kwargs"), str(error)))
            continue
        patterns = [rule.kwargs.get("regex"), *(rule.kwargs.get("regex_list") or ())]
        for pattern in patterns:
            try:
                if isinstance(pattern, str):
                    posix_of(pattern)
            except ValueError as error:
                told = f"'{pattern}' could be judged otherwise in the warehouse than in memory: {error}"
                faults.append((("expectations", position, "kwargs"), told))
    return faults


def _condition_sql(condition: Mapping[str, Any], columns: Columns) -> str:
    """Which rows a rule is about: a boolean expression, never NULL. A row of which that can't be said isn't one of them.

    ValueError for a condition that isn't one of the library's.
    """
    kind = condition.get("type")
    if kind in ("and", "or"):
        parts = [_condition_sql(part, columns) for part in condition["conditions"]]
        return "(" + f" {kind.upper()} ".join(parts) + ")"
    name = condition["column"]["name"]
    if kind == "nullity":
        return f"(NOT {columns.present(name)})" if condition["is_null"] else columns.present(name)
    return f"({columns.present(name)} AND {_comparison(name, condition, columns)})"


def _comparison(name: str, condition: Mapping[str, Any], columns: Columns) -> str:
    operator, value = str(condition["operator"]), condition["parameter"]
    if operator in ("IN", "NOT_IN"):
        values = ", ".join(columns.literal(name, item) for item in value)
        return f"{identifier(name)} {operator.replace('_', ' ')} ({values})"
    return f"{identifier(name)} {_COMPARISONS[operator]} {columns.literal(name, value)}"
