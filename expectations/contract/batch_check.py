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
from deployments.quantities import plural
from expectations.contract.engine import single
from expectations.contract.fields import raw_fields
from expectations.contract.layout import Layout
from expectations.contract.part_check import CheckedPart
from expectations.contract.quarantined import Quarantined
from expectations.contract.quoting import identifier, ours
from expectations.contract.staged_rows import typed_relation
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
    key = [UniqueRule("DUPLICATE-KEY", table.key, "true")] if table.key and table.load.keep is None else []
    return [*key, *rules]


def repeated_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[CheckedPart],
    rules: Sequence[UniqueRule],
    delimiter: str,
    null_marker: str,
) -> list[Repeated]:
    """Every row whose key occurs more than once in the batch, for each rule; all rows of a key fail. Where the latest row of a
    key is kept, those that no order puts before or after the others.

    The first question is only whether there are any: it needs one pass and, for most batches, is the last.
    """
    files = [part.path for part in parts if part.accepted]
    found: dict[tuple[int, int], Repeated] = {}
    if table.load.keep is not None and files:
        for item in _undecided(connection, table, table.load.keep.latest_by, parts, delimiter, null_marker):
            found[item.part, item.index] = item
    for rule in rules:
        if not files:
            break
        columns = ", ".join(map(identifier, rule.columns))
        relation = typed_relation(table, files, delimiter, null_marker)
        if not may_repeat(connection, f"{relation} WHERE {rule.where_sql}", columns):
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
    return may_repeat(connection, relation, columns) and _repeats(connection, relation, columns)


def may_repeat(connection: duckdb.DuckDBPyConnection, rows: str, columns: str) -> bool:
    """Whether any key could occur twice: two of them have the same hash. Keys as such need several times the memory, and
    with it the disk."""
    return _repeats(connection, rows, f"hash({columns})")


def _repeats(connection: duckdb.DuckDBPyConnection, rows: str, by: str) -> bool:
    """Whether any two rows (SQL after FROM) agree in `by`."""
    (found,) = single(
        connection, f"SELECT count(*) FROM (SELECT 1 FROM {rows} GROUP BY {by} HAVING count(*) > 1 LIMIT 1)"
    )
    return bool(found)


WRITTEN_WRONG = frozenset({"KEY-TWICE", "NOT-JSON-VALUE", "HALF-CHARACTER", "NUL-BYTE"})
"""Reasons that stand whatever is declared: no other encoding, dialect or conversion would make such a record fit."""


def written_wrong(reasons: Mapping[str, int]) -> bool:
    """Whether most of the rows set aside are the source's to mend, not the declaration's."""
    return 2 * sum(reasons.get(code, 0) for code in WRITTEN_WRONG) > sum(reasons.values())


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
            over.append(f"{rule.code}: {failed:,} of {plural(extracted, 'row')} ({failed / extracted:.1%}), "
                        f"tolerated {rule.tolerance:.1%}")  # fmt: skip
    total = sum(counts.values())
    limit = share(table.load.tolerance)
    if total > _tolerated(limit, extracted):
        listing = ", ".join(f"{code} {count:,}" for code, count in counts.most_common(6))
        over.append(
            f"all reasons: {total:,} of {plural(extracted, 'row')} ({total / extracted:.1%}), tolerated {limit:.1%}: {listing}"
        )
    if over:
        told = [*over, *_first_of_each(failed_rows, table, layout), "Nothing was published."]
        error = ToleranceError(
            f"{table.table}: more rows fail than are tolerated",
            listing=told,
            code="TOLERANCE",
            next_command="headgate retry RUN   (when the source is mended)",
            reasons=dict(counts),
            extracted=extracted,
        )
        # A source hardly breaks all of its rows at once: what doesn't fit is how they are read.
        none_fits = total >= extracted > 1 and not written_wrong(counts)
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
    shapes = ", ".join(f"{shape or '(nothing)'}" for shape, _ in counts.most_common(4))
    return f", written as {shapes} (9: any digit)" if "9" in shapes else f", written as {shapes}"


def _tolerated(share_of_rows: float, extracted: int) -> float:
    """How many rows may fail; a declared 0% is meant, and nothing but a declared 100% lets a batch end empty."""
    if share_of_rows in (0, 1):
        return share_of_rows * extracted
    return min(max(MIN_TOLERATED_ROWS, share_of_rows * extracted), extracted - 1)


def _undecided(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    latest_by: str,
    parts: Sequence[CheckedPart],
    delimiter: str,
    null_marker: str,
) -> Iterator[Repeated]:
    """Rows of which nobody can say whether they are the latest of their key.

    KEY-UNDATED: without a time, where the key occurs again or may live already (merge), and all other rows of such a key.
    KEY-TIE: different rows of a key with the same time, and all rows of a key whose latest time is such a one. Rows that are
    the same in every column are one row: whichever of them is kept, the table is the same.
    """
    relation = typed_relation(table, [part.path for part in parts if part.accepted], delimiter, null_marker)
    time, keys = identifier(latest_by), ", ".join(map(identifier, table.key))
    (undated,) = single(connection, f"SELECT count(*) - count({time}) FROM {relation}")
    if not undated and not may_repeat(connection, relation, f"{keys}, {time}"):
        return
    _number_rows(connection, table, parts, sorted({*table.key, latest_by}), "true", delimiter, null_marker)
    whole, part, place = ours("whole"), ours("part"), ours("place")
    alone = "false" if table.load.does.merges else "rows = 1"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW times AS SELECT {keys}, {time}, min({whole}) <> max({whole}) AS tied, count(*) AS n, "
        f"min({whole}) AS least, max({whole}) AS most FROM keyed GROUP BY {keys}, {time}"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW versions AS SELECT {keys}, sum(n) AS rows, bool_or({time} IS NULL) AS undated, "
        f"coalesce(arg_max(tied, {time}), false) AS open, bool_or(tied) AS tied, min(least) = max(most) AS same "
        f"FROM times GROUP BY {keys}"
    )
    by_key = " AND ".join(f"k.{identifier(name)} = v.{identifier(name)}" for name in table.key)
    by_time = " AND ".join(f"k.{identifier(name)} = t.{identifier(name)}" for name in (*table.key, latest_by))
    rows = connection.execute(
        f"SELECT k.{part}, k.{place}, CASE WHEN v.undated THEN 'KEY-UNDATED' ELSE 'KEY-TIE' END FROM keyed k "
        f"JOIN versions v ON {by_key} LEFT JOIN times t ON {by_time} "
        f"WHERE (v.undated AND NOT ({alone}) AND NOT (v.same AND {str(not table.load.does.merges).lower()})) "
        "OR v.open OR t.tied ORDER BY ALL"
    ).fetchall()
    connection.execute("DROP VIEW versions; DROP VIEW times; DROP TABLE keyed")
    yield from (Repeated(int(number), int(index), code, latest_by) for number, index, code in rows)


def _locate(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[CheckedPart],
    rule: UniqueRule,
    delimiter: str,
    null_marker: str,
) -> list[Repeated]:
    columns = ", ".join(map(identifier, rule.columns))
    number, place, counted = map(ours, ("part", "place", "counted"))
    _number_rows(connection, table, parts, rule.columns, rule.where_sql, delimiter, null_marker)
    rows = connection.execute(
        f"SELECT {number}, {place} FROM keyed SEMI JOIN (SELECT {columns} FROM keyed WHERE {counted} GROUP BY {columns} "
        f"HAVING count(*) > 1) USING ({columns}) WHERE {counted} ORDER BY ALL"
    ).fetchall()
    connection.execute("DROP TABLE keyed")
    return [Repeated(int(part), int(index), rule.code, rule.columns[0]) for part, index in rows]


def _number_rows(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    parts: Sequence[CheckedPart],
    columns: Sequence[str],
    counted_sql: str,
    delimiter: str,
    null_marker: str,
) -> None:
    """A temporary table `keyed`: some columns of every accepted row, a hash of all of them, whether the row counts, and its
    part and place."""
    number, place, whole, counted = map(ours, ("part", "place", "whole", "counted"))
    everything = ", ".join(identifier(column.name) for column in table.columns)
    connection.execute("DROP TABLE IF EXISTS keyed")
    for position, part in enumerate(part for part in parts if part.accepted):
        select = (
            f"SELECT {part.number} AS {number}, row_number() OVER () - 1 AS {place}, {', '.join(map(identifier, columns))}, "
            f"hash({everything}) AS {whole}, ({counted_sql}) AS {counted} "
            f"FROM {typed_relation(table, [part.path], delimiter, null_marker)}"
        )
        connection.execute(f"CREATE TEMP TABLE keyed AS {select}" if position == 0 else f"INSERT INTO keyed {select}")
