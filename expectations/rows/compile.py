"""Rules of single rows compiled to DuckDB, with the same verdict on every row as Great Expectations on pandas.

A predicate is true where a row FAILS and never NULL. A row without a value passes, except where having one is the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.declarations.rule_faults import PARAMETER, RuleFault
from deployments.declarations.suite import Rule, Suite
from expectations.rows.conditions import condition_sql
from expectations.rows.literals import Columns
from expectations.rows.posix import posix_of
from expectations.rows.predicates import COMPILERS

UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")


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
    about = condition_sql(condition, typed) if condition else None
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
