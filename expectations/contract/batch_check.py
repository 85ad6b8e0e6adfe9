"""What can only be said of the whole batch: keys that occur twice across parts, and whether too many rows failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import duckdb

from deployments.declarations.suite import Suite
from deployments.declarations.table import Table, share
from deployments.errors import ToleranceError
from expectations.contract.engine import single
from expectations.contract.fields import raw_fields
from expectations.contract.layout import Layout
from expectations.contract.part_check import CheckedPart, Quarantined, typed_relation
from expectations.contract.quoting import identifier, ours
from expectations.profile.spelling import pattern
from expectations.rows.compile import UniqueRule

_SPELLED, _LONGEST_SPELLING = 1_000, 40
MIN_TOLERATED_ROWS = 1
"""A share of a small batch may be less than one row; one bad row among few is set aside, not a reason to stop."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row to be set aside since its key occurs again: its part, and its place (from 0) among the accepted rows."""

    part: int
    index: int
    code: str
    column: str


def unique_rules(table: Table, rules: Sequence[UniqueRule]) -> list[UniqueRule]:
    """The uniqueness rules of a batch: the key (unless the latest row of a key is kept), and the suite's own."""
    found = list(rules)
    if table.key:
        columns = table.key
        code = "DUPLICATE-KEY"
        if table.load.keep is not None:
            columns, code = (*table.key, table.load.keep.latest_by), "KEY-TIE"
        found.insert(0, UniqueRule(code, columns, "true"))
    return found


def repeated_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[CheckedPart],
    rules: Sequence[UniqueRule],
    delimiter: str,
    null_marker: str,
) -> list[Repeated]:
    """Every row whose key occurs more than once in the batch, for each rule; all rows of a key fail.

    The first question is only whether there are any: it needs one pass and, for most batches, is the last.
    """
    files = [part.path for part in parts if part.accepted]
    found: dict[tuple[int, int], Repeated] = {}
    for rule in rules:
        if not files:
            break
        columns = ", ".join(map(identifier, rule.columns))
        relation = typed_relation(table, files, delimiter, null_marker)
        if not _may_repeat(connection, f"{relation} WHERE {rule.where_sql}", columns):
            continue
        for item in _locate(connection, table, parts, rule, delimiter, null_marker):
            found.setdefault((item.part, item.index), item)
    return sorted(found.values(), key=lambda item: (item.part, item.index))


def key_repeats(
    connection: duckdb.DuckDBPyConnection, table: Table, parts: Sequence[CheckedPart], delimiter: str, null_marker: str
) -> bool:
    """Whether any key occurs twice among the accepted rows (then only its latest row is published)."""
    files = [part.path for part in parts if part.accepted]
    if not files or not table.key:
        return False
    columns, relation = ", ".join(map(identifier, table.key)), typed_relation(table, files, delimiter, null_marker)
    return _may_repeat(connection, relation, columns) and _repeats(connection, relation, columns)


def _may_repeat(connection: duckdb.DuckDBPyConnection, rows: str, columns: str) -> bool:
    """Whether any key could occur twice: two of them have the same hash. Keys as such need several times the memory, and
    with it the disk."""
    return _repeats(connection, rows, f"hash({columns})")


def _repeats(connection: duckdb.DuckDBPyConnection, rows: str, by: str) -> bool:
    """Whether any two rows (SQL after FROM) agree in `by`."""
    (found,) = single(
        connection, f"SELECT count(*) FROM (SELECT 1 FROM {rows} GROUP BY {by} HAVING count(*) > 1 LIMIT 1)"
    )
    return bool(found)


def judge_tolerance(
    table: Table,
    suite: Suite,
    extracted: int,
    reasons: Mapping[str, int],
    failed_rows: Iterable[Quarantined] = (),
    layout: Layout | None = None,
) -> None:
    """Raise ToleranceError when a rule's rows, or all rows set aside, exceed what is declared.

    It names the first records of each reason and, by the `layout`, how their values are spelled (9.999,99), never a value: the
    batch leaves nothing in quarantine to look at.
    """
    if not extracted:
        return
    counts = Counter(reasons)
    over: list[str] = []
    for rule in suite.expectations:
        failed = counts.get(rule.code, 0)
        if rule.tolerance is not None and failed > _tolerated(rule.tolerance, extracted):
            over.append(f"{rule.code}: {failed:,} of {extracted:,} rows ({failed / extracted:.1%}), "
                        f"tolerated {rule.tolerance:.1%}")  # fmt: skip
    total = sum(counts.values())
    limit = share(table.load.tolerance)
    if total > _tolerated(limit, extracted):
        listing = ", ".join(f"{code} {count:,}" for code, count in counts.most_common(6))
        over.append(
            f"all reasons: {total:,} of {extracted:,} rows ({total / extracted:.1%}), tolerated {limit:.1%}: {listing}"
        )
    if over:
        told = [*over, *_first_of_each(failed_rows, table, layout), "Nothing was published."]
        error = ToleranceError(
            f"{table.table}: more rows fail than are tolerated\n  " + "\n  ".join(told),
            code="TOLERANCE",
            next_command="headgate retry RUN   (when the source is mended)",
            reasons=dict(counts),
            extracted=extracted,
        )
        # A source hardly breaks all of its rows at once: what doesn't fit is how they are read.
        none_fits = total >= extracted > 1
        raise (
            error.for_engineer("headgate peek SOURCE   (how it is spelled, and which conversions it needs)")
            if none_fits
            else error
        )


def _first_of_each(failed: Iterable[Quarantined], table: Table, layout: Layout | None) -> Iterator[str]:
    """Where to look: the first records of each reason, counted from 1 after the header, as they came, and their spellings."""
    found: dict[tuple[str, str | None], list[Quarantined]] = {}
    for row in failed:
        found.setdefault((row.code, row.column), []).append(row)
    for (code, column), rows in islice(sorted(found.items(), key=lambda item: -len(item[1])), 3):
        shown = ", ".join(f"{record:,}" for record in sorted(row.record + 1 for row in rows)[:5])
        more = ", ..." if len(rows) > 5 else ""
        told = f"{code}{f' in {column}' if column else ''}: record{'s' * (len(rows) > 1)} {shown}{more} of the source"
        yield told + _spellings(rows, column, table, layout)


def _spellings(rows: Sequence[Quarantined], column: str | None, table: Table, layout: Layout | None) -> str:
    """The commonest spellings of the values that failed, as patterns: 9 a digit, A and a letters."""
    if column is None or layout is None or column in table.masked:
        return ""
    places = [place for place, known in zip(layout.positions, table.columns, strict=True) if known.name == column]
    counts: Counter[str] = Counter()
    for row in islice((row for row in rows if places and row.raw is not None), _SPELLED):
        fields = raw_fields(str(row.raw), layout.delimiter)
        if places[0] < len(fields):
            counts[pattern(fields[places[0]].strip('"'))[:_LONGEST_SPELLING]] += 1
    if not counts:
        return ""
    return ", written as " + ", ".join(f"{shape or '(nothing)'}" for shape, _ in counts.most_common(4))


def _tolerated(share_of_rows: float, extracted: int) -> float:
    """How many rows may fail; a declared 0% is meant, and nothing but a declared 100% lets a batch end empty."""
    if share_of_rows in (0, 1):
        return share_of_rows * extracted
    return min(max(MIN_TOLERATED_ROWS, share_of_rows * extracted), extracted - 1)


def _locate(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[CheckedPart],
    rule: UniqueRule,
    delimiter: str,
    null_marker: str,
) -> list[Repeated]:
    columns = ", ".join(map(identifier, rule.columns))
    everything = ", ".join(identifier(column.name) for column in table.columns)
    number, place, whole, counted = map(ours, ("part", "place", "whole", "counted"))
    connection.execute("DROP TABLE IF EXISTS keyed")
    for position, part in enumerate(part for part in parts if part.accepted):
        select = (
            f"SELECT {part.number} AS {number}, row_number() OVER () - 1 AS {place}, {columns}, "
            f"hash({everything}) AS {whole}, ({rule.where_sql}) AS {counted} "
            f"FROM {typed_relation(table, [part.path], delimiter, null_marker)}"
        )
        connection.execute(f"CREATE TEMP TABLE keyed AS {select}" if position == 0 else f"INSERT INTO keyed {select}")
    # Rows of a tie that are the same in every column are one row delivered twice: the latest-row rule drops the rest.
    same = f"AND count(DISTINCT {whole}) > 1" if rule.code == "KEY-TIE" else ""
    rows = connection.execute(
        f"SELECT {number}, {place} FROM keyed SEMI JOIN (SELECT {columns} FROM keyed WHERE {counted} GROUP BY {columns} "
        f"HAVING count(*) > 1 {same}) USING ({columns}) WHERE {counted} ORDER BY ALL"
    ).fetchall()
    connection.execute("DROP TABLE keyed")
    return [Repeated(int(part), int(index), rule.code, rule.columns[0]) for part, index in rows]
