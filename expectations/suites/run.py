"""Run a suite with Great Expectations: every rule judged, and a crash of a check never mistaken for bad data.

Two passes. The first gives every rule's verdict, counts and figures without fetching a value; the second fetches the
keys of some failing rows, for the rules that have any.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.declarations.signatures import MAP_KINDS
from deployments.declarations.suite import Rule, Suite
from deployments.errors import RetryableError
from expectations.suites.arguments import arguments_of, in_warehouse
from expectations.suites.batches import Opened, opened
from expectations.suites.faults import fault_of, is_lost_connection, reason
from expectations.suites.keys import ASKED, asked_keys, listed_keys
from expectations.suites.library import context, great_expectations
from expectations.suites.outcome import SuiteOutcome
from expectations.suites.targets import Target, WarehouseTable
from expectations.suites.verdicts import Judge

DEFAULT_SAMPLE = 20
_COUNT = -1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule with the arguments of this run. `expectation` is None when it can't be run, for the `fault` told."""

    rule: Rule
    kwargs: Mapping[str, Any]
    expectation: Any = None
    fault: str | None = None


def run_suite(
    suite: Suite,
    target: Target,
    *,
    key: Sequence[str] = (),
    masked: Collection[str] = (),
    parameters: Mapping[str, Any] | None = None,
    sample: int = DEFAULT_SAMPLE,
    mask_key: bytes = b"",
) -> SuiteOutcome:
    """Judge the target by every rule of the suite.

    `key` names the columns that identify a row, `masked` those whose values must not be shown; `mask_key` hashes masked
    key values (without it they are withheld). `parameters` fill `$PARAMETER` arguments. At most `sample` keys a rule.
    Raises only what keeps every rule from being judged: CodeError for a table that isn't there, RetryableError for a
    warehouse that can't be reached or goes away.
    """
    called = time.perf_counter()
    context()
    started = time.perf_counter()
    with opened(target) as batch:
        prepared = [_prepare(rule, batch, parameters or {}) for rule in suite.expectations]
        first = _pass(batch, prepared, {"result_format": "BASIC", "partial_unexpected_count": 0}, count_rows=True)
        asked_seconds = time.perf_counter() - started
        if any(is_lost_connection(fault_of(result)) for result in first.values()):
            raise RetryableError(
                "The connection to the warehouse was lost while the checks ran.", code="CONNECTION-LOST", table=suite.table,
                next_command="headgate retry RUN",
            )  # fmt: skip
        rows = len(batch.frame) if batch.frame is not None else _row_count(first)
        # Without all of its columns a key tells nobody which row is meant.
        key = key if all(name in batch.columns for name in key) else ()
        failing = [
            position
            for position, item in enumerate(prepared)
            if key and item.rule.signature.kind in MAP_KINDS and _failed_rows(first.get(position))
        ]
        sampled = _samples(batch, target, prepared, failing, key, sample) if sample > 0 else {}
        judge = Judge(
            rows=rows,
            masked=frozenset(masked),
            mask_key=mask_key,
            seconds=asked_seconds / max(1, len(prepared)),
        )
        outcomes = tuple(
            judge.outcome(item.rule, item.kwargs, item.fault, first.get(position), sampled.get(position, ()))
            for position, item in enumerate(prepared)
        )
        return SuiteOutcome(
            suite.table, batch.name, rows, outcomes, time.perf_counter() - started, import_seconds=started - called
        )


def _prepare(rule: Rule, batch: Opened, parameters: Mapping[str, Any]) -> Prepared:
    in_memory = batch.frame is not None
    if not (rule.signature.memory if in_memory else rule.signature.warehouse):
        place = "in the warehouse" if rule.signature.warehouse else "in memory, and the batch isn't there"
        return Prepared(rule, rule.kwargs, fault=f"{rule.type} can only be run {place}")
    try:
        kwargs = arguments_of(rule, batch.columns, parameters)
    except LookupError as error:
        return Prepared(rule, rule.kwargs, fault=str(error.args[0]))
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        expectation = get_expectation_impl(rule.type)(**(kwargs if in_memory else in_warehouse(kwargs)))
    except (ValueError, TypeError) as error:
        # The library's models refuse an argument that `check` could not judge, such as a parameter's value.
        return Prepared(rule, kwargs, fault=reason(str(error), rule))
    return Prepared(rule, kwargs, expectation)


def _pass(
    batch: Opened, prepared: Sequence[Prepared], result_format: dict[str, Any], *, count_rows: bool = False
) -> dict[int, Any]:
    """Results by position of the rule: the library hands them back in an order of its own."""
    expectations = []
    for position, item in enumerate(prepared):
        if item.expectation is not None:
            expectations.append(item.expectation.copy(update={"meta": {"position": position}}))
    library = great_expectations()
    if count_rows and batch.frame is None:
        expectations.append(library.expectations.ExpectTableRowCountToBeBetween(min_value=0, meta={"position": _COUNT}))
    if not expectations:
        return {}
    suite = library.ExpectationSuite(name="headgate", expectations=expectations)
    results = batch.batch.validate(suite, result_format=result_format).results
    return {result.expectation_config.meta["position"]: result for result in results}


def _samples(
    batch: Opened,
    target: Target,
    prepared: Sequence[Prepared],
    failing: Sequence[int],
    key: Sequence[str],
    sample: int,
) -> dict[int, Sequence[Mapping[str, Any]]]:
    """Key values of some failing rows, by position of the rule."""
    if not failing:
        return {}
    result_format: dict[str, Any] = {
        "result_format": "SUMMARY",
        "exclude_unexpected_values": True,
        "partial_unexpected_count": sample,
    }
    if batch.frame is None:
        result_format["unexpected_index_column_names"] = list(key)
    asked = _pass(batch, [prepared[position] for position in failing], result_format)
    found: dict[int, Sequence[Mapping[str, Any]]] = {}
    for number, position in enumerate(failing):
        rule, result = prepared[position].rule, asked.get(number)
        if rule.type in ASKED and isinstance(target, WarehouseTable):
            found[position] = asked_keys(batch.engine, target, rule, key, sample)
        elif result is not None and not fault_of(result):
            listed = result.result.get("partial_unexpected_index_list") or []
            found[position] = listed_keys(listed, batch.frame, key, sample)
    return found


def _row_count(first: Mapping[int, Any]) -> int | None:
    counted = first.get(_COUNT)
    return None if counted is None or fault_of(counted) else int(counted.result["observed_value"])


def _failed_rows(result: Any) -> bool:
    return result is not None and not fault_of(result) and bool(result.result.get("unexpected_count"))
