"""What was measured of one field of a source. `values` and `few` are for the person at the terminal only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a field: a type with its conversions. `kind` groups readings that lead to the same type."""

    kind: str
    cast: tuple[str, ...] = ()
    format: str | None = None
    strip: tuple[str, ...] = ()

    @property
    def is_converted_number(self) -> bool:
        """Whether digits and places can only be counted in the converted text."""
        return self.kind in ("bigint", "decimal(38,12)") and bool(
            self.strip or set(self.cast) - {"trim", "whole_number"}
        )


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """Figures of one field over the records that were read; counts are records, lengths are bytes of UTF-8."""

    name: str
    rows: int
    nulls: int
    """Unquoted empty fields: no value."""
    empties: int
    """Quoted empty fields: an empty text."""
    nullish: Mapping[str, int]
    """Spellings that often mean 'no value', such as NA, with how often each occurs."""
    distinct: int
    shortest: int
    longest: int
    ascii_only: bool
    padded: int
    """Values with blanks around them."""
    leading_zeros: int
    """Digits with a zero in front, which a number would lose."""
    fits: Mapping[Reading, int]
    """How many values each reading takes. Values are what is left without nulls, empties and nullish spellings."""
    low: int | None
    high: int | None
    """Least and greatest whole number, when all values are numbers."""
    digits: int
    places: int
    """Longest run of digits before and after the decimal point."""
    negatives: int
    point_zero: int
    """Whole numbers written with one zero behind the point, as tools write a column that holds nulls: `17850.0`."""
    emails: int
    phones: int
    patterns: tuple[tuple[str, int], ...]
    """Commonest character patterns (A and a letters, 9 digits) with their records."""
    values: tuple[str, ...]
    """Commonest values."""
    few: tuple[str, ...]
    """All different values, when they are few."""

    @property
    def filled(self) -> int:
        """Values that aren't nulls, empty texts or spellings of 'no value'."""
        return self.rows - self.nulls - self.empties - sum(self.nullish.values())

    def share(self, reading: Reading) -> float:
        """The share of values that a reading takes."""
        return self.fits.get(reading, 0) / self.filled if self.filled else 0.0


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """What the source's own catalog says of a field."""

    type: str
    not_null: bool = False
