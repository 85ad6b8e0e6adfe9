"""A batch as columns of text, as it stands in a CSV file: what the injections change and the benchmark writes."""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


@dataclass(frozen=True)
class Table:
    """Columns in order; every value is text, an empty text is an absent value."""

    columns: dict[str, list[str]]

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def with_column(self, name: str, values: list[str]) -> Table:
        return Table({key: values if key == name else old for key, old in self.columns.items()})

    def take(self, positions: list[int]) -> Table:
        return Table({key: [values[i] for i in positions] for key, values in self.columns.items()})

    def numeric(self, share: float = 0.15) -> list[str]:
        """Columns in which at least this share of values are numbers."""
        return [c for c, v in self.columns.items() if sum(map(is_number, v)) >= max(share * len(v), 2)]

    def dates(self) -> list[str]:
        return [c for c, v in self.columns.items() if sum(date_format(x) is not None for x in v) >= 0.9 * len(v)]

    def texts(self) -> list[str]:
        """Columns that are neither numbers nor dates and hold letters."""
        skip = set(self.numeric(0.8)) | set(self.dates())
        return [c for c, v in self.columns.items() if c not in skip and any(ch.isalpha() for x in v[:200] for ch in x)]

    def categories(self, least: int = 2, most: int = 60) -> list[str]:
        """Columns with few values, each of which stands in several rows."""
        skip = set(self.dates())
        return [
            c
            for c, v in self.columns.items()
            if c not in skip and least <= len(set(v)) <= most and len(set(v)) * 3 <= len(v)
        ]


def is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def date_format(text: str) -> str | None:
    if len(text) < 8 or not text[0].isdigit() or text[4:5] not in {"-", "/"}:
        return None
    for form in FORMATS:
        try:
            datetime.strptime(text, form)
        except ValueError:
            continue
        return form
    return None


def read(path: Path) -> Table:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle)
        header = next(rows)
        body = list(rows)
    return Table({name: [row[i] for row in body] for i, name in enumerate(header)})


def write(table: Table, path: Path, encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, errors="replace", newline="") as handle:
        out = csv.writer(handle, lineterminator="\n")
        out.writerow(table.columns)
        out.writerows(zip(*table.columns.values(), strict=True))
