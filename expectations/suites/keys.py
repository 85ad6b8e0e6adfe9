"""Which rows failed, told by their key and nothing else; a masked key is told by its keyed hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from expectations.suites.plain import plain

WITHHELD = "(masked)"
HASH_CHARACTERS = 16


def failing_keys(
    result: Mapping[str, Any], frame: Any, key: Sequence[str], masked: Collection[str], mask_key: bytes, sample: int
) -> tuple[Mapping[str, Any], ...]:
    """Key values of at most `sample` failing rows, from the library's result for one rule."""
    listed = result.get("partial_unexpected_index_list") or []
    if frame is not None:
        rows = frame.iloc[[int(position) for position in listed[:sample]]]
        columns = {name: list(rows[name]) for name in key}
    else:
        columns = {name: list(values) for name, values in _by_column(listed, key).items()}
    found = zip(*(columns[name][:sample] for name in key), strict=True)
    keys = [
        {name: _shown(value, name in masked, mask_key) for name, value in zip(key, row, strict=True)} for row in found
    ]
    # The warehouse answers in any order; the same failures should read the same in two reports.
    return tuple(sorted(keys, key=lambda row: [(str(type(value)), value) for value in row.values()]))


def _by_column(listed: Sequence[Mapping[str, Any]], key: Sequence[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in key}
    for entry in listed:
        for name in key:
            value = entry[name]
            columns[name].extend(value if isinstance(value, list) else [value])
    return columns


def _shown(value: Any, is_masked: bool, mask_key: bytes) -> Any:
    shown = plain(value)
    if not is_masked or shown is None:
        return shown
    if not mask_key:
        # A hash without a key could be looked up by hashing every e-mail address there is.
        return WITHHELD
    return hmac.new(mask_key, str(shown).encode(), hashlib.sha256).hexdigest()[:HASH_CHARACTERS]
