"""Which rows failed, told by their key and nothing else; a masked key is told by its keyed hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from expectations.suites.plain import plain

WITHHELD = "(masked)"
HASH_CHARACTERS = 16


def listed_keys(listed: Sequence[Any], frame: Any, key: Sequence[str], sample: int) -> Sequence[Mapping[str, Any]]:
    """Key values of at most `sample` failing rows, from the list the library gives.

    In memory it lists positions in the frame; in the warehouse, mappings of key columns to lists of values.
    """
    if frame is not None:
        rows = frame.iloc[[int(position) for position in listed[:sample]]]
        columns = [list(rows[name]) for name in key]
    else:
        columns = [[value for entry in listed for value in entry[name]][:sample] for name in key]
    return [dict(zip(key, row, strict=True)) for row in zip(*columns, strict=True)]


def shown_keys(
    rows: Sequence[Mapping[str, Any]], masked: Collection[str], mask_key: bytes
) -> tuple[Mapping[str, Any], ...]:
    """Keys as they may be kept: plain values, masked ones hashed, in an order that two runs share."""
    keys = [{name: _shown(value, name in masked, mask_key) for name, value in row.items()} for row in rows]
    return tuple(sorted(keys, key=lambda row: [(str(type(value)), value) for value in row.values()]))


def _shown(value: Any, is_masked: bool, mask_key: bytes) -> Any:
    shown = plain(value)
    if not is_masked or shown is None:
        return shown
    if not mask_key:
        # A hash without a key could be looked up by hashing every e-mail address there is.
        return WITHHELD
    return hmac.new(mask_key, str(shown).encode(), hashlib.sha256).hexdigest()[:HASH_CHARACTERS]
