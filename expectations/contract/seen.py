"""What one pass over a part says of its rows beside their faults: their checksum, and what is asked of them for the suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deployments.declarations.columns import Column
from expectations.contract.checksum import Checksum, Hash, duckdb_checksum_sql, read_checksum
from expectations.contract.quoting import identifier
from expectations.rows.compile import RowRule

COUNTED_VALUES = 1_000
"""Of a column with more different values, only that there are more is known."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Rules that set no row aside: whether any row breaks them. Columns whose different values are counted."""

    rules: tuple[RowRule, ...] = ()
    counted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """`broken`: codes of the asked rules that a row breaks; None where they weren't asked. `values`: the different values of
    each counted column, NULL apart; without columns that have more than COUNTED_VALUES."""

    checksum: Checksum
    broken: frozenset[str] | None
    values: Mapping[str, frozenset[object]] = field(default_factory=dict)


def seen_sql(columns: Sequence[Column], asked: Asked | None, hashed_by: Hash) -> str:
    """The select list of what `read_seen` reads, over typed columns with the contract's names."""
    figures = [duckdb_checksum_sql(columns, hashed_by=hashed_by)]
    for rule in asked.rules if asked is not None else ():
        figures.append(f"coalesce(bool_or({rule.predicate_sql}), false)")
    for name in map(identifier, asked.counted if asked is not None else ()):
        figures.append(f"(list(DISTINCT {name}) FILTER (WHERE {name} IS NOT NULL))[:{COUNTED_VALUES + 1}]")
    return ", ".join(figures)


def read_seen(row: Sequence[object], columns: int, asked: Asked | None, hashed_by: Hash) -> Seen:
    """From the only row of a query with the select list above, over so many columns."""
    if asked is None:
        return Seen(read_checksum(row, columns, hashed_by), None)
    counted, rules = len(row) - len(asked.counted), len(row) - len(asked.counted) - len(asked.rules)
    broken = frozenset(rule.code for rule, found in zip(asked.rules, row[rules:counted], strict=True) if found)
    values = {}
    for name, found in zip(asked.counted, row[counted:], strict=True):
        different = frozenset(found if isinstance(found, list) else ())
        if len(different) <= COUNTED_VALUES:
            values[name] = different
    return Seen(read_checksum(row[:rules], columns, hashed_by), broken, values)


def nothing_seen(columns: int, asked: Asked | None) -> Seen:
    """Of no rows."""
    if asked is None:
        return Seen(Checksum.empty(columns), None)
    return Seen(Checksum.empty(columns), frozenset(), {name: frozenset() for name in asked.counted})
