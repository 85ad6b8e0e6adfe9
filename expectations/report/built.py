"""What a build has written of a table, kept beside its pages: the next one writes only those of which something has changed.

A page is as it was written while its store has the same objects at its place, and while all that it is made of is the same: the
record, how its line stands, the batches it is held against, the runs beside it, the declaration and this software. Whatever isn't
known for certain is written anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from pydantic import Field, TypeAdapter, ValidationError

from expectations.record import RunRecord
from expectations.report import shelf as at
from expectations.report.about import Column, Described, Kept
from expectations.report.actions import Links
from expectations.report.compare import compared, previous
from expectations.report.lines import SOURCE, Beside, columns_of, line_of
from expectations.report.model import Line
from expectations.report.shelf import Shelf

_COLUMNS = TypeAdapter(tuple[Column, ...])
Objects = Mapping[str, tuple[int, str]]
"""Size and tag of each object, by key."""


class Runs(Protocol):
    """What is kept of the runs of a table. `digests`: by run id, oldest first; another digest means another record."""

    @property
    def digests(self) -> Mapping[str, str]: ...

    def read(self, run_ids: Collection[str]) -> Iterator[RunRecord]:
        """The cleaned records of these runs, oldest first."""


class Given:
    """Records that are at hand; nothing tells whether they are those of before."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        self._records = {record.run_id: record for record in records}
        self.digests = dict.fromkeys(self._records, "")

    def read(self, run_ids: Collection[str]) -> Iterator[RunRecord]:
        return (record for run_id, record in self._records.items() if run_id in run_ids)


class KnownRun(Kept):
    """A run as it was read: `of` is the digest of its record, `columns` that of its columns."""

    of: str
    line: Line
    columns: str


class WrittenPage(Kept):
    """The page of a run: the digest of what it is made of, and what its store said of page and twin."""

    of: str
    objects: tuple[tuple[int, str], ...]


class Built(Kept):
    """`by`: what every page of the table depends on; `whole`: digest of all that its pages of runs are made of."""

    by: str = ""
    whole: str = ""
    columns: dict[str, tuple[Column, ...]] = Field(default_factory=dict)
    runs: dict[str, KnownRun] = Field(default_factory=dict)
    pages: dict[str, WrittenPage] = Field(default_factory=dict)

    def knows(self, run_id: str, of: str) -> bool:
        """Whether the run was read from the record that is there now."""
        return bool(of) and run_id in self.runs and self.runs[run_id].of == of

    def with_run(self, record: RunRecord, of: str) -> None:
        """Take in what was read of a run."""
        columns = columns_of(record)
        name = digest(_COLUMNS.dump_json(columns))
        self.columns[name] = columns
        self.runs[record.run_id] = KnownRun(of=of, line=line_of(record), columns=name)

    def stands(self, table: str, run_id: str, of: str | None, there: Objects) -> bool:
        """Whether the page is as it was written, and made of the same; `of` None: that is known."""
        page = self.pages.get(run_id)
        return page is not None and of in (None, page.of) and page.objects == objects_of(table, run_id, there)


def objects_of(table: str, run_id: str, there: Objects) -> tuple[tuple[int, str], ...]:
    """What is there of a run's page and its twin."""
    found = (there.get(at.run_page(table, run_id, ending)) for ending in ("html", "json"))
    return tuple(one for one in found if one is not None)


def there_of(shelf: Shelf, table: str) -> dict[str, tuple[int, str]]:
    """The pages of a table's runs, as their store tells them."""
    return {key: (size, tag) for key, size, tag in shelf.listing(f"tables/{table}/runs")}


def read(shelf: Shelf, table: str, by: str) -> Built:
    """What was written last; nothing where that was by another version, of another declaration, or can't be read."""
    data = at.read(shelf, at.built(table))
    try:
        found = Built() if data is None else Built.model_validate_json(data)
    except ValidationError:
        found = Built()
    return found if found.by == by else Built(by=by)


def made_by(described: Described, links: Links) -> str:
    """A name of what all pages of a table depend on: this software, the declaration, the links."""
    return digest(_software(), described.model_dump_json(), repr(links))


@cache
def _software() -> str:
    """A name of everything that makes a page of a record."""
    found = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*")):
        if file.suffix in (".py", ".json", ".html", ".css", ".js"):
            found.update(file.read_bytes())
    return found.hexdigest()


def page_digest(
    of: str, line: Line, lines: Sequence[Line], standing: Sequence[Line], beside: Beside,
    schemas: Mapping[str, Sequence[Column]], loads: str,
) -> str:  # fmt: skip
    """A name of what a run's page is made of beside what `made_by` names. `of`: the digest of its record."""
    before = previous(line, lines, standing)
    earlier = tuple(schemas.get(before.schema_hash, ())) if before else ()
    neighbours = ("" if one is None else one.model_dump_json() for one in beside)
    return digest(
        of, line.model_dump_json(), compared(line, lines, (), (), standing).model_dump_json(), _COLUMNS.dump_json(earlier),
        *neighbours, loads if line.label == SOURCE else "",
    )  # fmt: skip


def loads_so_far(lines: Iterable[Line]) -> dict[str, str]:
    """By run the digest of the loads up to it: a page of a table without windows names them by when they ended."""
    found, last = {}, ""
    for line in lines:
        last = digest(last, f"{line.sequence} {line.at}") if line.label == SOURCE else last
        found[line.run_id] = last
    return found


def marks(lines: Iterable[Line]) -> str:
    """How the lines stand by the proofs, as one name."""
    return digest(
        *(
            f"{line.run_id} {line.undone} {line.can_undo} {line.settled} {line.since} {line.taken_back!r}"
            for line in lines
        )
    )


def digest(*parts: str | bytes) -> str:
    """A name of these texts, in their order."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()[:32]
