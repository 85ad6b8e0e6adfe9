"""Names of the tables headgate makes beside a declared one: bounded, unique per attempt, and recognizable.

Redshift and PostgreSQL allow 127 and 63 bytes; 63 is kept everywhere.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

LIMIT_BYTES = 63
OPS, QUARANTINE = "ops", "quarantine"
_OURS = re.compile(r"__hg_(?P<kind>[cgun])(?P<tag>[0-9a-z]+)$")


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A schema-qualified table."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        schema, _, name = text.partition(".")
        return cls(schema, name)


def candidate(live: TableName, attempt: str) -> TableName:
    """The unpublished table that COPY fills in this attempt."""
    return _beside(live, "c", attempt)


def generation(live: TableName, sequence: int) -> TableName:
    """The live table as it was before publish number `sequence` (full refresh)."""
    return _beside(live, "g", str(sequence))


def undo(live: TableName, sequence: int) -> TableName:
    """The rows that publish number `sequence` took out of the live table."""
    return _beside(live, "u", str(sequence))


def added(live: TableName, sequence: int) -> TableName:
    """The rows that publish number `sequence` put into the live table: its candidate, kept."""
    return _beside(live, "n", str(sequence))


def kind_of(name: str) -> tuple[str, str] | None:
    """Kind letter and tag of one of our side tables; None for anybody else's."""
    match = _OURS.search(name)
    return None if match is None else (match["kind"], match["tag"])


def proof(live: TableName) -> TableName:
    """The proof table of a target."""
    return TableName(OPS, _bounded(f"proof__{live.schema}__{live.name}"))


def quarantine(live: TableName) -> TableName:
    """The quarantine table of a target."""
    return TableName(QUARANTINE, _bounded(f"{live.schema}__{live.name}"))


def _beside(live: TableName, kind: str, tag: str) -> TableName:
    return TableName(live.schema, f"{live.name[: LIMIT_BYTES - 7 - len(tag)]}__hg_{kind}{tag}")


def _bounded(name: str) -> str:
    if len(name) <= LIMIT_BYTES:
        return name
    return f"{name[: LIMIT_BYTES - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
