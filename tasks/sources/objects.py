"""Objects below an address that are a batch each: what they are called, and what tells one from what it was before.

A batch key is made of an object's name, as names may be longer than a proof's column; the label is the name where it fits. A
version is what the store says without reading (size and tag). The fingerprint of a batch is its version and the hash of its
content: an object that was touched, or put there again, is told from one that was replaced, and the same content under two names
is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import cast

from deployments.declarations.sources import FileSource
from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from deployments.foreign_text import one_line
from deployments.settings import Settings
from tasks.sources.address import Place
from tasks.sources.folder import in_address, is_folder, listed, stat_of
from tasks.sources.location import locate
from tasks.sources.protocol import Span
from tasks.sources.stored import missing

KEY = "object:"
"""What the batch key of an object begins with."""
_LABEL_BYTES = 64
_DIGITS = 40


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object below the source's address: its name from there, its size in bytes, the tag its store gives it."""

    name: str
    size: int
    tag: str

    @property
    def batch_key(self) -> str:
        return key_of(self.name)

    @property
    def label(self) -> str:
        """What people call it: its name; the end of a long one, behind a few digits that tell it from others."""
        name = one_line(self.name)
        if name == self.name and len(name.encode()) <= _LABEL_BYTES and not _means_something_else(name):
            return name
        start = f"{self.batch_key.removeprefix(KEY)[:8]}-"
        end = name.encode()[-(_LABEL_BYTES - len(start)) :].decode(errors="ignore")
        return start + end

    @property
    def version(self) -> str:
        """What its fingerprint begins with."""
        return f"{KEY}{hashlib.sha256(f'{self.size}:{self.tag}'.encode()).hexdigest()[:16]}"


def _means_something_else(name: str) -> bool:
    return name == "source" or is_key(name)


def key_of(name: str) -> str:
    """The batch key of the object of a name."""
    return f"{KEY}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def is_key(text: str) -> bool:
    return text.startswith(KEY) and len(text) == len(KEY) + _DIGITS


def meant(text: str, known: Collection[str]) -> str | None:
    """Which of these batch keys a name, a label or a key means."""
    candidates = [text, key_of(text)]
    if len(text) > 9 and text[8] == "-":
        candidates += [key for key in known if key.startswith(f"{KEY}{text[:8]}")]
    return next((key for key in candidates if key in known), None)


def fingerprint(version: str, content: str) -> str:
    """Of a batch: `version` of the object, `content` the hash of its bytes ('sha256:...')."""
    return f"{version}:{content.rpartition(':')[2]}"


def is_content_of(told: str, other: str | None) -> bool:
    """Whether two fingerprints of objects are of the same bytes."""
    return other is not None and told.rpartition(":")[2] == other.rpartition(":")[2]


def objects_of(table: Table, settings: Settings) -> list[SourceObject]:
    """All objects below the table's address, in the order of their names; SourceMissingError for a folder that isn't there."""
    source, place = cast(FileSource, table.source), place_of(table, settings)
    return [SourceObject(*item) for item in listed(place, source.pattern)]


def object_named(table: Table, settings: Settings, text: str) -> SourceObject:
    """The object that a name, a label or a batch key means. SourceMissingError when there is none."""
    source, place = cast(FileSource, table.source), place_of(table, settings)
    if not is_key(text):
        try:
            return SourceObject(text, *stat_of(place, text, source.pattern))
        except FileNotFoundError:
            # Perhaps a label, or it went.
            pass
    found = [one for one in objects_of(table, settings) if text in (one.batch_key, one.label)]
    if not found:
        raise missing(replace(place, url=f"{place.url}{in_address(place, text)}"))
    return found[0]


def address_of(table: Table, settings: Settings, name: str) -> str:
    """The address of an object, as the declaration would have it."""
    place = place_of(table, settings)
    return f"{table.source.address}{in_address(place, name)}"


def place_of(table: Table, settings: Settings) -> Place:
    """Where the table's objects lie; DeclarationError when that is a page."""
    place = locate(cast(FileSource, table.source), settings, Span(None, "UTC")).place
    if not is_folder(place):
        raise DeclarationError(
            f"{table.table}: source.objects is about files below an address, and {place.shown} is a page",
            code="SOURCE", next_command="mend source.url (s3://bucket/prefix/ or file:///folder/)",
        )  # fmt: skip
    return place
