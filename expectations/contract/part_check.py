"""Check one part against the contract and the row rules, in DuckDB, and write what of it may be staged.

The fast query reads the part once and answers everything when nothing is wrong: how many rows fit, and the checksum of
their values. Only a part with a bad row, a conversion or another layout is materialized and written again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from deployments.declarations.table import Table
from deployments.errors import CodeError
from expectations.contract import mask
from expectations.contract.checksum import Checksum, duckdb_checksum_sql, read_checksum
from expectations.contract.engine import connect, single
from expectations.contract.fields import raw_fields
from expectations.contract.layout import Layout
from expectations.contract.lexical import LexicalColumn, lexical_column
from expectations.contract.quoting import identifier, literal, ours, ours_unquoted
from expectations.contract.scan import hides_faults, raw_records, scan
from expectations.contract.split import RawPart, Reject
from expectations.rows.compile import RowRule

_REASON, _PLACE = ours("reason"), ours("place")
RAW_LIMIT_BYTES = 16_000
"""Quarantine keeps this much of a row (a warehouse text holds 65,535 bytes); the hash covers all of it."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row set aside. `raw` is None when its bytes can't be told apart from masked values."""

    record: int
    code: str
    column: str | None
    raw: str | None
    raw_sha256: str


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

    @property
    def reasons(self) -> Counter[str]:
        return Counter(row.code for row in self.quarantined)


@dataclass
class PartChecker:
    """Checks the parts of one batch, one at a time; not shared between threads."""

    table: Table
    layout: Layout
    rules: Sequence[RowRule]
    null_marker: str
    pii_key: bytes | None
    temp: Path
    connection: duckdb.DuckDBPyConnection = field(init=False)
    columns: tuple[LexicalColumn, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.connection = connect(self.temp)
        if self.pii_key is not None:
            mask.set_key(self.connection, self.pii_key)
        self.columns = tuple(
            lexical_column(
                column,
                ours(f"f{position}"),
                ours(f"x{index}"),
                ours(f"t{index}"),
                masked=self.table.pii.get(column.name) == "hash",
            )
            for index, (column, position) in enumerate(zip(self.table.columns, self.layout.positions, strict=True))
        )

    def check(self, part: RawPart, raw: Path, clean: Path, excluded: Mapping[int, str] | None = None) -> CheckedPart:
        """Check a part. `raw` holds the part's bytes and `clean` may be written; running it again gives the same.

        `excluded` sets more rows aside: reason (code|column) by place among the rows that were accepted before.
        """
        if part.records == 0:
            return self._result(part, raw, 0, False, Checksum.empty(len(self.columns)), [])
        fields = len(self.layout.header)
        judgement = None if hides_faults(part, self.layout.delimiter, fields) else self._judge(part, raw)
        if judgement is None:
            part = scan(part, self.layout.delimiter, fields)
            # The file may be a link to the spooled bytes, which stay as they came.
            raw.unlink(missing_ok=True)
            raw.write_bytes(part.data)
            if part.records == 0:
                return self._result(part, raw, 0, False, Checksum.empty(len(self.columns)), [])
            judgement = self._judge(part, raw)
        if judgement is None:
            raise CodeError(
                f"part {part.number}: two readers disagree: {part.records} records by their bytes, "
                "but the CSV reader refuses them or counts others",
                code="READERS-DISAGREE",
                next_command="report this with the source's bytes; nothing was published",
            )
        bad, altered, checksum = judgement
        if not excluded and not bad and not altered and self.layout.is_contract and self._nulls_as_staged(checksum):
            return self._result(part, raw, checksum.rows, False, checksum, [])
        return self._rewrite(part, raw, clean, excluded or {})

    def _judge(self, part: RawPart, raw: Path) -> tuple[int, int, Checksum] | None:
        """Rows with a fault, values altered by conversions, checksum of all rows; None when the reader refuses."""
        touched = [
            f"count(*) FILTER (WHERE {ours(f't{index}')} IS DISTINCT FROM {ours(f'f{position}')})"
            for index, (column, position) in enumerate(zip(self.columns, self.layout.positions, strict=True))
            if not column.untouched
        ]
        try:
            row = single(
                self.connection,
                f"SELECT count({_REASON}), {' + '.join(touched) or '0'}, {duckdb_checksum_sql(self.table.columns)} "
                f"FROM ({self._judged(part, raw)})",
            )
        except duckdb.InvalidInputException:
            return None
        checksum = read_checksum(row[2:], len(self.columns))
        return None if checksum.rows != part.records else (int(str(row[0])), int(str(row[1])), checksum)

    def close(self) -> None:
        self.connection.close()

    def _rewrite(self, part: RawPart, raw: Path, clean: Path, excluded: Mapping[int, str]) -> CheckedPart:
        run = self.connection.execute
        run(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT *, row_number() OVER () - 1 AS {_PLACE} "
            f"FROM ({self._judged(part, raw)})"
        )
        if excluded:
            fit = run(f"SELECT {_PLACE} FROM judged WHERE {_REASON} IS NULL ORDER BY 1").fetchall()
            for place, reason in excluded.items():
                run(f"UPDATE judged SET {_REASON} = ? WHERE {_PLACE} = ?", [reason, fit[place][0]])
        hashes = "".join(f", {ours(f't{index}')}" for index, _ in self._hashed())
        bad = run(f"SELECT {_PLACE}, {_REASON}{hashes} FROM judged WHERE {_REASON} IS NOT NULL ORDER BY 1").fetchall()
        staged = ", ".join(ours(f"t{index}") for index in range(len(self.columns)))
        if self.null_marker:
            texts = [ours(f"t{index}") for index, column in enumerate(self.columns) if column.duckdb_type == "VARCHAR"]
            holds = " OR ".join(f"{name} = {literal(self.null_marker)}" for name in texts) or "false"
            if single(self.connection, f"SELECT count(*) FROM judged WHERE {holds}")[0]:
                raise CodeError("the marker for NULL occurs in the data", next_command="headgate retry RUN")
        run(
            f"COPY (SELECT {staged} FROM judged WHERE {_REASON} IS NULL ORDER BY {_PLACE}) TO {literal(str(clean))} "
            f"(FORMAT csv, HEADER false, DELIMITER {literal(self.layout.delimiter)}, QUOTE '\"', ESCAPE '\"', "
            f"NULLSTR {literal(self.null_marker)}{', FORCE_QUOTE *' if len(self.columns) == 1 else ''})"
        )
        figures = single(
            self.connection, f"SELECT {duckdb_checksum_sql(self.table.columns)} FROM judged WHERE {_REASON} IS NULL"
        )
        run("DROP TABLE judged")
        checksum = read_checksum(figures, len(self.columns))
        raws = raw_records(part, [int(row[0]) for row in bad])
        ordinals = _ordinals(part)
        rows = []
        for (place, reason, *hashed), data in zip(bad, raws, strict=True):
            code, _, column = str(reason).partition("|")
            rows.append(self._quarantined(ordinals[int(place)], code, column or None, data, hashed))
        return self._result(part, clean, checksum.rows, True, checksum, rows)

    def _result(
        self, part: RawPart, path: Path, accepted: int, rewritten: bool, checksum: Checksum, rows: list[Quarantined]
    ) -> CheckedPart:
        unreadable = [self._unreadable(reject) for reject in part.rejects]
        quarantined = tuple(sorted([*rows, *unreadable], key=lambda row: row.record))
        if accepted + len(quarantined) != part.extracted:
            raise CodeError(
                f"part {part.number}: {part.extracted} rows came in, {accepted} were accepted and "
                f"{len(quarantined)} set aside",
                code="PART-ACCOUNTING",
                next_command="report this with the run's log; nothing was published",
            )
        return CheckedPart(part.number, path, part.extracted, accepted, rewritten, checksum, quarantined)

    def _judged(self, part: RawPart, raw: Path) -> str:
        """Nested selects: fields, converted text (x), staged text (t), values by name, and the reason to set aside."""
        converted = ", ".join(f"{column.text} AS {ours(f'x{index}')}" for index, column in enumerate(self.columns))
        staged = ", ".join(f"{column.staged} AS {ours(f't{index}')}" for index, column in enumerate(self.columns))
        values = ", ".join(f"{column.value} AS {identifier(column.name)}" for column in self.columns)
        whens = []
        if self.layout.header[0].encode() in part.data:
            same = " AND ".join(f"{ours(f'f{i}')} = {literal(name)}" for i, name in enumerate(self.layout.header))
            whens.append(f"WHEN {same} THEN 'HEADER-ROW|'")
        plain = [column.plain for column in self.columns]
        plain += [f"NOT coalesce({rule.predicate_sql}, false)" for rule in self.rules]
        # Nearly every row has no fault at all: one cheap question before all the others.
        whens.append(f"WHEN {' AND '.join(plain)} THEN NULL")
        for column in self.columns:
            for fault in column.faults:
                whens.append(f"WHEN {fault.condition} THEN {literal(f'{fault.code}|{column.name}')}")
        for rule in self.rules:
            whens.append(f"WHEN {rule.predicate_sql} THEN {literal(rule.code + '|' + (rule.column or ''))}")
        reason = f"CASE {' '.join(whens)} ELSE NULL::VARCHAR END"
        return (
            f"SELECT *, {reason} AS {_REASON} FROM (SELECT *, {values} FROM (SELECT *, {staged} FROM "
            f"(SELECT *, {converted} FROM {self._reader(raw)})))"
        )

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
        return Quarantined(reject.record, reject.code, None, None if hide else _text(reject.raw), _digest(reject.raw))

    def _quarantined(
        self, record: int, code: str, column: str | None, raw: bytes, hashed: Sequence[str | None]
    ) -> Quarantined:
        return Quarantined(record, code, column, _text(self._masked(raw, hashed)), _digest(raw))

    def _hashed(self) -> list[tuple[int, int]]:
        """Place in the contract and in the record of every column that is kept as a hash."""
        return [
            (index, position)
            for index, (column, position) in enumerate(zip(self.table.columns, self.layout.positions, strict=True))
            if self.table.pii.get(column.name) == "hash"
        ]

    def _masked(self, raw: bytes, hashed: Sequence[str | None]) -> bytes:
        """The record with hashed fields as they would have been staged; every other byte as it came."""
        if not hashed:
            return raw
        fields = raw_fields(raw.decode(), self.layout.delimiter)
        for (_, position), text in zip(self._hashed(), hashed, strict=True):
            fields[position] = text or ""
        return self.layout.delimiter.join(fields).encode()


def csv_reader(
    files: Sequence[Path], fields: Sequence[str], delimiter: str, null_marker: str = "", *, filename: bool = False
) -> str:
    """A DuckDB table function that reads headerless CSV files as text, strictly; unquoted empty is NULL."""
    listing = ", ".join(literal(str(file)) for file in files)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in fields)
    return (
        f"read_csv([{listing}], columns={{{columns}}}, header=false, auto_detect=false, delim={literal(delimiter)}, "
        f"quote='\"', escape='\"', new_line='\\n', nullstr={literal(null_marker)}, allow_quoted_nulls=false, strict_mode=true, "
        f"max_line_size=8388608, filename={str(filename).lower()})"
    )


def typed_select(table: Table, reader: str) -> str:
    """SQL usable after FROM: staged text columns t0, t1 ... of `reader` with the contract's names and types."""
    columns = [lexical_column(column, "", "", f"t{index}", masked=False) for index, column in enumerate(table.columns)]
    return f"(SELECT {', '.join(f'{column.value} AS {identifier(column.name)}' for column in columns)} FROM {reader})"


def typed_relation(table: Table, files: Sequence[Path], delimiter: str, null_marker: str) -> str:
    """SQL usable after FROM: the staged rows of these files with the contract's names and types."""
    names = [f"t{index}" for index in range(len(table.columns))]
    if not files:
        nothing = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
        return typed_select(table, f"(SELECT {nothing} WHERE false)")
    return typed_select(table, csv_reader(files, names, delimiter, null_marker))


def _ordinals(part: RawPart) -> list[int]:
    """The place in the batch of each readable record of the part."""
    if not part.rejects:
        return list(range(part.first_record, part.first_record + part.records))
    unreadable = {reject.record for reject in part.rejects}
    return [n for n in range(part.first_record, part.first_record + part.extracted) if n not in unreadable]


def _text(raw: bytes) -> str:
    """Any bytes as text: UTF-8 as it is, other bytes as \\xNN (the hash tells the original)."""
    return raw[:RAW_LIMIT_BYTES].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
