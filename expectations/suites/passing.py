"""Rules that a batch passes, told by DuckDB without Great Expectations: importing the library takes longer than most checks.

Rules of single rows and of keys are compiled as for `rows: quarantine`, counts of rows and of different values are counted.
Only a pass is told here, with the figures and words that the library's result would have; a rule that any row breaks, and
whatever else can't be said for certain, is left to the library.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from deployments.declarations.rule_faults import PARAMETER
from deployments.declarations.suite import Rule
from expectations.contract.batch_check import may_repeat
from expectations.contract.engine import single
from expectations.contract.quoting import identifier
from expectations.contract.seen import COUNTED_VALUES, Asked
from expectations.rows.compile import UNIQUE, RowRule, UniqueRule, compile_rule
from expectations.suites.arguments import ColumnKind, arguments_of
from expectations.suites.frames import is_wide_decimal
from expectations.suites.outcome import RuleOutcome
from expectations.suites.verdicts import Judge

_ROWS_BETWEEN, _ROWS_EQUAL = "expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"
_VALUES_BETWEEN = "expect_column_unique_value_count_to_be_between"
_VALUES_AMONG = "expect_column_distinct_values_to_be_in_set"
_COUNTABLE = ("VARCHAR", "SMALLINT", "INTEGER", "BIGINT", "BOOLEAN")


@dataclass(frozen=True, slots=True)
class Rows:
    """The accepted rows of a batch: SQL after FROM, how many there are, and the DuckDB types of their columns."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    count: int
    types: Mapping[str, str]
    as_frame: bool
    """Whether the library would judge them as a DataFrame, where wide decimals have their own bounds."""
    broken: frozenset[str] | None = None
    """Codes of the asked rules that a row breaks, where that is known already."""
    known_values: dict[str, Collection[Any]] = field(default_factory=dict, repr=False)
    """What `values` returns of a column, where that is known already."""

    def kinds(self) -> dict[str, ColumnKind]:
        return {name: _kind(kind, as_frame=self.as_frame) for name, kind in self.types.items()}

    def values(self, column: str) -> Collection[Any]:
        """The different values of a column, and more than are counted where it has more; read once for all rules. A column
        of more different values is left to the library."""
        if column not in self.known_values:
            name = identifier(column)
            select = f"SELECT DISTINCT {name} FROM {self.relation} WHERE {name} IS NOT NULL LIMIT {COUNTED_VALUES + 1}"
            self.known_values[column] = [value for (value,) in self.connection.execute(select).fetchall()]
        return self.known_values[column]


def may_pass(rule: Rule, types: Mapping[str, str]) -> bool:
    """Whether a pass of the rule can be told here. The others need the library whatever the rows are."""
    return rule.on != "candidate" and _asked(rule, types) is not None


def asked_of(rules: Sequence[Rule], types: Mapping[str, str]) -> Asked:
    """What is to be asked of the accepted rows of a part: the rules that a single row can break and that set none aside, and the
    columns whose different values a rule counts."""
    asked = [(rule, _asked(rule, types)) for rule in rules if rule.rows != "quarantine" and rule.on != "candidate"]
    counted = (rule.kwargs["column"] for rule, how in asked if how and rule.type in (_VALUES_BETWEEN, _VALUES_AMONG))
    return Asked(tuple(how for _, how in asked if isinstance(how, RowRule)), tuple(dict.fromkeys(counted)))


def passing(
    rules: Sequence[Rule], rows: Rows, *, masked: Collection[str], parameters: Mapping[str, Any]
) -> dict[str, RuleOutcome]:
    """The outcome by code of each rule that the rows are known to pass."""
    judge = Judge(rows=rows.count, masked=frozenset(masked), mask_key=b"", seconds=0.0)
    asked = {rule.code: _asked(rule, rows.types) for rule in rules}
    broken = _broken_by_a_row(rows, [item for item in asked.values() if isinstance(item, RowRule)], rules)
    found: dict[str, RuleOutcome] = {}
    for rule in rules:
        compiled = asked[rule.code]
        if compiled is None or rule.code in broken:
            continue
        if isinstance(compiled, UniqueRule):
            passed, observed = _no_key_twice(rows, rule, compiled), None
        elif isinstance(compiled, RowRule):
            passed, observed = True, None
        else:
            passed, observed = compiled(rows)
        if passed:
            kwargs = arguments_of(rule, rows.kinds(), parameters)
            found[rule.code] = judge.passed(rule, kwargs, observed)
    return found


Counted = Callable[[Rows], tuple[bool, Any]]


def _asked(rule: Rule, types: Mapping[str, str]) -> RowRule | UniqueRule | Counted | None:
    """How a rule is asked here; None where it can't be."""
    kwargs = rule.kwargs
    if kwargs.get("row_condition") or any(
        isinstance(value, Mapping) and PARAMETER in value for value in kwargs.values()
    ):
        return None
    if rule.type in (_ROWS_BETWEEN, _ROWS_EQUAL):
        return lambda rows: (_within(rows.count, kwargs), rows.count)
    if rule.type == _VALUES_BETWEEN and types.get(kwargs["column"]) in _COUNTABLE:
        return lambda rows: _different(rows, kwargs, lambda values: (_within(len(values), kwargs), len(values)))
    if rule.type == _VALUES_AMONG and types.get(kwargs["column"]) == "VARCHAR" and _texts(kwargs.get("value_set")):
        among = set(kwargs["value_set"])
        return lambda rows: _different(rows, kwargs, lambda values: (among.issuperset(values), None))
    if rule.signature.kind != "row-map" and rule.type not in UNIQUE:
        return None
    try:
        return compile_rule(rule, types)
    except (ValueError, KeyError):
        return None


def _texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)


def _within(found: int, kwargs: Mapping[str, Any]) -> bool:
    """Whether a count is as a rule wants it; False also where its arguments say nothing that is understood here."""
    if "value" in kwargs:
        return bool(found == kwargs["value"])
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if any(bound is not None and type(bound) is not int for bound in (low, high)):
        return False
    above = low is None or found > low or (found == low and not kwargs.get("strict_min"))
    below = high is None or found < high or (found == high and not kwargs.get("strict_max"))
    return above and below


def _broken_by_a_row(rows: Rows, compiled: Sequence[RowRule], rules: Sequence[Rule]) -> set[str]:
    """The codes of rules that some row breaks, in one pass. Rows that break a rule with `rows: quarantine` are set aside."""
    kept = {rule.code for rule in rules if rule.rows == "quarantine"}
    asked = [item for item in compiled if item.code not in kept]
    if rows.broken is not None:
        return set(rows.broken)
    if not asked or not rows.count:
        return set()
    figures = ", ".join(f"bool_or({item.predicate_sql})" for item in asked)
    found = single(rows.connection, f"SELECT {figures} FROM {rows.relation}")
    return {item.code for item, broken in zip(asked, found, strict=True) if broken}


def _no_key_twice(rows: Rows, rule: Rule, compiled: UniqueRule) -> bool:
    if rule.rows == "quarantine" or not rows.count:
        return True
    columns = ", ".join(map(identifier, compiled.columns))
    return not may_repeat(rows.connection, f"{rows.relation} WHERE {compiled.where_sql}", columns)


def _different(
    rows: Rows, kwargs: Mapping[str, Any], judged: Callable[[Collection[Any]], tuple[bool, Any]]
) -> tuple[bool, Any]:
    values = rows.values(kwargs["column"])
    return judged(values) if len(values) <= COUNTED_VALUES else (False, None)


def _kind(kind: str, *, as_frame: bool) -> ColumnKind:
    if kind in ("DATE", "TIMESTAMP"):
        return "moment"
    if kind == "TIMESTAMPTZ":
        return "moment with zone"
    return "decimal" if as_frame and is_wide_decimal(kind) else "other"
