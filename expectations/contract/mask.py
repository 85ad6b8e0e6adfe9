"""The keyed hash of masked columns: HMAC-SHA-256 with the project's key, computed inside DuckDB.

The key stands in two DuckDB variables, never in SQL text that an error message could show.
"""

from __future__ import annotations

import hashlib
import hmac

import duckdb

from expectations.contract.lexical import MASK_INNER, MASK_OUTER

_BLOCK_BYTES = 64


def set_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Make masked columns computable on this connection."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    for variable, pad in ((MASK_INNER, 0x36), (MASK_OUTER, 0x5C)):
        connection.execute(f"SET VARIABLE {variable} = ?::BLOB", [bytes(byte ^ pad for byte in padded)])


def masked(value: str, key: bytes) -> str:
    """The 64 hex digits that stand for a value."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
