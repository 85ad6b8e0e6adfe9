"""Figures that the checker and the warehouse both compute, to prove that what was checked is what was loaded.

Per column: how many values, and an exact sum of them (numbers as they are, dates as days and timestamps as microseconds
since 1970, times as microseconds since midnight, booleans as 0 and 1, text and binary as bytes, json by what a value is: an
object, a list ...). Text is also hashed per row, all text columns together, with bytes as their digits: the sum of the first 32
bits of each row's MD5, or of the hashes of a warehouse's own (`native_hash`). So is the one spelling of JSON, apart: not
every warehouse keeps it. Doubles are summed with a tolerance, since addition isn't associative, and those near the end of their
range made smaller: two would be more than a double holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from deployments.declarations.columns import MAX_VARCHAR_BYTES, Column, ColumnType
from expectations.contract.quoting import identifier

Hash = Literal["md5", "lookup3"]
"""What texts are hashed by: MD5, which all engines have, or PostgreSQL's own hash, that of points in time too (`native_hash`)."""

_LONGEST_VALUE = 48
"""Bytes of a value that isn't a text: 38 digits with sign and point, or a double as `double_text`."""
NATIVE_TIMES = ("timestamp", "timestamptz", "time")
"""Of these the sum is of their hashes, where a warehouse's own hash is used: that costs a third."""
NULL_IN_HASH, BETWEEN_IN_HASH = "\x01", "\x1f"
DOUBLE_TOLERANCE = 1e-9
_HALF = 10**19
_EXACT = Context(prec=200)
"""Sums of 38 digits stay exact; the default of 28 would round them."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """Figures of some rows. `values[i]` and `sums[i]` belong to column i; `text_hash` covers every column of text or bytes,
    `json_hash` every one of JSON: None where that can't be told. Those of two hashes can't be compared or added up; of no
    rows they are the same."""

    rows: int
    values: tuple[int, ...]
    sums: tuple[Decimal, ...]
    magnitudes: tuple[float, ...]
    text_hash: int
    json_hash: int | None = 0
    hashed_by: Hash = "md5"

    def __add__(self, other: Checksum) -> Checksum:
        if self.rows and other.rows and self.hashed_by != other.hashed_by:
            raise ValueError(f"figures by {self.hashed_by} and by {other.hashed_by}")
        return Checksum(
            self.rows + other.rows,
            tuple(a + b for a, b in zip(self.values, other.values, strict=True)),
            tuple(_EXACT.add(a, b) for a, b in zip(self.sums, other.sums, strict=True)),
            tuple(a + b for a, b in zip(self.magnitudes, other.magnitudes, strict=True)),
            self.text_hash + other.text_hash,
            None if self.json_hash is None or other.json_hash is None else self.json_hash + other.json_hash,
            self.hashed_by if self.rows else other.hashed_by,
        )

    @classmethod
    def empty(cls, columns: int) -> Checksum:
        return cls(0, (0,) * columns, (Decimal(0),) * columns, (0.0,) * columns, 0)

    def to_json(self) -> dict[str, object]:
        return {
            "rows": self.rows, "values": list(self.values), "sums": [str(value) for value in self.sums],
            "magnitudes": list(self.magnitudes), "text_hash": self.text_hash,
            "json_hash": self.json_hash, "hashed_by": self.hashed_by,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Checksum:
        def items(key: str) -> list[object]:
            value = data[key]
            assert isinstance(value, list)
            return value

        return cls(
            rows=int(str(data["rows"])),
            values=tuple(int(str(value)) for value in items("values")),
            sums=tuple(Decimal(str(value)) for value in items("sums")),
            magnitudes=tuple(float(str(value)) for value in items("magnitudes")),
            text_hash=int(str(data["text_hash"])),
            json_hash=None if (found := data.get("json_hash", 0)) is None else int(str(found)),
            hashed_by="lookup3" if data.get("hashed_by") == "lookup3" else "md5",
        )


def differences(columns: Sequence[Column], checked: Checksum, loaded: Checksum) -> list[str]:
    """One sentence per figure that differs; empty when the loaded rows are the checked ones."""
    found = []
    if checked.rows != loaded.rows:
        found.append(f"rows: checked {checked.rows}, loaded {loaded.rows}")
    for index, column in enumerate(columns):
        if checked.values[index] != loaded.values[index]:
            found.append(
                f"{column.name}: checked {checked.values[index]} values that aren't null, loaded {loaded.values[index]}"
            )
        a, b = checked.sums[index], loaded.sums[index]
        if column.column_type.kind == "double precision":
            scale = max(checked.magnitudes[index], loaded.magnitudes[index], 1e-300)
            if abs(float(a) - float(b)) > DOUBLE_TOLERANCE * scale:
                found.append(f"{column.name}: the sum of checked values differs from the sum of loaded ones")
        elif a != b:
            what = {"varchar": "bytes of text", "binary": "bytes"}.get(column.column_type.kind, "the sum of values")
            if checked.hashed_by == "lookup3" and column.column_type.kind in NATIVE_TIMES:
                what = "the sum of the values' hashes"
            found.append(f"{column.name}: {what} checked {a}, loaded {b}")
    if checked.text_hash != loaded.text_hash and not found:
        found.append("the hash of all text columns differs, though lengths and counts agree")
    told = checked.json_hash is not None and loaded.json_hash is not None
    if told and checked.json_hash != loaded.json_hash and not found:
        found.append("the hash of all json columns differs, though counts agree")
    return found


def beside(groups: Sequence[Checksum], text_hash: int, json_hash: int | None, hashed_by: Hash = "md5") -> Checksum:
    """The figures of the same rows, told for one group of columns after the other; the hashes go over all of them."""
    return Checksum(
        groups[0].rows,
        tuple(value for group in groups for value in group.values),
        tuple(value for group in groups for value in group.sums),
        tuple(value for group in groups for value in group.magnitudes),
        text_hash,
        json_hash,
        hashed_by,
    )


def summable(name: str) -> str:
    """SQL, on every warehouse: a double that can be added to 10**18 others."""
    bound, divisor = (f"CAST('{number}' AS double precision)" for number in ("1e280", "1e28"))
    return f"CASE WHEN abs({name}) >= {bound} THEN {name} / {divisor} ELSE {name} END"


def duckdb_checksum_sql(
    columns: Sequence[Column], texts: Sequence[Column] | None = None, hashed_by: Hash = "md5"
) -> str:
    """The select list of the figures in DuckDB, over typed columns with the contract's names; the hash is of `texts`, or of all
    text columns among them. Where it isn't MD5, figures that need it are 0 (`native_hash.with_hashes`)."""
    native = hashed_by == "lookup3"
    parts = ["count(*)"]
    parts += [f"count({identifier(column.name)})" for column in columns]
    parts += [
        "0"
        if native and column.column_type.kind in NATIVE_TIMES
        else _duckdb_sum(column.column_type, identifier(column.name))
        for column in columns
    ]
    parts += [
        f"coalesce(sum(abs({summable(identifier(column.name))})), 0)"
        if column.column_type.kind == "double precision"
        else "0"
        for column in columns
    ]
    parts.append("0, 0" if native else hashes_sql(columns if texts is None else texts))
    return ", ".join(parts)


def hashes_sql(columns: Sequence[Column]) -> str:
    """SQL of two hashes in DuckDB: of all columns of text or bytes, and of all json columns."""
    groups = (text_groups(columns), json_groups(columns))
    return ", ".join(_hash_sql(of_kind, lambda column: identifier(column.name)) for of_kind in groups)


def row_hash_sql(columns: Sequence[Column]) -> str:
    """SQL of the hash of whole rows in DuckDB: two rows that exchange a value are seen, which no sum of a column shows."""
    return _hash_sql(row_groups(columns), lambda column: value_text_sql(column.column_type, identifier(column.name)))


def _hash_sql(groups: Sequence[Sequence[Column]], text_of: Callable[[Column], str]) -> str:
    joined = [
        f"concat_ws(chr(31), {', '.join(f'coalesce({text_of(column)}, chr(1))' for column in group)})"
        for group in groups
    ]
    if len(joined) > 1:
        joined = [f"concat_ws(chr(31), {', '.join(f'md5({text})' for text in joined)})"]
    return f"coalesce(sum({_first_bits(joined[0])}), 0)" if joined else "0"


def text_groups(columns: Sequence[Column]) -> list[list[Column]]:
    """The text columns that are joined before they are hashed: no text of a warehouse is longer than 65,535 bytes. Where there
    are several groups, the MD5s of all of them are joined and hashed again.
    """
    return row_groups([column for column in columns if column.column_type.kind in ("varchar", "binary")])


def json_groups(columns: Sequence[Column]) -> list[list[Column]]:
    """The same for json columns: each stands alone, as a warehouse may write more blanks than a text has room for."""
    return [[column] for column in columns if column.column_type.kind == "json"]


def row_groups(columns: Sequence[Column]) -> list[list[Column]]:
    """The same for columns of all types."""
    groups: list[list[Column]] = []
    room = 0
    for column in columns:
        longest = column.column_type.text_length or _LONGEST_VALUE
        if room < longest + 1:
            groups.append([])
            room = MAX_VARCHAR_BYTES
        groups[-1].append(column)
        room -= longest + 1
    return groups


def value_text_sql(kind: ColumnType, name: str) -> str:
    """SQL of a value as text, in DuckDB; both warehouses write it alike (`Adapter.value_text`)."""
    match kind.kind:
        case "varchar" | "binary" | "json":
            return name
        case "boolean":
            return f"({name}::INTEGER)::VARCHAR"
        case "date":
            return f"(({name} - DATE '1970-01-01')::BIGINT)::VARCHAR"
        case "timestamp" | "timestamptz" | "time":
            return f"{microseconds_sql(kind, name)}::VARCHAR"
        case "double precision":
            return double_text(name)
    return f"{name}::VARCHAR"


def microseconds_sql(kind: ColumnType, name: str) -> str:
    """SQL of a point in time, in DuckDB: microseconds since 1970, of a time those since midnight."""
    return f"epoch_us(timezone('UTC', {name}))" if kind.kind == "timestamptz" else f"epoch_us({name})"


def json_kind(text: str) -> str:
    """SQL, on every warehouse: what is added up of a json column, by the first character of a value's text (an object, a list, a
    text, true or false, a number). The kinds are far apart: a few of one are no other."""
    first = f"ascii(left({text}, 1))"
    return (
        f"CASE {first} WHEN 123 THEN 1 WHEN 91 THEN 16 WHEN 34 THEN 256 WHEN 116 THEN 65536 WHEN 102 THEN 65536 "
        f"ELSE CASE WHEN {text} IS NOT NULL THEN 4096 END END"
    )


def double_text(name: str) -> str:
    """SQL, on every warehouse: a double as its whole part and 2**53 times the rest, which no two engines spell in two ways. Of
    numbers beyond that only the sum is compared."""
    whole, rest = f"trunc({name})", f"trunc(({name} - trunc({name})) * 9007199254740992)"
    return (
        f"CASE WHEN abs({name}) < 9007199254740992 THEN CAST(CAST({whole} AS bigint) AS varchar) || ':' || "
        f"CAST(CAST({rest} AS bigint) AS varchar) WHEN {name} IS NOT NULL THEN 'wide' END"
    )


def _first_bits(text: str) -> str:
    """The first 32 bits of an MD5, which DuckDB has as a number with its first byte last: by way of its digits they take
    twice as long."""
    bits = f"(md5_number({text}) & 4294967295::UHUGEINT)::BIGINT"
    return f"(({bits} & 255) << 24) | (({bits} & 65280) << 8) | (({bits} >> 8) & 65280) | ({bits} >> 24)"


def read_checksum(row: Sequence[object], columns: int, hashed_by: Hash = "md5") -> Checksum:
    """The figures from one row of a query with the select list above (any warehouse). A sum may come as a text of
    several terms with blanks between them, where no type of the warehouse holds it."""
    values = [int(str(value)) for value in row[1 : 1 + columns]]
    sums = [_added(str(value)) for value in row[1 + columns : 1 + 2 * columns]]
    magnitudes = [float(str(value)) for value in row[1 + 2 * columns : 1 + 3 * columns]]
    text, spelled = row[1 + 3 * columns], row[2 + 3 * columns]
    json_hash = None if spelled is None else int(Decimal(str(spelled)))
    text_hash = int(Decimal(str(text)))
    return Checksum(int(str(row[0])), tuple(values), tuple(sums), tuple(magnitudes), text_hash, json_hash, hashed_by)


def _added(terms: str) -> Decimal:
    total = Decimal(0)
    for term in terms.split():
        total = _EXACT.add(total, Decimal(term))
    return total


def _duckdb_sum(kind: ColumnType, name: str) -> str:
    match kind.kind:
        case "varchar":
            value = f"sum(strlen({name}))"
        case "binary":
            value = f"sum(strlen({name}) // 2)"
        case "json":
            value = f"sum({json_kind(name)})"
        case "boolean":
            value = f"sum({name}::INTEGER)"
        case "date":
            value = f"sum(({name} - DATE '1970-01-01')::BIGINT)"
        case "timestamp" | "timestamptz" | "time":
            value = f"sum({microseconds_sql(kind, name)})"
        case "decimal" if kind.precision > 28:
            # A sum of wider decimals could overflow 38 digits: the upper and lower digits are summed apart.
            digits = f"replace({name}::VARCHAR, '.', '')::HUGEINT"
            upper, lower = f"sum({digits} // {_HALF}::HUGEINT)", f"sum({digits} % {_HALF}::HUGEINT)"
            value = f"{upper}::VARCHAR || 'e{19 - kind.scale} ' || {lower}::VARCHAR || 'e-{kind.scale}'"
            return f"coalesce({value}, '0')"
        case "double precision":
            value = f"sum({summable(name)})"
        case _:
            value = f"sum({name})"
    return f"coalesce({value}, 0)"
