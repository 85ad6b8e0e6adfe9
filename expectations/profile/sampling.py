"""Which rows of a large batch its profile is measured of: those with the smallest marks, whichever part they come in.

A part knows its rows of the sample by the number of rows of the whole batch alone, so that they can be kept while the part is
checked, and the batch isn't read once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from expectations.contract.quoting import identifier, literal
from expectations.profile.columns import text_of
from expectations.profile.model import ColumnKind

SAMPLED = 100_000


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sample of a batch of `rows`, or of more than so many while it is read: then it holds all rows of the later sample.

    `stable` are the columns, by place, that make a row's mark.
    """

    columns: tuple[ColumnKind, ...]
    stable: tuple[int, ...]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"c{place}" for place in range(len(self.columns)))

    def rows_sql(self, among: str) -> str:
        """SQL aggregate: the rows of the sample as a list of structs of texts c0, c1 ..., over typed columns with their names."""
        fields = ", ".join(f"{name}: {text}" for name, text in zip(self.names, self._texts(), strict=True))
        # The filter alone would let the texts of every row be made.
        return f"list(CASE WHEN {self._is_in()} THEN {{{fields}}} END) FILTER (WHERE {among} AND {self._is_in()})"

    def select_sql(self, relation: str) -> str:
        """SQL: the same rows of a relation, as texts c0, c1 ..."""
        return f"{self.all_sql(relation)} WHERE {self._is_in()}"

    def all_sql(self, relation: str) -> str:
        """SQL: all rows of a relation, as such texts."""
        texts = ", ".join(f"{text} AS {name}" for name, text in zip(self.names, self._texts(), strict=True))
        return f"SELECT {texts} FROM {relation}"

    def narrow_sql(self, kept: str) -> str:
        """SQL: the sample's own rows of a relation of such texts that was kept when fewer rows of the batch were known."""
        return f"SELECT * FROM {kept} WHERE {self._among(self.names)}"

    def write(self, connection: duckdb.DuckDBPyConnection, relation: str, clean: Path) -> Path:
        """Keep the rows of a checked part as a Parquet file beside it."""
        return write_sample(connection, self.select_sql(relation), clean)

    def _texts(self) -> list[str]:
        return [text_of(identifier(column.name), column.kind) for column in self.columns]

    def _is_in(self) -> str:
        return self._among(self._texts())

    def _among(self, texts: Sequence[str]) -> str:
        if self.rows <= SAMPLED:
            return "true"
        return f"{mark([texts[place] for place in self.stable] or texts)} < {int(2**64 * SAMPLED / self.rows)}::UBIGINT"


def write_sample(connection: duckdb.DuckDBPyConnection, select: str, clean: Path) -> Path:
    """Write the rows of a query beside a part's checked file; returns where."""
    sample = clean.with_name(f"{clean.name}.sample")
    connection.execute(f"COPY ({select}) TO {literal(str(sample))} (FORMAT parquet)")
    return sample


def mark(texts: Sequence[str]) -> str:
    """SQL of a 64-bit mark of a row by the texts of its values: the engine's own hash, which may change with its version."""
    return f"hash({', '.join(texts)})"


def marked_by(connection: duckdb.DuckDBPyConnection) -> str:
    """What tells the marks of one version of the engine from those of another."""
    found = connection.execute(f"SELECT {mark([repr(text) for text in ('headgate', 'mark')])}").fetchall()
    return f"hash {found[0][0]}"
