"""Check one part against the contract and the row rules, in DuckDB, and write what of it may be staged.

The fast query reads the part once and answers everything when nothing is wrong: how many rows fit, and the checksum of
their values. Only a part with a bad row, a conversion or another layout is written again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from deployments.declarations.table import Table
from deployments.errors import CodeError
from expectations.contract import mask, native_hash
from expectations.contract.checksum import Checksum, Hash, beside, hashes_sql
from expectations.contract.clocks import set_clocks
from expectations.contract.engine import connect, memory_for, single
from expectations.contract.fields import raw_fields
from expectations.contract.groups import Group, groups_of
from expectations.contract.layout import ABSENT, Layout
from expectations.contract.lexical import POSTGRES_BYTES, LexicalColumn, lexical_column, zones_of
from expectations.contract.quarantined import Quarantined, digest_of, text_of
from expectations.contract.quoting import identifier, literal, ours, ours_unquoted
from expectations.contract.scan import hides_faults, raw_records, scan
from expectations.contract.seen import Asked, Seen, nothing_seen, read_seen, seen_sql
from expectations.contract.split import RawPart, Reject
from expectations.contract.staged_rows import csv_reader, typed_relation, typed_select
from expectations.profile.sampling import Sampling, write_sample
from expectations.rows.compile import RowRule

_REASON, _PLACE, _ASIDE, _KEPT = ours("reason"), ours("place"), ours("aside"), ours("kept")


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """What became of a part: `path` holds the rows to stage as CSV without header."""

    number: int
    path: Path
    extracted: int
    accepted: int
    rewritten: bool
    checksum: Checksum
    quarantined: tuple[Quarantined, ...] = ()
    sample: Path | None = None
    """The rows that the profile of the batch is measured of, as a Parquet file; None: it reads them itself."""
    broken: frozenset[str] | None = None
    """Codes of the checker's `asked` rules that an accepted row breaks; None where they weren't asked."""
    values: Mapping[str, frozenset[object]] = field(default_factory=dict)
    """The different values of `asked` columns among the accepted rows (`Seen`)."""

    @property
    def reasons(self) -> Counter[str]:
        return Counter(row.code for row in self.quarantined)

    def is_as(self, other: CheckedPart) -> bool:
        """Whether the same was found of it; which of its rows are kept for the profile is no matter."""
        return replace(self, sample=None) == replace(other, sample=None)


@dataclass
class PartChecker:
    """Checks the parts of one batch, one at a time; not shared between threads."""

    table: Table
    layout: Layout
    rules: Sequence[RowRule]
    null_marker: str
    pii_key: bytes | None
    temp: Path
    asked: Asked | None = None
    """What of the accepted rows is asked in the same pass."""
    sampling: Sampling | None = None
    """Set between parts, once it is known of which rows the profile is to be measured."""
    bytes_prefix: str = POSTGRES_BYTES
    """What the warehouse takes for bytes begins with this (`Adapter.bytes_prefix`)."""
    hashed_by: Hash = "md5"
    """What the warehouse will hash the same rows by (`Adapter.hash_of`)."""
    connection: duckdb.DuckDBPyConnection = field(init=False)
    columns: tuple[LexicalColumn, ...] = field(init=False)
    groups: tuple[Group, ...] = field(init=False)
    asks: Asked | None = field(init=False)
    """What is `asked`, where one query can hold it beside all rules."""

    def __post_init__(self) -> None:
        self.connection = connect(self.temp, memory_mb=memory_for(len(self.table.columns)))
        if self.pii_key is not None:
            mask.set_key(self.connection, self.pii_key)
        set_clocks(self.connection, zones_of(self.table.columns))
        self.columns = tuple(
            lexical_column(
                column,
                "NULL::VARCHAR" if position == ABSENT else ours(f"f{position}"),
                ours(f"x{index}"),
                ours(f"t{index}"),
                masked=self.table.pii.get(column.name) == "hash",
                bytes_prefix=self.bytes_prefix,
            )
            for index, (column, position) in enumerate(zip(self.table.columns, self.layout.positions, strict=True))
        )
        self.groups = tuple(groups_of(self.columns, self.rules))
        asked = () if self.asked is None else self.asked.rules
        self.asks = self.asked if len(tuple(groups_of(self.columns, [*self.rules, *asked]))) == 1 else None

    def check(self, part: RawPart, raw: Path, clean: Path, excluded: Mapping[int, str] | None = None) -> CheckedPart:
        """Check a part. `raw` holds the part's bytes and `clean` may be written; running it again gives the same.

        `excluded` sets more rows aside: reason (code|column) by place among the rows that were accepted before.
        """
        if part.records == 0:
            return self._result(part, raw, 0, False, self._nothing, [])
        fields = len(self.layout.header)
        judgement = None if hides_faults(part, self.layout.delimiter, fields) else self._judge(part, raw)
        if judgement is None:
            part = scan(part, self.layout.delimiter, fields)
            # The file may be a link to the spooled bytes, which stay as they came.
            raw.unlink(missing_ok=True)
            raw.write_bytes(part.data)
            if part.records == 0:
                return self._result(part, raw, 0, False, self._nothing, [])
            judgement = self._judge(part, raw)
        if judgement is None:
            raise CodeError(
                f"part {part.number}: two readers disagree: {part.records} records by their bytes, "
                "but the CSV reader refuses them or counts others",
                code="READERS-DISAGREE",
                next_command="report this with the source's bytes; nothing was published",
            )
        bad, altered, seen = judgement
        if (
            not excluded
            and not bad
            and not altered
            and self.layout.is_contract
            and self._nulls_as_staged(seen.checksum)
        ):
            return self._result(part, raw, seen.checksum.rows, False, seen, [], self._write_sample(clean))
        return self._rewrite(part, raw, clean, excluded or {}, bad > 0)

    def _judge(self, part: RawPart, raw: Path) -> tuple[int, int, Seen] | None:
        """Rows with a fault, rows altered by conversions (each by group), what all rows are; None when the reader refuses."""
        bad = altered = 0
        figures: list[Seen] = []
        try:
            for group in self.groups:
                row = self._figures(
                    f"count({_REASON}), count(*) FILTER (WHERE {self._altered(group)}), {self._seen_sql(group)}",
                    f"({self._judged(part, raw, group)})",
                    f"{_REASON} IS NULL",
                )
                bad, altered = bad + int(str(row[0])), altered + int(str(row[1]))
                figures.append(self._read(row[2:], group))
            # Of rows that are written again, the figures are those of what was written.
            relation = typed_select(self.table, f"({self._staged(raw)})", ours)
            seen = figures[0] if bad else self._whole(figures, relation)
        except duckdb.InvalidInputException:
            return None
        return None if {item.checksum.rows for item in figures} != {part.records} else (bad, altered, seen)

    def _seen_sql(self, group: Group) -> str:
        return seen_sql([self.table.columns[index] for index in group.columns], self.asks, self.hashed_by)

    def _read(self, row: Sequence[object], group: Group) -> Seen:
        return read_seen(row, len(group.columns), self.asks, self.hashed_by)

    def _whole(self, figures: Sequence[Seen], relation: str) -> Seen:
        """What all rows are, from the figures of each group of columns; the hashes are of the rows of a relation."""
        if self.hashed_by == "lookup3":
            return self._with_hashes(figures, relation)
        if len(figures) == 1:
            return figures[0]
        sums = [item.checksum for item in figures]
        # Without a text column the hash is a constant, which would come once for every row.
        asked = f"SELECT count(*), {hashes_sql(self.table.columns)} FROM {relation}"
        _, texts, documents = single(self.connection, asked)
        return Seen(beside(sums, int(texts), int(documents)), None)

    def _with_hashes(self, figures: Sequence[Seen], relation: str) -> Seen:
        columns = self.table.columns
        seen = figures[0]
        if len(figures) > 1:
            seen = Seen(beside([item.checksum for item in figures], 0, 0, self.hashed_by), None)
        if not self._is_whole:
            self._gathered("count(*)", native_hash.handed_over(columns), relation)

        def fetch(name: str) -> object:
            (found,) = self.connection.execute(f"SELECT {name} FROM kept").fetchnumpy().values()
            return found[0]

        checksum = native_hash.with_hashes(seen.checksum, columns, native_hash.HandedOver(fetch))
        # What was handed over is as large as the part.
        left = _KEPT if self._samples else "1"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS SELECT {left} FROM kept")
        return replace(seen, checksum=checksum)

    def _figures(self, figures: str, relation: str, among: str) -> tuple[object, ...]:
        """The only row of figures over a relation. What else is to be kept of its rows is gathered in the same pass."""
        by_ours = self.hashed_by == "lookup3" and self._is_whole
        gathered = native_hash.handed_over(self.table.columns) if by_ours else {}
        if self._samples:
            assert self.sampling is not None
            gathered[_KEPT] = self.sampling.rows_sql(among)
        return self._gathered(figures, gathered, relation)

    def _gathered(self, figures: str, gathered: Mapping[str, str], relation: str) -> tuple[object, ...]:
        """The only row of figures. The aggregates `gathered` stay in a table, by their names."""
        if not gathered:
            return single(self.connection, f"SELECT {figures} FROM {relation}")
        listed = ", ".join(f"{aggregate} AS {name}" for name, aggregate in gathered.items())
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS SELECT {figures}, {listed} FROM {relation}")
        return single(self.connection, f"SELECT * EXCLUDE ({', '.join(gathered)}) FROM kept")

    @property
    def _is_whole(self) -> bool:
        """A table that is judged some columns at a time is never read whole: profile and suite read it once more."""
        return len(self.groups) == 1

    @property
    def _samples(self) -> bool:
        return self.sampling is not None and self._is_whole

    @property
    def _nothing(self) -> Seen:
        return nothing_seen(len(self.columns), self.asks)

    def _write_sample(self, clean: Path) -> Path | None:
        if not self._samples:
            return None
        return write_sample(self.connection, f"SELECT unnest({_KEPT}, max_depth := 2) FROM kept", clean)

    def _altered(self, group: Group) -> str:
        """SQL: whether a conversion changed the row."""
        changed = [
            f"{ours(f't{index}')} IS DISTINCT FROM {ours(f'f{self.layout.positions[index]}')}"
            for index in group.columns
            if not self.columns[index].untouched and self.layout.positions[index] != ABSENT
        ]
        return " OR ".join(changed) or "false"

    def close(self) -> None:
        self.connection.close()

    def _rewrite(self, part: RawPart, raw: Path, clean: Path, excluded: Mapping[int, str], bad: bool) -> CheckedPart:
        run = self.connection.execute
        if self.null_marker and self.null_marker.encode() in part.data:
            raise CodeError("the marker for NULL occurs in the data", next_command="headgate retry RUN")
        reasons = self._reasons(part, raw) if bad else {}
        if excluded:
            fit = [place for place in range(part.records) if place not in reasons]
            reasons.update({fit[index]: reason for index, reason in excluded.items()})
        places = sorted(reasons)
        run(
            f"CREATE OR REPLACE TEMP TABLE aside AS SELECT bad IS NOT NULL AS {_ASIDE} FROM range({part.records}) r(place) "
            "LEFT JOIN (SELECT unnest(?::BIGINT[]) AS bad) ON place = bad ORDER BY place",
            [places],
        )
        # Side by side in the order of the file: the row of `aside` is the place of the record.
        rows = f"({self._staged(raw)}) POSITIONAL JOIN aside"
        staged = [ours(f"t{index}") for index in range(len(self.columns))]
        run(
            f"COPY (SELECT {', '.join(staged)} FROM {rows} WHERE NOT {_ASIDE}) TO {literal(str(clean))} "
            f"(FORMAT csv, HEADER false, DELIMITER {literal(self.layout.delimiter)}, QUOTE '\"', ESCAPE '\"', "
            f"NULLSTR {literal(self.null_marker)}{', FORCE_QUOTE *' if len(self.columns) == 1 else ''})"
        )
        hashed = ", ".join(staged[index] for index, _ in self._hashed())
        texts = run(f"SELECT {hashed} FROM {rows} WHERE {_ASIDE}").fetchall() if hashed else [()] * len(places)
        ordinals, quarantined = part.ordinals, []
        for place, text, data in zip(places, texts, raw_records(part, places), strict=True):
            code, _, column = reasons[place].partition("|")
            quarantined.append(self._quarantined(ordinals[place], code, column or None, data, text))
        if len(places) == part.records:
            return self._result(part, clean, 0, True, self._nothing, quarantined)
        seen = self._written(clean)
        return self._result(part, clean, seen.checksum.rows, True, seen, quarantined, self._write_sample(clean))

    def _reasons(self, part: RawPart, raw: Path) -> dict[int, str]:
        """The first fault (code|column) of each record to be set aside, by its place in the part."""
        found: dict[int, str] = {}
        for group in self.groups:
            numbered = f"SELECT *, row_number() OVER () - 1 AS {_PLACE} FROM ({self._judged(part, raw, group)})"
            faulty = f"SELECT {_PLACE}, {_REASON} FROM ({numbered}) WHERE {_REASON} IS NOT NULL"
            for place, reason in self.connection.execute(faulty).fetchall():
                found.setdefault(place, reason)
        return found

    def _written(self, clean: Path) -> Seen:
        """What the rows that were written are, read as the next steps will read them."""
        relation = typed_relation(self.table, [clean], self.layout.delimiter, self.null_marker)
        figures = [self._read(self._figures(self._seen_sql(group), relation, "true"), group) for group in self.groups]
        return self._whole(figures, relation)

    def _result(
        self, part: RawPart, path: Path, accepted: int, rewritten: bool, seen: Seen, rows: list[Quarantined],
        sample: Path | None = None,
    ) -> CheckedPart:  # fmt: skip
        unreadable = [self._unreadable(reject) for reject in part.rejects]
        quarantined = tuple(sorted([*rows, *unreadable], key=lambda row: row.record))
        if accepted + len(quarantined) != part.extracted:
            raise CodeError(
                f"part {part.number}: {part.extracted} rows came in, {accepted} were accepted and "
                f"{len(quarantined)} set aside",
                code="PART-ACCOUNTING",
                next_command="report this with the run's log; nothing was published",
            )
        return CheckedPart(
            part.number, path, part.extracted, accepted, rewritten, seen.checksum, quarantined, sample, seen.broken,
            seen.values,
        )  # fmt: skip

    def _staged(self, raw: Path, read: Sequence[int] | None = None, *, whole: bool = False) -> str:
        """Nested selects: fields (f; all of the record for the `whole`), converted text (x) and staged text (t), of all columns
        or those that are read.
        """
        chosen = range(len(self.columns)) if read is None else read
        positions = (
            range(len(self.layout.header)) if whole else sorted({self.layout.positions[i] for i in chosen} - {ABSENT})
        )
        fields = ", ".join(ours(f"f{position}") for position in positions)
        converted = ", ".join(f"{self.columns[index].text} AS {ours(f'x{index}')}" for index in chosen)
        staged = ", ".join(f"{self.columns[index].staged} AS {ours(f't{index}')}" for index in chosen)
        return f"SELECT *, {staged} FROM (SELECT {fields}, {converted} FROM {self._reader(raw)})"

    def _judged(self, part: RawPart, raw: Path, group: Group) -> str:
        """What is staged of a group, with its values by name and the reason to set the row aside.

        Rules judge a hashed column by what it says; from then on its value is the hash.
        """
        hashed = [index for index, _ in self._hashed() if index in group.read]
        values = ", ".join(
            f"{ours(f'x{i}') if i in hashed else self.columns[i].value} AS {identifier(self.columns[i].name)}"
            for i in group.read
        )
        columns = [self.columns[index] for index in group.columns]
        may_repeat_header = group is self.groups[0] and self.layout.header[0].encode() in part.data
        whens = []
        if may_repeat_header:
            same = " AND ".join(f"{ours(f'f{i}')} = {literal(name)}" for i, name in enumerate(self.layout.header))
            whens.append(f"WHEN {same} THEN 'HEADER-ROW|'")
        plain = [column.plain for column in columns]
        plain += [f"NOT coalesce({rule.predicate_sql}, false)" for rule in group.rules]
        # Nearly every row has no fault at all: one cheap question before all the others.
        whens.append(f"WHEN {' AND '.join(plain)} THEN NULL")
        for column in columns:
            for fault in column.faults:
                whens.append(f"WHEN {fault.condition} THEN {literal(f'{fault.code}|{column.name}')}")
        for rule in group.rules:
            whens.append(f"WHEN {rule.predicate_sql} THEN {literal(rule.code + '|' + (rule.column or ''))}")
        reason = f"CASE {' '.join(whens)} ELSE NULL::VARCHAR END"
        staged = self._staged(raw, group.read, whole=may_repeat_header)
        judged = f"SELECT *, {reason} AS {_REASON} FROM (SELECT *, {values} FROM ({staged}))"
        if not hashed:
            return judged
        stored = ", ".join(f"{self.columns[i].value} AS {identifier(self.columns[i].name)}" for i in hashed)
        return f"SELECT * REPLACE ({stored}) FROM ({judged})"

    def _reader(self, raw: Path) -> str:
        fields = [ours_unquoted(f"f{index}") for index in range(len(self.layout.header))]
        return csv_reader([raw], fields, self.layout.delimiter)

    def _nulls_as_staged(self, checksum: Checksum) -> bool:
        """Whether NULLs in the source's bytes are written as the stage needs them. A single column is always written
        anew, with quotes: alone on its line a value may look like no line at all, or like the end of the data (\\.)."""
        alone = len(self.columns) == 1
        return not alone and (self.null_marker == "" or all(count == checksum.rows for count in checksum.values))

    def _unreadable(self, reject: Reject) -> Quarantined:
        # Which bytes of a broken record are personal can't be known: a table with masked columns keeps none of them.
        hide = bool(self.table.pii)
        return Quarantined(
            reject.record, reject.code, None, None if hide else text_of(reject.raw), digest_of(reject.raw)
        )

    def _quarantined(
        self, record: int, code: str, column: str | None, raw: bytes, hashed: Sequence[str | None]
    ) -> Quarantined:
        return Quarantined(record, code, column, text_of(self._masked(raw, hashed)), digest_of(raw))

    def _hashed(self) -> list[tuple[int, int]]:
        """Place in the contract and in the record of every column that is kept as a hash."""
        return [
            (index, position)
            for index, (column, position) in enumerate(zip(self.table.columns, self.layout.positions, strict=True))
            if self.table.pii.get(column.name) == "hash" and position != ABSENT
        ]

    def _masked(self, raw: bytes, hashed: Sequence[str | None]) -> bytes:
        """The record with hashed fields as they would have been staged; every other byte as it came."""
        if not hashed:
            return raw
        fields = raw_fields(raw.decode(), self.layout.delimiter)
        for (_, position), text in zip(self._hashed(), hashed, strict=True):
            fields[position] = text or ""
        return self.layout.delimiter.join(fields).encode()
