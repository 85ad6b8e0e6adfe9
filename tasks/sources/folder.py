"""All files below an address that ends in '/' (s3, file), in the order of their names, as one source.

As Spark, Hive and Athena do, names that begin with '_' or '.' are passed over, and folders of such a name: marks of jobs that
are done, checksums, and what is still being written.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import cast
from urllib.parse import quote

from deployments.addresses import file_path, is_s3, s3_object
from deployments.errors import ContractError, SourceMissingError, SourceUnreachableError, UpstreamError
from expectations.contract.layout import listing
from expectations.contract.split import Reject, split, with_rejects
from tasks.objects.protocol import Listed, ObjectStore
from tasks.objects.store import FolderStore
from tasks.sources.address import Place
from tasks.sources.heading import heading
from tasks.sources.location import Location
from tasks.sources.protocol import OWNER, CatalogReader, OpenSource, SourceShape
from tasks.sources.stored import bucket_of, check_inside, missing


def is_folder(place: Place) -> bool:
    """Whether an address stands for all files below it."""
    return place.url.endswith("/") and not place.url.startswith("http")


@dataclass(frozen=True)
class FolderReader:
    """See `OpenSource`. `open_file` opens the file of a name that is appended to the source's address."""

    location: Location
    delimiter: str
    open_file: Callable[[str], OpenSource]
    pattern: str | None = None
    set_aside: list[Reject] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def where(self) -> str:
        return self.location.place.shown

    def fingerprint(self) -> str:
        told = "|".join(f"{file.key}:{file.size}:{file.tag}" for file in self._files)
        return f"objects:{hashlib.sha256(told.encode()).hexdigest()}"

    def chunks(self) -> Iterator[bytes]:
        """Each file is cut into records by itself: what is broken in one never reaches into the next."""
        self.set_aside.clear()
        first: tuple[str, ...] = ()
        count = 0
        for number, file in enumerate(self._files):
            source = self.open_file(in_address(self.location.place, file.key))
            if not file.size:
                raise UpstreamError(
                    f"{source.where} is empty", code="EMPTY-SOURCE",
                    next_command=OWNER,
                )  # fmt: skip
            chunks = source.chunks()
            rows, header = heading(chunks, source)
            if number == 0:
                first = header
                yield _line(header, self.delimiter)
            _check_same_header(source.where, first, header)
            before = count
            for part in with_rejects(split(rows, source.delimiter), source.set_aside):
                self.set_aside.extend(Reject(before + one.record, one.code, one.raw) for one in part.rejects)
                count += part.extracted
                yield part.data
        self._check_unchanged()

    def prove_missing(self, absent: SourceMissingError) -> None:
        self.location.prove_missing(absent)

    def close(self) -> None:
        """Each file is closed when it is read."""

    def describe(self) -> SourceShape:
        """What the first file says of its columns; for forms that know their types."""
        with closing(self.open_file(self.first_file())) as first:
            return cast(CatalogReader, first).describe()

    def first_file(self) -> str:
        """What is appended to the source's address for its first file."""
        return in_address(self.location.place, self._files[0].key)

    @cached_property
    def _files(self) -> Sequence[Listed]:
        """As they were when the source was first asked. SourceMissingError when there is none."""
        files = listed(self.location.place, self.pattern)
        if not files:
            raise missing(self.location.place)
        return files

    def _check_unchanged(self) -> None:
        if (now := listed(self.location.place, self.pattern)) != self._files:
            changed = sorted({file.key for file in set(now) ^ set(self._files)})
            raise SourceUnreachableError(
                f"{self.where}: files came, went or changed while it was read: {listing(changed)}", code="SOURCE-CUT",
                next_command="headgate retry RUN   (wait_for a file that is written last: _SUCCESS)",
            )  # fmt: skip


def listed(place: Place, pattern: str | None) -> list[Listed]:
    """The files below a folder or a prefix, by their names from there, in the order of these."""
    store, folder = _store(place)
    found = [item._replace(key=item.key.removeprefix(folder)) for item in store.listing(folder)]
    return [item for item in found if is_wanted(item.key, pattern)]


def stat_of(place: Place, name: str, pattern: str | None) -> tuple[int, str]:
    """Size and tag of one file below a folder; FileNotFoundError when `listed` wouldn't have it."""
    store, folder = _store(place)
    if not is_wanted(name, pattern) or "\0" in name:
        raise FileNotFoundError(name)
    try:
        return store.stat(f"{folder}{name}")
    except (NotADirectoryError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise FileNotFoundError(name) from None


def _store(place: Place) -> tuple[ObjectStore, str]:
    """Where the files lie, and the folder's key in it."""
    if not is_s3(place.url):
        path = file_path(place.url)
        check_inside(place, path)
        return FolderStore("file:///"), path.as_posix().removeprefix("/") + "/"
    return bucket_of(place), s3_object(place.url).key


def is_wanted(name: str, pattern: str | None) -> bool:
    """Whether a file below a folder is one of the source's."""
    return not _is_passed_over(name) and (pattern is None or fnmatchcase(name, pattern))


def _is_passed_over(name: str) -> bool:
    return not name or name.endswith("/") or any(part.startswith(("_", ".")) for part in name.split("/"))


def in_address(place: Place, name: str) -> str:
    """A name as an address has it; to S3 it is the key itself."""
    return name if is_s3(place.url) else quote(name)


def _check_same_header(where: str, first: Sequence[str], names: Sequence[str]) -> None:
    if tuple(first) != tuple(names):
        raise ContractError(
            f"{where}: the header isn't that of the folder's first file\n  found: {listing(names)}\n  first: {listing(first)}",
            code="HEADER-CHANGED",
            next_command=OWNER,
        )


def _line(names: Sequence[str], delimiter: str) -> bytes:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(names)
    return line.getvalue().encode()
