"""Names of the tables headgate makes beside a declared one: bounded, unique, and parsed back exactly.

Redshift and PostgreSQL allow 127 and 63 bytes; 63 is kept everywhere. A side table is named STEM__hg_KIND TAG: the stem is
the live table's name, or its beginning and a hash where it is too long, and is the same for every kind and tag. So a side
table belongs to the one live table whose stem it has.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from deployments import next_commands

LIMIT_BYTES = 63
OPS, QUARANTINE = "ops", "quarantine"
LIVE, NEW, OTHER, ROWS = "hg$live", "hg$new", "hg$other", "hg$rows"
"""Aliases in our SQL. A declared name has no dollar: neither a table nor a column can be taken for one of ours."""
TAG_BYTES = 20
"""An attempt and its try, or the number of a publish."""
GENERATION, UNDO, ADDED = "g", "u", "n"
"""Kinds of side tables whose tag is the number of a publish."""
_HASH_CHARACTERS = 8
_OURS = re.compile(r"(?P<stem>.+)__hg_(?P<kind>[cgun])(?P<tag>[0-9a-z]+)")
_STEM_BYTES = LIMIT_BYTES - len("__hg_c") - TAG_BYTES


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


def anew(table: TableName) -> str:
    """What to type so that a table is made and loaded anew as it is declared."""
    return next_commands.anew(table.schema, table.name)


def candidate(live: TableName, attempt: str) -> TableName:
    """The unpublished table that COPY fills in this attempt."""
    return _beside(live, "c", attempt)


def generation(live: TableName, sequence: int) -> TableName:
    """The live table as it was before publish number `sequence` (full refresh)."""
    return _beside(live, GENERATION, str(sequence))


def undo(live: TableName, sequence: int) -> TableName:
    """The rows that publish number `sequence` took out of the live table."""
    return _beside(live, UNDO, str(sequence))


def added(live: TableName, sequence: int) -> TableName:
    """The rows that publish number `sequence` put into the live table: its candidate, kept."""
    return _beside(live, ADDED, str(sequence))


def kind_of(name: str) -> tuple[str, str] | None:
    """Kind letter and tag of one of our side tables; None for anybody else's."""
    match = _OURS.fullmatch(name)
    return None if match is None else (match["kind"], match["tag"])


def stem(live: TableName) -> str:
    """What the names of all side tables of a live table begin with, before `__hg_`."""
    return _bounded(live.name, _STEM_BYTES)


def is_beside(live: TableName, name: str) -> bool:
    """Whether a table of that name, in the schema of `live`, is one of its side tables."""
    match = _OURS.fullmatch(name)
    return match is not None and match["stem"] == stem(live)


def proof(live: TableName) -> TableName:
    """The proof table of a target."""
    return TableName(OPS, _bounded(f"proof__{_joined(live)}", LIMIT_BYTES))


def state(live: TableName) -> TableName:
    """Where the state of a target's source is kept, by publish."""
    return TableName(OPS, _bounded(f"state__{_joined(live)}", LIMIT_BYTES))


def quarantine(live: TableName) -> TableName:
    """The quarantine table of a target."""
    return TableName(QUARANTINE, _bounded(_joined(live), LIMIT_BYTES))


def _beside(live: TableName, kind: str, tag: str) -> TableName:
    if len(tag) > TAG_BYTES:
        raise ValueError(f"a tag of {len(tag)} characters: {TAG_BYTES} are allowed")
    return TableName(live.schema, f"{stem(live)}__hg_{kind}{tag}")


def _joined(live: TableName) -> str:
    """Schema and table in one name. The first `__` parts them; a schema in which that is another place gets a hash."""
    joined = f"{live.schema}__{live.name}"
    if joined.partition("__")[::2] == (live.schema, live.name):
        return joined
    return f"{joined}_{_digest(str(live))}"


def _bounded(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    return f"{name[: limit - _HASH_CHARACTERS - 1]}_{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]
