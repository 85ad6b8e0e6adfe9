"""One column of the contract as DuckDB SQL: declared conversions, the allowed spellings, the staged text, the value.

A spelling is allowed when PostgreSQL and Redshift read it as the same value. DuckDB's own TRY_CAST is wider ('1.6' is 2,
'1_000' is 1000 there), so a pattern is asked first and the cast only says whether the value fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deployments.declarations.columns import MAX_BINARY_BYTES, MAX_VARCHAR_BYTES, Column, ColumnType
from deployments.declarations.kinds import KINDS
from expectations.contract.canonical_json import FUNCTION as CANONICAL
from expectations.contract.clocks import moment_sql, repeated_sql, skipped_sql
from expectations.contract.conversions import NO_VALUE, converted
from expectations.contract.quoting import identifier, literal

MASK_INNER, MASK_OUTER = "headgate_mask_inner", "headgate_mask_outer"
"""DuckDB variables that hold the two padded keys of HMAC-SHA-256; see `mask.set_key`."""

POSTGRES_BYTES = "\\x"
"""What stands before the digits of bytes for PostgreSQL; for Redshift there stands nothing."""
_INTEGER_RANGE = {"smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT"}
_NUMBER = r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_SPAN = r"-[0-9]{2,3}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?|([0-9]{3}|2[4-9]|[3-9][0-9]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_HEX = r"(\\x|0x)?([0-9A-Fa-f]{2})*"
_BLANKS = "E' \\t\\r\\n'"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_YEARS = "BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
_TRUE_FALSE = "t|f|true|false|y|n|yes|no|1|0"


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason to set a row aside: the SQL condition (over `text`) that is true when the value has it."""

    code: str
    condition: str


@dataclass(frozen=True, slots=True)
class LexicalColumn:
    """SQL of one column. `text`, `staged` and `value` build on each other by the names they are given."""

    name: str
    text: str
    faults: tuple[Fault, ...]
    staged: str
    value: str
    duckdb_type: str
    untouched: bool
    """Whether the staged text is always the source's own."""
    plain: str
    """SQL, never NULL: whether there is no fault at all, over `text` and the value by the column's name. Mostly it is enough
    to compare the text with how the value is written, where the faults ask several patterns."""


def lexical_column(
    column: Column, field: str, text: str, staged: str, *, masked: bool, bytes_prefix: str = POSTGRES_BYTES
) -> LexicalColumn:
    """SQL for a column whose source text is `field`; `text` and `staged` are the names its later forms will have.
    `bytes_prefix`: what stands before the digits of bytes where they are staged for the warehouse.
    """
    kind = column.column_type
    faults: list[Fault] = [] if column.nullable else [Fault("NOT-NULL", f"{text} IS NULL")]
    if column.format is not None:
        # Text that doesn't have the declared format must not pass by looking like an ISO date.
        faults.append(Fault(f"NOT-{kind.kind.upper()}", f"starts_with({text}, {NO_VALUE})"))
    faults += _faults(kind, column, text)
    if kind.kind == "binary" and not bytes_prefix:
        # Between quotes with nothing in them and no value at all, a COPY of Redshift sees no difference.
        faults.append(Fault("EMPTY-BYTES", f"{_digits(text)} = ''"))
    source_text = converted(column, field)
    if kind.kind == "json":
        # The warehouses have no common way to tell the value null from no value.
        source_text = f"CASE WHEN trim({source_text}, {_BLANKS}) = 'null' THEN NULL ELSE {source_text} END"
    staged_sql = _staged(kind, column, text, masked=masked, bytes_prefix=bytes_prefix)
    return LexicalColumn(
        name=column.name,
        text=source_text,
        faults=tuple(faults),
        staged=staged_sql,
        value=_value(kind, staged),
        duckdb_type=duckdb_type(kind),
        untouched=staged_sql == text and source_text == field,
        plain=_plain(column, text, faults, as_text=staged_sql == text),
    )


def duckdb_type(kind: ColumnType) -> str:
    """The DuckDB type that holds every value of a warehouse type."""
    name = KINDS[kind.kind].duckdb
    return f"{name}({kind.precision},{kind.scale})" if kind.kind == "decimal" else name


def _faults(kind: ColumnType, column: Column, text: str) -> list[Fault]:
    def unlike(pattern: str) -> str:
        return f"NOT regexp_full_match({text}, {literal(pattern)})"

    match kind.kind:
        case "varchar":
            return [Fault("TOO-LONG", f"strlen({text}) > {kind.length}")]
        case "binary":
            return [
                Fault("NOT-HEX", unlike(_HEX)),
                Fault("TOO-LONG", f"strlen({_digits(text)}) > {2 * MAX_BINARY_BYTES}"),
            ]
        case "json":
            value = f"{CANONICAL}({text})"
            return [Fault("NOT-JSON", f"{value} IS NULL AND {text} IS NOT NULL"),
                    Fault("TOO-LONG", f"strlen({value}) > {MAX_VARCHAR_BYTES}")]  # fmt: skip
        case "smallint" | "integer" | "bigint":
            cast = f"TRY_CAST({text} AS {_INTEGER_RANGE[kind.kind]}) IS NULL AND {text} IS NOT NULL"
            return [Fault("NOT-INTEGER", unlike("-?[0-9]+")), Fault("OUT-OF-RANGE", cast)]
        case "decimal":
            places = f"strlen(split_part({text}, '.', 2)) > {kind.scale}"
            digits = f"strlen(ltrim(split_part({text}, '.', 1), '-0')) > {kind.precision - kind.scale}"
            return [Fault("NOT-DECIMAL", unlike(_NUMBER)), Fault("TOO-MANY-PLACES", places),
                    Fault("OUT-OF-RANGE", digits)]  # fmt: skip
        case "double precision":
            value = f"TRY_CAST({text} AS DOUBLE)"
            # PostgreSQL refuses what overflows, and what would silently become zero.
            lost = f"({value} = 0 AND regexp_matches(regexp_replace({text}, '[eE].*$', ''), '[1-9]'))"
            tiny = f"(abs({value}) > 0 AND abs({value}) < 2.2250738585072014e-308)"
            return [Fault("NOT-NUMBER", unlike(_NUMBER + "([eE][+-]?[0-9]{1,3})?")),
                    Fault("OUT-OF-RANGE", f"({value} IS NULL AND {text} IS NOT NULL) OR isinf({value}) OR {lost} "
                                          f"OR {tiny}")]  # fmt: skip
        case "boolean":
            return [Fault("NOT-BOOLEAN", f"NOT regexp_full_match(lower({text}), '{_TRUE_FALSE}')")]
        case "date":
            value = f"TRY_CAST({text} AS DATE)"
            return [Fault("NOT-DATE", unlike(_DATE)), Fault("NOT-DATE", f"{value} IS NULL AND {text} IS NOT NULL"),
                    Fault("OUT-OF-RANGE", f"{value} < DATE '0001-01-01'")]  # fmt: skip
        case "time":
            value = f"TRY_CAST({text} AS TIME)"
            # A span of time, as MySQL's TIME also is, is no time of day.
            return [Fault("HAS-OFFSET", f"regexp_full_match({text}, {literal(_TIME + ' ?' + _OFFSET)})"),
                    Fault("OUT-OF-RANGE", f"regexp_full_match({text}, {literal(_SPAN)}) AND {value} IS NULL"),
                    Fault("OUT-OF-RANGE", f"substr({text}, 1, 2) = '24'"),
                    Fault("NOT-TIME", unlike(_TIME)),
                    Fault("NOT-TIME", f"{value} IS NULL AND {text} IS NOT NULL")]  # fmt: skip
        case "timestamp":
            stamp = f"{_DATE}[ T]{_TIME}"
            value = f"TRY_CAST({text} AS TIMESTAMP)"
            faults = [Fault("HAS-OFFSET", f"regexp_full_match({text}, {literal(stamp + ' ?' + _OFFSET)})"),
                      Fault("NOT-TIMESTAMP", unlike(stamp)),
                      Fault("NOT-TIMESTAMP", f"{value} IS NULL AND {text} IS NOT NULL"),
                      Fault("NOT-TIMESTAMP", f"substr({text}, 12, 2) = '24'"),
                      Fault("OUT-OF-RANGE", f"{value} NOT {_YEARS}")]  # fmt: skip
            return faults + _clock_faults(column, text)
        case "timestamptz":
            value = f"TRY_CAST({text} AS TIMESTAMPTZ)"
            return [Fault("NO-OFFSET", f"regexp_full_match({text}, {literal(f'{_DATE}[ T]{_TIME}')})"),
                    Fault("NOT-TIMESTAMP", unlike(f"{_DATE}[ T]{_TIME}{_OFFSET}")),
                    Fault("NOT-TIMESTAMP", f"{value} IS NULL AND {text} IS NOT NULL"),
                    Fault("NOT-TIMESTAMP", f"substr({text}, 12, 2) = '24'"),
                    Fault("OUT-OF-RANGE", f"timezone('UTC', {value}) NOT {_YEARS}")]  # fmt: skip


def _plain(column: Column, text: str, faults: Sequence[Fault], *, as_text: bool) -> str:
    kind, value = column.column_type, identifier(column.name)
    # In their order: what a later one computes may not exist for a text that an earlier one refuses.
    whens = " ".join(f"WHEN {fault.condition} THEN false" for fault in faults)
    faultless = f"CASE {whens} ELSE true END" if whens else "true"
    absent = str(column.nullable).lower()
    if kind.kind == "varchar" and column.format is None:
        return f"coalesce(strlen({text}) <= {kind.length}, {absent})"
    if not as_text:
        return faultless
    # What DuckDB writes is what both warehouses read, but for these.
    written_alike = {
        "date": f"{value} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'",
        "timestamp": f"{value} {_YEARS}",
        "time": f"{value} < TIME '24:00:00'",
        "double precision": f"isfinite({value}) AND ({value} = 0 OR abs({value}) >= 2.2250738585072014e-308)",
    }.get(kind.kind, "true")
    same = f"{value}::VARCHAR = {text} AND {written_alike}"
    return f"CASE WHEN coalesce({same}, {absent} AND {text} IS NULL) THEN true ELSE {faultless} END"


def zones_of(columns: Iterable[Column]) -> set[str]:
    """The zones whose clocks these columns need (`clocks.set_clocks`)."""
    return {zone for column in columns if (zone := column.source_timezone) is not None and not _is_utc(zone)}


def _is_utc(zone: str) -> bool:
    return zone.upper() in ("UTC", "ETC/UTC")


def _clock_faults(column: Column, text: str) -> list[Fault]:
    zone = column.source_timezone
    if zone is None or _is_utc(zone):
        return []
    value = _local_time(text)
    # Nowhere are clocks a whole day from UTC: what is further from the ends of all years stays within them.
    far = f"{value} BETWEEN TIMESTAMP '0001-01-03' AND TIMESTAMP '9999-12-29'"
    faults = [
        Fault("OUT-OF-RANGE", f"CASE WHEN {far} THEN false ELSE {moment_sql(zone, value, 'first')} NOT {_YEARS} END"),
        Fault("NO-SUCH-LOCAL-TIME", skipped_sql(zone, value)),
    ]
    if column.ambiguous == "quarantine":
        faults.append(Fault("AMBIGUOUS-LOCAL-TIME", repeated_sql(zone, value)))
    return faults


def _local_time(text: str) -> str:
    """The local time of a text, NULL for what is in no year from 1 to 9999."""
    value = f"TRY_CAST({text} AS TIMESTAMP)"
    return f"(CASE WHEN {value} {_YEARS} THEN {value} END)"


def _digits(text: str) -> str:
    return f"lower(regexp_replace({text}, '^(\\\\x|0x)', ''))"


def _staged(kind: ColumnType, column: Column, text: str, *, masked: bool, bytes_prefix: str) -> str:
    if masked:
        inner = f"unhex(sha256(getvariable('{MASK_INNER}')::BLOB || encode({text})))"
        digest = f"sha256(getvariable('{MASK_OUTER}')::BLOB || {inner})"
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE {digest} END"
    if kind.kind == "binary":
        return f"{literal(bytes_prefix)} || {_digits(text)}"
    if kind.kind == "json":
        return f"{CANONICAL}({text})"
    if kind.kind == "boolean":
        return f"lower({text})"
    if kind.kind == "timestamptz":
        utc = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
        return f"strftime({utc}, '%Y-%m-%d %H:%M:%S.%f') || '+00'"
    zone = column.source_timezone
    if kind.kind == "timestamp" and zone is not None and not _is_utc(zone):
        which = "second" if column.ambiguous == "second" else "first"
        return f"strftime({moment_sql(zone, _local_time(text), which)}, '%Y-%m-%d %H:%M:%S.%f')"
    return text


def _value(kind: ColumnType, staged: str) -> str:
    if kind.kind == "binary":
        return _digits(staged)
    return staged if kind.kind in ("varchar", "json") else f"TRY_CAST({staged} AS {duckdb_type(kind)})"
