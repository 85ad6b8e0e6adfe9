"""A row that is set aside, and what is kept of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

RAW_LIMIT_BYTES = 16_000
"""Quarantine keeps this much of a row (a warehouse text holds 65,535 bytes); the hash covers all of it."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row set aside. `raw` is None when its bytes can't be told apart from masked values."""

    record: int
    code: str
    column: str | None
    raw: str | None
    raw_sha256: str


def text_of(raw: bytes) -> str:
    """Any bytes as text: UTF-8 as it is, other bytes as \\xNN (the hash tells the original)."""
    return raw[:RAW_LIMIT_BYTES].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")


def digest_of(raw: bytes) -> str:
    """The SHA-256 of a row's bytes, as hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()
