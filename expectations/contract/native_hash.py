"""Figures by PostgreSQL's own hash (`lookup3`), of rows in DuckDB: what is handed over for them, and the hashes made of it.

MD5 takes PostgreSQL three to eight times as long as all other figures of a table (docs/scale.md). The hash of a row goes from
one text column to the next, and over its documents apart: each hash is the seed of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.declarations.columns import Column
from expectations.contract.checksum import NATIVE_TIMES, NULL_IN_HASH, Checksum, microseconds_sql
from expectations.contract.groups import AT_ONCE
from expectations.contract.lookup3 import Hashes, of_integers, of_texts, total
from expectations.contract.quoting import identifier, ours

LONGEST_TEXT = 120
"""Bytes of a text that is hashed as it is; of a longer one its MD5 is hashed, since few long ones would cost as much as many."""
_EPOCH = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's points in time begin."""
HASHED = ("varchar", "binary", "json")


def is_cheaper(columns: Sequence[Column]) -> bool:
    """Whether figures of these columns cost less than by MD5: where any is by a hash, and all columns are read at once."""
    return len(columns) <= AT_ONCE and any(column.column_type.kind in (*NATIVE_TIMES, *HASHED) for column in columns)


def may_be_long(column: Column) -> bool:
    """Whether a value may be hashed by way of its MD5."""
    return column.column_type.kind == "json" or (column.column_type.text_length or 0) > LONGEST_TEXT


def handed_over(columns: Sequence[Column]) -> dict[str, str]:
    """SQL aggregates by the names under which `HandedOver` asks for them, over typed columns with the contract's names."""
    found = {}
    for place, column in enumerate(columns):
        name, kind = identifier(column.name), column.column_type.kind
        if kind in NATIVE_TIMES:
            moment = microseconds_sql(column.column_type, name)
            found[_numbers(place)] = f"coalesce(list({moment}) FILTER (WHERE {name} IS NOT NULL), [])"
        elif kind in HASHED:
            text = f"coalesce({name}, chr({ord(NULL_IN_HASH)}))"
            if may_be_long(column):
                text = f"CASE WHEN strlen({name}) > {LONGEST_TEXT} THEN md5({name}) ELSE {text} END"
            found[_texts(place)] = f"coalesce(string_agg({text}, ''), '')"
            found[_numbers(place)] = f"coalesce(list(strlen({text})::INTEGER), [])"
    return found


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What was handed over of some rows. `fetch`: the value of a column of the only row of aggregates."""

    fetch: Callable[[str], Any]

    def moments(self, place: int) -> NDArray[np.int64]:
        """Of a column: microseconds since 1970, of a time those since midnight; without NULL."""
        return self._array(place)

    def texts(self, place: int) -> tuple[bytes, NDArray[np.int64]]:
        """Of a column, one behind the other as they are hashed, and how many bytes each is."""
        return str(self.fetch(_texts(place))).encode(), self._array(place)

    def _array(self, place: int) -> NDArray[np.int64]:
        return np.asarray(self.fetch(_numbers(place)), np.int64)


def with_hashes(checksum: Checksum, columns: Sequence[Column], rows: HandedOver) -> Checksum:
    """The figures of rows with those that are hashes, made of what was handed over of the same columns."""
    sums = list(checksum.sums)
    hashes: dict[bool, Hashes] = {}
    for place, column in enumerate(columns):
        kind = column.column_type.kind
        if kind in NATIVE_TIMES:
            moments = rows.moments(place)
            sums[place] = Decimal(total(of_integers(moments if kind == "time" else moments - _EPOCH)))
        elif kind in HASHED:
            hashes[kind == "json"] = of_texts(*rows.texts(place), hashes.get(kind == "json"))
    of_rows, of_json = (total(hashes[is_json]) if is_json in hashes else 0 for is_json in (False, True))
    return replace(checksum, sums=tuple(sums), text_hash=of_rows, json_hash=of_json, hashed_by="lookup3")


def _texts(place: int) -> str:
    return ours(f"texts{place}")


def _numbers(place: int) -> str:
    return ours(f"numbers{place}")
