"""The contract's columns: a type both warehouses know, and the declared conversions that lead to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from deployments.declarations.kinds import ALLOWED_TYPES, KINDS, SPELLED, Kind
from deployments.declarations.model import Declared, Identifier, Zone
from deployments.declarations.time_format import check_format

Cast = Literal["trim", "accounting", "percent", "percent_points", "space_thousands", "apostrophe_thousands", "drop_thousands",
               "decimal_comma", "whole_number", "upper", "lower"]  # fmt: skip
_OF_NUMBERS = ("accounting", "percent", "percent_points", "space_thousands", "apostrophe_thousands", "decimal_comma")
_OF_TEXT_ALONE = ("upper", "lower")
_OF_TEXT_TOO = ("whole_number", "drop_thousands")
_EXCLUDING = (("decimal_comma", "drop_thousands"), ("percent", "percent_points"))

_TYPE = re.compile(r"(?P<name>[a-z0-9 ]+?)\s*(?:\(\s*(?P<a>\d+)\s*(?:,\s*(?P<b>\d+)\s*)?\))?")
MAX_VARCHAR_BYTES = 65535
MAX_BINARY_BYTES = 32767
"""Twice as many digits fit a text of both warehouses."""
MAX_PRECISION = 38
KEPT_BY_WAREHOUSES = ("cmax", "cmin", "ctid", "deletexid", "insertxid", "oid", "tableoid", "xmax", "xmin")
"""Columns that every table of PostgreSQL or Redshift has by itself: none can be declared."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A warehouse type. `length` is in bytes of UTF-8, as Redshift counts, on both warehouses."""

    kind: Kind
    length: int = 0
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        if self.kind == "varchar":
            return f"varchar({self.length})"
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.kind

    @property
    def text_length(self) -> int | None:
        """Bytes of the longest text that stands for a value in the checks; None where the type is no text there."""
        return {"varchar": self.length, "binary": 2 * MAX_BINARY_BYTES, "json": MAX_VARCHAR_BYTES}.get(self.kind)

    @property
    def is_number(self) -> bool:
        return KINDS[self.kind].is_number


_OF_OTHERS = (
    {"text": "Redshift's TEXT is varchar(256): write the length you mean"}
    | dict.fromkeys(("string", "str", "char", "character", "nvarchar", "clob"), "write varchar(n), n in bytes")
    | dict.fromkeys(("datetime", "datetime2"), "write timestamp, or timestamptz for times with an offset")
    | dict.fromkeys(
        ("float", "real", "number", "money"), 'write "decimal(p,s)" for amounts, double precision for measures'
    )
    | dict.fromkeys(("object", "array", "variant", "struct", "map"), "write json")
    | dict.fromkeys(("blob", "bytes", "raw"), "write binary")
    | {"uuid": "write varchar(36)", "tinyint": "write smallint"}
)


def parse_type(text: str) -> ColumnType:
    """The type a declaration spells; ValueError with what is allowed when it isn't one."""
    match = _TYPE.fullmatch(text.strip().lower())
    kind = SPELLED.get(match["name"].strip()) if match else None
    if match is None or kind is None:
        meant = _OF_OTHERS.get(match["name"].strip()) if match else None
        hint = f" ({meant})" if meant else ""
        if text.lower().replace(" ", "") == "varchar(max)":
            hint = f" (write varchar({MAX_VARCHAR_BYTES}))"
        if "(" in text and ")" not in text:
            hint = ' (YAML ends it at the comma inside { }: write it in quotes, such as "decimal(12,2)")'
        raise ValueError(f"'{text}' isn't a type of both warehouses{hint}; allowed: {ALLOWED_TYPES}")
    a, b = match["a"], match["b"]
    if kind == "varchar":
        if a is None or b is not None or not 1 <= int(a) <= MAX_VARCHAR_BYTES:
            raise ValueError(f"'{text}': varchar needs a length in bytes from 1 to {MAX_VARCHAR_BYTES}")
        return ColumnType(kind, length=int(a))
    if kind == "decimal":
        precision, scale = int(a or 0), int(b or 0)
        if not 1 <= precision <= MAX_PRECISION or scale > precision:
            raise ValueError(f"'{text}': decimal needs (precision, scale), 1 to {MAX_PRECISION} digits")
        return ColumnType(kind, precision=precision, scale=scale)
    if a is not None:
        raise ValueError(f"'{text}': {kind} takes no length")
    return ColumnType(kind)


def _free_name(name: str) -> str:
    if name in KEPT_BY_WAREHOUSES:
        raise ValueError(f"'{name}' is a column the warehouses keep for themselves; another name, and from: {name}")
    return name


def _known_encoding(value: str) -> str:
    known = ("auto", "az64", "bytedict", "delta", "delta32k", "lzo", "mostly8", "mostly16", "mostly32", "raw", "runlength",
             "text255", "text32k", "zstd")  # fmt: skip
    if value.lower() not in known:
        raise ValueError(f"'{value}' isn't a Redshift encoding; allowed: {', '.join(known)}")
    return value


ColumnName = Annotated[Identifier, AfterValidator(_free_name)]
TypeName = Annotated[str, AfterValidator(lambda text: str(parse_type(text)))]
Encoding = Annotated[str, AfterValidator(_known_encoding)]


class Column(Declared):
    """One column of the contract."""

    name: ColumnName = Field(description="Name in the warehouse.")
    type: TypeName = Field(description=f"One of {ALLOWED_TYPES}.")
    nullable: bool = Field(True, description="False: a row without a value is quarantined (NOT-NULL).")
    from_: str | None = Field(None, alias="from", description="Name in the source, when it differs.")
    unit: str | None = Field(None, description="What the number counts, such as USD or seconds; for reports.")
    description: str | None = Field(None, description="What it means; becomes the column's comment.")
    null: tuple[str, ...] = Field((), description="Spellings that mean 'no value', such as NA.")
    strip: tuple[str, ...] = Field((), description="Units that may stand before or behind a number, such as $ or EUR.")
    cast: tuple[Cast, ...] = Field(
        (),
        description="Conversions: trim, accounting ((12.50) and 12.50- are -12.50), percent (5% is 0.05), percent_points "
        "(5% is 5), space_thousands (1 234), apostrophe_thousands (1'234), drop_thousands (1,234), decimal_comma (6.252,53), "
        "whole_number (17850.0 is 17850), upper, lower. They are applied in this order.",
    )
    format: str | None = Field(None, description="strptime format of a date, timestamp or time that isn't ISO.")
    source_timezone: Zone | None = Field(None, description="Zone of a timestamp written without one; stored as UTC.")
    ambiguous: Literal["quarantine", "first", "second"] = Field(
        "quarantine", description="Which of the two hours when clocks go back; quarantine when unknown."
    )
    encode: Encoding | None = Field(None, description="Redshift column encoding, such as az64 or zstd.")

    @field_validator("cast", "null", "strip", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_type(self) -> Column:
        kind = self.column_type.kind
        if kind == "timestamp" and self.source_timezone is None:
            raise ValueError("a timestamp without zone needs source_timezone (UTC if the source writes UTC)")
        if kind != "timestamp" and self.source_timezone is not None:
            raise ValueError(f"source_timezone belongs to timestamp, not to {kind}")
        if self.format is not None:
            if kind not in ("date", "timestamp", "time"):
                raise ValueError(f"format belongs to date, timestamp and time, not to {kind}")
            check_format(self.format, kind)
        self._check_conversions(kind)
        return self

    def _check_conversions(self, kind: Kind) -> None:
        for cast in self.cast:
            if cast in _OF_NUMBERS and not self.column_type.is_number:
                raise ValueError(f"cast {cast} belongs to numbers, not to {kind}")
            if cast in _OF_TEXT_TOO and not self.column_type.is_number and kind != "varchar":
                raise ValueError(f"cast {cast} belongs to numbers (or their text), not to {kind}")
            if cast in _OF_TEXT_ALONE and kind == "json":
                raise ValueError(f"cast {cast} would change the words of JSON: {cast} belongs to text, not to json")
        for one, other in _EXCLUDING:
            if one in self.cast and other in self.cast:
                raise ValueError(f"cast {one} and cast {other} read the same text differently: one of them")
        if "percent" in self.cast and kind not in ("decimal", "double precision"):
            raise ValueError(
                f"cast percent makes fractions (5% is 0.05), which {kind} can't hold; 5% is 5: percent_points"
            )
        if self.strip and not self.column_type.is_number:
            raise ValueError(f"strip belongs to numbers, not to {kind}")
        for unit in self.strip:
            if not unit.strip() or re.search(r"[0-9.,()%-]", unit):
                raise ValueError(
                    f"strip '{unit}': a unit has no digits, dots, commas, signs or brackets (percent: cast)"
                )

    @property
    def column_type(self) -> ColumnType:
        return parse_type(self.type)

    @property
    def source_name(self) -> str:
        return self.from_ or self.name
