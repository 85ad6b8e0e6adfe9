"""Validate: contract, row rules and uniqueness over every row; the suite and the profile of the batch.

Runs before the stage. A batch too large for memory is judged by its suite on the candidate, before publish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from deployments.errors import HeadgateError
from expectations.contract.batch_check import Repeated, judge_tolerance, key_repeats, repeated_rows, unique_rules
from expectations.contract.checksum import Checksum
from expectations.contract.engine import connect, memory_for
from expectations.contract.layout import Layout, emptied, lay_out
from expectations.contract.part_check import CheckedPart
from expectations.contract.reasons import sentence
from expectations.contract.staged_rows import typed_relation
from expectations.profile.measure import stable_columns
from expectations.profile.sampling import SAMPLED, Sampling
from expectations.record import QuarantineReason
from expectations.suites.sentences import sentence as rule_sentence
from tasks import ahead
from tasks.assess import Assessment, assess, profile_columns, profile_key
from tasks.batch import Batch, Extracted, Validated, reason_counts
from tasks.in_place import unparsed
from tasks.part_checks import Checkers, batch_rules, null_marker
from tasks.part_workers import dask_pool
from tasks.step import step
from tasks.unplaced import sentence as sentence_of_unplaced
from tasks.workbench import workbench

EXAMPLES = 5
"""Rows of a reason that are shown."""
EXAMPLE_CHARACTERS = 200
NAMES_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class _Judged:
    """The parts of a batch without the rows whose key comes twice, how many rows were set aside and why, and what was found."""

    parts: list[CheckedPart]
    keys_repeat: bool
    quarantined: int
    reasons: tuple[QuarantineReason, ...]
    verdict: Assessment


@step("validate", retries=0)
def validate(batch: Batch, extracted: Extracted) -> Validated:
    with batch.attributed():
        return check_batch(batch, extracted)


def check_batch(batch: Batch, extracted: Extracted) -> Validated:
    """Check the spooled parts. Raises ContractError, ToleranceError or CheckFailedError.

    Running it again reads the raw parts again and writes the same clean ones.
    """
    bench = workbench()
    table, suite = bench.project.table(batch.table), bench.project.suite(batch.table)
    if extracted.objects:
        return unparsed(table, extracted)
    if table.hashed:
        bench.settings.hashing_key(table.table)
    marker = null_marker(table, bench.warehouse)
    layout = _layout(table, extracted)
    row_rules, unique = batch_rules(table, suite, batch.window)
    with dask_pool() as pool, Checkers(batch, table, layout, row_rules, marker, bench, pool) as checkers:
        parts, sampling, early = _check_all(checkers, batch, table, layout, marker, extracted)
        with checkers.engine(extracted.rows) as connection:

            def judged(parts: list[CheckedPart], repeats: Sequence[Repeated]) -> _Judged:
                if repeats:
                    ahead.discard(batch)
                    excluded: dict[int, dict[int, str]] = {}
                    for item in repeats:
                        excluded.setdefault(item.part, {})[item.index] = f"{item.code}|{item.column}"
                    parts = checkers.check(extracted.parts, excluded, known=parts)
                keys_repeat = table.load.keep is not None and key_repeats(
                    connection, table, parts, layout.delimiter, marker
                )
                counts = reason_counts(tuple(parts))
                names = layout.delimiter.join(layout.header)[:NAMES_CHARACTERS]
                reasons = reasons_of(suite, counts, examples_of(table, parts), _printable(names))
                by_code: dict[str, int] = {}
                for (code, _), rows in counts.items():
                    by_code[code] = by_code.get(code, 0) + rows
                with _telling(reasons):
                    if not batch.overridden("TOLERANCE"):
                        failed = (row for part in parts for row in part.quarantined)
                        judge_tolerance(table, suite, extracted.rows, by_code, failed, layout)
                    verdict = assess(
                        batch, table, suite, connection, parts, layout.delimiter, marker, keys_repeat=keys_repeat,
                        sampling=sampling,
                    )  # fmt: skip
                return _Judged(parts, keys_repeat, sum(counts.values()), reasons, verdict)

            found = None
            index = ahead.key_index(batch) if unique and unique == unique_rules(table, []) else None
            if index is not None:
                # It says whether a key comes twice: until it is there, the batch is judged as if none did. What fails is told
                # below, with the rows set aside that have such a key.
                with suppress(HeadgateError):
                    found = judged(parts, ())
            if index is None or found is None or not index.result():
                found = judged(parts, repeated_rows(connection, table, parts, unique, layout.delimiter, marker))
    parts, verdict = found.parts, found.verdict
    checksum = sum((part.checksum for part in parts), Checksum.empty(len(table.columns)))
    return Validated(
        parts=tuple(parts),
        delimiter=layout.delimiter,
        null_marker=marker,
        checksum=checksum,
        extracted=extracted.rows,
        quarantined=found.quarantined,
        reasons=found.reasons,
        keys_repeat=found.keys_repeat,
        checked_in_memory=verdict.in_memory,
        warnings=(*layout.warnings, *_emptied(table, layout, checksum), *_without_window(table, extracted)),
        rules=verdict.rules,
        profile=None if verdict.profile is None else verdict.profile | {"unfinished": extracted.unfinished},
        where=extracted.where,
        fingerprint=extracted.fingerprint,
        header=extracted.header,
        early=early,
    )


def _check_all(
    checkers: Checkers, batch: Batch, table: Table, layout: Layout, marker: str, extracted: Extracted
) -> tuple[list[CheckedPart], Sampling | None, int]:
    """Check every part that wasn't while the batch was read; returns how many were. Of a large batch the first part tells which
    columns make a row's mark; the sample that the profile is measured of is kept while the others are checked.
    """
    done = ahead.checked(batch, extracted.parts)
    first = checkers.check(extracted.parts[:1]) if done is None else list(done.parts[:1])
    if extracted.rows > SAMPLED and first[0].accepted:
        columns, relation = profile_columns(table), typed_relation(table, [first[0].path], layout.delimiter, marker)
        with closing(connect(batch.spool / "duckdb", memory_mb=memory_for(len(table.columns)))) as connection:
            stable = None if done is None else done.stable
            if stable is None:
                stable = stable_columns(connection, relation, columns, key=profile_key(workbench(), batch))
            checkers.sampling = Sampling(columns, stable, extracted.rows)
            first = [replace(first[0], sample=checkers.sampling.write(connection, relation, first[0].path))]
    others = checkers.check(extracted.parts[1:]) if done is None else done.parts[1:]
    return [*first, *others], checkers.sampling, 0 if done is None else done.early


def _emptied(table: Table, layout: Layout, checksum: Checksum) -> tuple[str, ...]:
    empty = [column.source_name for column, values in zip(table.columns, checksum.values, strict=True) if not values]
    return emptied(table, layout, empty) if checksum.rows else ()


def _without_window(table: Table, extracted: Extracted) -> tuple[str, ...]:
    return (sentence_of_unplaced(table, extracted.unplaced),) if extracted.unplaced else ()


def _layout(table: Table, extracted: Extracted) -> Layout:
    if extracted.missing:
        return Layout(
            tuple(c.source_name for c in table.columns), tuple(range(len(table.columns))), extracted.delimiter
        )
    return lay_out(table, extracted.header, extracted.delimiter, extracted.where)


def reasons_of(
    suite: Suite, counts: Mapping[tuple[str, str | None], int],
    examples: Mapping[tuple[str, str | None], Sequence[str]] = MappingProxyType({}), names: str = "",
) -> tuple[QuarantineReason, ...]:  # fmt: skip
    """Rows set aside by (code, column), the commonest first, each with its sentence and its examples, of fields with `names`."""
    found = []
    for (code, column), rows in sorted(counts.items(), key=lambda item: (-item[1], item[0][0])):
        rule = suite.rule(code)
        text = sentence(code, column, None if rule is None else rule_sentence(rule))
        shown = tuple(examples.get((code, column), ()))
        found.append(
            QuarantineReason(
                code=code, column=column, rows=rows, sentence=text, examples=shown, names=names if shown else ""
            )
        )  # fmt: skip
    return tuple(found)


def examples_of(table: Table, parts: Iterable[CheckedPart]) -> dict[tuple[str, str | None], list[str]]:
    """A few rows of each reason as they arrived, EXAMPLE_CHARACTERS at most of each. None where columns are masked: what was
    set aside may have its values in other places than the contract says.
    """
    found: dict[tuple[str, str | None], list[str]] = {}
    for part in parts if not table.masked else ():
        for row in part.quarantined:
            known = found.setdefault((row.code, row.column), [])
            if row.raw is not None and len(known) < EXAMPLES:
                known.append(_printable(row.raw[:EXAMPLE_CHARACTERS].rstrip("\r\n")))
    return found


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


@contextmanager
def _telling(reasons: tuple[QuarantineReason, ...]) -> Iterator[None]:
    """A batch that fails its checks tells what had been set aside of it: nothing else is kept of it."""
    try:
        yield
    except HeadgateError as error:
        error.facts["set_aside"] = reasons
        raise
