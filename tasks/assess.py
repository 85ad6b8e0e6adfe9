"""Assess a batch as a whole: its suite in memory while it fits, and its profile."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from deployments.declarations.columns import Column
from deployments.declarations.kinds import KINDS, Measured
from deployments.declarations.suite import Rule, Suite
from deployments.declarations.table import Table
from deployments.errors import CheckFailedError
from deployments.windows import Window
from expectations.contract.checksum import Checksum
from expectations.contract.lexical import duckdb_type
from expectations.contract.part_check import CheckedPart
from expectations.contract.quoting import identifier, literal
from expectations.contract.staged_rows import typed_relation
from expectations.profile.model import ColumnKind
from expectations.profile.sampling import Sampling
from expectations.record import Drift, RuleResult
from expectations.report.actions import KEY
from expectations.suites.outcome import RuleOutcome
from expectations.suites.passing import Rows, may_pass, passing
from expectations.suites.sentences import sentence
from tasks.batch import Batch
from tasks.overrides import marked
from tasks.workbench import Workbench, workbench

if TYPE_CHECKING:
    import duckdb


MAX_CELLS_IN_MEMORY = 6_000_000
"""Rows times columns up to which a batch is judged as a DataFrame (about 50 bytes a cell)."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found; `in_memory` says whether the suite's rules have been judged already."""

    in_memory: bool
    rules: tuple[RuleResult, ...]
    profile: dict[str, object] | None = None
    drift: Drift | None = None


def assess(
    batch: Batch,
    table: Table,
    suite: Suite,
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[CheckedPart],
    delimiter: str,
    null_marker: str,
    *,
    keys_repeat: bool,
    sampling: Sampling | None = None,
) -> Assessment:
    """Judge the accepted rows. Raises CheckFailedError with the assessment as fact `assessment`.

    Of a batch that is too large for memory, rules that it passes for certain are told; the others wait for the candidate.
    `sampling`: which of the rows kept while the parts were checked the profile is measured of.
    """
    files = [part.path for part in parts if part.accepted]
    rows = sum(part.accepted for part in parts)
    relation = typed_relation(table, files, delimiter, null_marker)
    in_memory = rows * len(table.columns) <= MAX_CELLS_IN_MEMORY
    parameters = suite_parameters(batch.window, rows)
    rules = suite.in_memory(masked=table.hashed) if in_memory else suite.on_batch(masked=table.hashed)
    # Of a batch that isn't judged in memory, the candidate holds only the latest row of each key.
    asked = rules if in_memory or not keys_repeat else rules.model_copy(update={"expectations": ()})
    known = Rows(connection, relation, rows, column_types(table), in_memory, _broken(parts), _values(parts))
    outcomes = judge_rows(table, asked, known, parameters)
    told = [outcomes[rule.code] for rule in rules.expectations if rule.code in outcomes]
    results = results_of(told, rules, table.owner, "batch")
    checked = sum((part.checksum for part in parts), Checksum.empty(len(table.columns)))
    profile = _profile(batch, table, connection, relation, checked, _sampled(parts, sampling))
    assessment = Assessment(in_memory, marked(batch.overrides, results), profile)
    stop_on_failures(batch.title, batch.run_id, assessment)
    return assessment


def judge_rows(
    table: Table, rules: Suite, rows: Rows, parameters: Mapping[str, object]
) -> dict[str, RuleOutcome]:  # fmt: skip
    """The outcome by code of each rule: told by DuckDB where the rows are known to pass, by the library otherwise, if they fit
    into memory (`rows.as_frame`); the others are left out.
    """
    if not rules.expectations:
        return {}
    outcomes = passing(rules.expectations, rows, masked=table.masked, parameters=parameters)
    left = tuple(rule for rule in rules.expectations if rule.code not in outcomes)
    if rows.as_frame and left:
        chosen = rules.model_copy(update={"expectations": left})
        judged = _judge_frame(table, chosen, rows.connection, rows.relation, parameters)
        outcomes |= {outcome.code: outcome for outcome in judged}
    return outcomes


def stop_on_failures(what: str, run_id: str, assessment: Assessment) -> None:
    """Raise CheckFailedError when a critical rule failed, of a batch or a build; `what` was judged."""
    failed = [
        rule
        for rule in assessment.rules
        if rule.severity == "critical" and rule.outcome in ("fail", "error") and rule.overridden_by is None
    ]
    if failed:
        raise CheckFailedError(
            f"{what}: {len(failed)} critical check{'s' if len(failed) > 1 else ''} failed; nothing was published",
            listing=[f"{rule.code}: {rule.message}" for rule in failed],
            code="CHECK-FAILED",
            next_command=f"headgate show {run_id}",
            rules=[rule.code for rule in failed],
            assessment=assessment,
        )


def key_rule(key: Sequence[str]) -> Rule:
    """The declared key as a rule, where no other step proves it."""
    notes = "The declared key identifies a row."
    if len(key) == 1:
        return Rule(code=KEY, type="expect_column_values_to_be_unique", kwargs={"column": key[0]}, notes=notes)
    kwargs = {"column_list": list(key)}
    return Rule(code=KEY, type="expect_compound_columns_to_be_unique", kwargs=kwargs, notes=notes)


def suite_parameters(window: Window | None, rows: int) -> dict[str, object]:
    """What a rule may ask for by `$PARAMETER`: `now` (the window's end, else this moment), `source_rows`, and
    `window` and `baseline` (the span of the same length before it) as pairs of UTC moments."""
    if window is None:
        return {"now": datetime.now(UTC).isoformat(), "source_rows": rows}
    before = window.start - (window.end - window.start)
    return {
        "now": window.end.isoformat(), "source_rows": rows,
        "window": [window.start.isoformat(), window.end.isoformat()],
        "baseline": [before.isoformat(), window.start.isoformat()],
    }  # fmt: skip


def results_of(
    outcomes: Iterable[RuleOutcome], suite: Suite, owner: str, place: Literal["batch", "candidate", "input"]
) -> tuple[RuleResult, ...]:
    """Outcomes of a suite's rules as they stand in the record."""
    found = []
    for result in outcomes:
        rule = suite.rule(result.code)
        found.append(
            RuleResult(
                code=result.code, type=result.type, severity=result.severity, outcome=result.outcome, place=place,
                sentence=sentence(rule, result.kwargs) if rule else result.type,
                owner=(rule.owner if rule else None) or owner, notes=rule.notes if rule else None,
                column=result.column, expected=result.expected, observed=result.observed,
                rows_checked=result.rows_checked, rows_failed=result.rows_failed,
                failing_keys=tuple(dict(key) for key in result.keys), message=result.message,
            )
        )  # fmt: skip
    return tuple(found)


def _judge_frame(
    table: Table,
    rules: Suite,
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, object],
) -> tuple[RuleOutcome, ...]:
    from expectations.suites.frames import columns_needed, frame_of
    from expectations.suites.run import run_suite
    from expectations.suites.targets import InMemoryBatch

    needed = columns_needed(rules, table.key, [column.name for column in table.columns])
    frame = frame_of(connection.sql(f"SELECT {', '.join(map(identifier, needed))} FROM {relation}"))
    return run_suite(
        rules,
        InMemoryBatch(frame),
        key=table.key,
        masked=table.masked,
        mask_key=workbench().pii_key or b"",
        parameters=parameters,
    ).rules


def column_types(table: Table) -> dict[str, str]:
    """The DuckDB type of each column."""
    return {column.name: duckdb_type(column.column_type) for column in table.columns}


def needs_library(table: Table, suite: Suite) -> bool:
    """Whether some rule of the suite is judged by Great Expectations whatever the rows are."""
    types = column_types(table)
    in_place = table.load.stage == "in_place"
    return any(in_place or rule.on == "both" or not may_pass(rule, types) for rule in suite.expectations)


def profile_kind(column: Column) -> Measured:
    """What a profile measures of a column."""
    return KINDS[column.column_type.kind].measured


def profile_columns(table: Table) -> tuple[ColumnKind, ...]:
    """The columns of a table as its profile knows them."""
    return tuple(
        ColumnKind(column.name, profile_kind(column), masked=column.name in table.masked) for column in table.columns
    )


def profile_key(bench: Workbench, batch: Batch) -> str:
    """What the hashes of masked columns are salted with in a profile: as long as a table keeps its key, figures compare."""
    return (bench.key_of(batch) or b"").decode(errors="ignore")


def _sampled(parts: Sequence[CheckedPart], sampling: Sampling | None) -> str | None:
    """A relation of the rows kept for the profile while the parts were checked; None where a part has kept none."""
    samples = [part.sample for part in parts if part.accepted]
    if sampling is None or not samples or None in samples:
        return None
    kept = f"read_parquet([{', '.join(literal(str(sample)) for sample in samples)}])"
    return f"({sampling.narrow_sql(kept)})"


def _broken(parts: Sequence[CheckedPart]) -> frozenset[str] | None:
    """Codes of the suite's rules of single rows that some accepted row breaks; None where a part wasn't asked."""
    found: set[str] = set()
    for part in parts:
        if part.broken is None:
            return None
        found |= part.broken
    return frozenset(found)


def _values(parts: Sequence[CheckedPart]) -> dict[str, Collection[object]]:
    """The different values of columns of which every part has told them."""
    told = [part.values for part in parts if part.accepted]
    columns = set[str].intersection(*map(set, told)) if told else ()
    return {column: frozenset().union(*(values[column] for values in told)) for column in columns}


def _profile(
    batch: Batch,
    table: Table,
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    checked: Checksum,
    sampled: str | None,
) -> dict[str, object] | None:
    from expectations.profile import measure

    if not checked.rows:
        return None
    return measure(
        connection, relation, profile_columns(table), key=profile_key(workbench(), batch),
        counted=(checked.rows, checked.values), sampled=sampled,
    ).to_json()  # fmt: skip
