"""The profile of a batch: every figure that is kept of it. Plain numbers and short texts, no rows.

A profile of 20 columns is at most about 100 KB of JSON. Counts are estimates where the batch was larger than the
sample (see `measure`); `rows` and `nulls` are always exact.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from deployments.declarations.kinds import Measured

VERSION = 10
# Older profiles that are read: what they lack is empty, and is compared once enough batches have it.
READABLE = frozenset({7, 8, 9, VERSION})

Kind = Measured

# Probabilities of the quantiles kept of numbers; the ends are the extremes.
GRID = (0.0, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
        0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 1.0)  # fmt: skip
CLOCK_GRID = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
LENGTH_GRID = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class ColumnKind:
    """A column as declared. Of a masked column no value is kept: shares, lengths, formats and keyed hashes only."""

    name: str
    kind: Kind
    masked: bool = False


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers. `decimals` counts values that need 0, 1, 2, 3 or more digits after the point; `units` and
    `hundredths` up to 8,192 values by the digit 0 to 9 that stands there, `multiples` how many of these aren't 0, and are
    multiples of 10, 100, 1,000 (empty: not counted). `endings` counts them by their last two digits, 00 to 99: of the whole
    number where all are whole, else of the hundredths.
    """

    count: float
    zero: float
    negative: float
    decimals: tuple[float, ...]
    mean: float
    deviation: float
    log_mean: float
    log_deviation: float
    quantiles: tuple[float, ...]
    units: tuple[float, ...] = ()
    hundredths: tuple[float, ...] = ()
    multiples: tuple[float, ...] = ()
    endings: tuple[float, ...] = ()


@dataclass(frozen=True)
class Clock:
    """A column read as points in time (seconds since 1970, as written, no zone applied).

    `order` is "dmy" or "mdy" where the spelling leaves both open (two clocks are kept then), else empty.
    """

    order: str
    count: float
    days: int
    midnight: float
    whole_minutes: float
    hours: tuple[float, ...]
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Text:
    """A column read as text: counts of rows, most common character-class patterns, lengths in characters. `escaped`: values in
    which a character stands as a web page writes it (`&amp;`); None: not counted.
    """

    counted: float
    nullish: float
    edge_space: float
    double_space: float
    upper: float
    lower: float
    digits_only: float
    non_ascii: float
    garbled: float
    length_mean: float
    length_deviation: float
    lengths: tuple[float, ...]
    formats: tuple[tuple[str, float], ...]
    escaped: float | None = None


@dataclass(frozen=True)
class Sketch:
    """The values with the smallest hashes and how many rows hold each; all values when `complete`."""

    hashes: tuple[int, ...]
    counts: tuple[float, ...]
    complete: bool


@dataclass(frozen=True)
class ColumnProfile:
    """Figures of one column. `same_next`: rows whose value equals that of the next row, in the order of delivery. `steps`: how
    often a number or point in time falls, and rises, from one row that has one to the next (of the first rows; None: uncounted).
    `ends`: of texts that differ in the number at their end alone, of as many digits in all, the smallest and the largest.
    """

    kind: Kind
    masked: bool
    nulls: int
    distinct: float
    text: Text
    top: tuple[tuple[str, float], ...]
    sketch: Sketch
    numbers: Numbers | None = None
    clocks: tuple[Clock, ...] = ()
    same_next: float = 0.0
    autocorrelation: float | None = None
    steps: tuple[float, float] | None = None
    ends: tuple[float, float] | None = None


@dataclass(frozen=True)
class Relations:
    """What holds between columns, measured on the first rows (`rows` of them, in the order of delivery).

    `distinct`/`pairs`: different values and pairs of values; `ranks`: rank correlations; `explained`: share of the
    variance of a number's ranks that a category explains; `means`/`covariance` of raw and of logarithmic numbers;
    `formulas`: share of rows where a sum or product holds; `parts`: share of rows where a number is a part of a date;
    `gaps`: (share of rows in order, quantiles of the difference in seconds) between two clocks;
    `segments`: rows, missing, mean and deviation of a column within a category's value: of numbers logarithmic, of clocks in
    hours from the mean time of day of all rows, round the clock; `combinations` of the values of two columns with few of them:
    the hashes of both (16 bits each, of the column that comes first by name in the upper half), and how many rows have them.
    """

    rows: int = 0
    distinct: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    ranks: dict[str, float] = field(default_factory=dict)
    explained: dict[str, float] = field(default_factory=dict)
    number_columns: tuple[str, ...] = ()
    means: tuple[tuple[float, ...], ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()
    formulas: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    gaps: dict[str, tuple[float, ...]] = field(default_factory=dict)
    segments: dict[str, tuple[float, ...]] = field(default_factory=dict)
    combinations: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)


# Separates column names in the keys of `Relations`; can't stand in a CSV header by accident.
BETWEEN = "\x1f"
# Of the values of two columns at most so many combinations are kept.
COMBINATIONS = 64
# Of at most so many rows the marks of their values are kept.
MARKED_ROWS = 128


@dataclass(frozen=True, eq=False)
class Profile:
    """Everything kept of one batch. `row_marks`: (hash without clocks, hash of all) of a sample of rows; those of another hash
    (`marked_by`) can't be compared with them. `value_marks`: by column the marks of 16 bits (0: absent) that the values of some
    rows have, spread evenly over the first ones, the same rows in every column; none of masked columns and of points in time.
    Of a file: its `delimiter`, and whether it ends without a line end (`unfinished`).

    Compared by identity; compare `to_json()` for equal figures.
    """

    rows: int
    columns: dict[str, ColumnProfile]
    sampled: int = 0
    duplicates: float = 0.0
    same_rows_next: float = 0.0
    row_marks: tuple[tuple[int, int], ...] = ()
    row_marks_complete: bool = True
    marked_by: str = "md5"
    value_marks: dict[str, tuple[int, ...]] = field(default_factory=dict)
    relations: Relations = field(default_factory=Relations)
    unreadable: int = 0
    encoding: str = "utf-8"
    delimiter: str = ""
    unfinished: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values; floats keep six significant digits, so that a stored profile equals a measured one."""
        data = _plain(self)
        for column in data["columns"].values():
            # A third of the size of a list of numbers.
            column["sketch"]["hashes"] = b64encode(array("I", column["sketch"]["hashes"]).tobytes()).decode()
        data["value_marks"] = {
            name: b64encode(array("H", marks).tobytes()).decode() for name, marks in data["value_marks"].items()
        }
        return {"version": VERSION, **data}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Profile:
        """The inverse of `to_json`; ValueError for a profile of a version that isn't READABLE."""
        if data.get("version") not in READABLE:
            raise ValueError(f"profile of version {data.get('version')!r}, this software reads {sorted(READABLE)}")
        # What was kept beside the figures, such as how the columns were declared, is somebody else's.
        values = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        values["columns"] = {name: _column(column) for name, column in data["columns"].items()}
        values["row_marks"] = _tuples(data["row_marks"])
        values["value_marks"] = {
            name: tuple(array("H", b64decode(marks))) for name, marks in data.get("value_marks", {}).items()
        }
        values["relations"] = Relations(**{k: _tuples(v) for k, v in data["relations"].items()})
        return cls(**values)


def _column(data: dict[str, Any]) -> ColumnProfile:
    values: dict[str, Any] = {key: _tuples(value) for key, value in data.items()}
    values["text"] = Text(**{k: _tuples(v) for k, v in data["text"].items()})
    sketch = data["sketch"]
    hashes = array("I", b64decode(sketch["hashes"]))
    values["sketch"] = Sketch(tuple(hashes), _tuples(sketch["counts"]), sketch["complete"])
    if data["numbers"] is not None:
        values["numbers"] = Numbers(**{k: _tuples(v) for k, v in data["numbers"].items()})
    values["clocks"] = tuple(Clock(**{k: _tuples(v) for k, v in clock.items()}) for clock in data["clocks"])
    return ColumnProfile(**values)


def _plain(value: Any) -> Any:
    # Most of a profile are whole numbers and texts.
    if type(value) in (int, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return value


def _tuples(value: Any) -> Any:
    """Lists as tuples; a list holds either lists and objects only, or neither."""
    if isinstance(value, list):
        nested = any(isinstance(item, (list, dict)) for item in value[:1])
        return tuple(map(_tuples, value)) if nested else tuple(value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
