"""The store at an address: a folder (`file://`) or a bucket (`s3://`)."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deployments.addresses import file_path, is_s3, s3_connection
from tasks.objects.bucket import STAGE_SETTING, BucketStore
from tasks.objects.packing import Codec
from tasks.objects.protocol import READ_BYTES, Listed, ObjectStore
from tasks.second_name import second_name


@dataclass(frozen=True)
class FolderStore:
    """Objects as files below a folder. Unpacked: a second name for a file costs nothing."""

    base: str
    codec: Codec = "none"

    @cached_property
    def root(self) -> Path:
        return file_path(self.base)

    def url(self, key: str) -> str:
        return f"{self.base}{key}" if self.base.endswith("/") else f"{self.base}/{key}"

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        with self._replacing(key) as target:
            second_name(file, target)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        with self._replacing(key) as target:
            target.write_bytes(data)

    def get(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        with (self.root / key).open("rb") as source:
            while data := source.read(READ_BYTES):
                yield data

    def end(self, key: str, count: int) -> bytes:
        with (self.root / key).open("rb") as source:
            source.seek(-count, 2)
            return source.read()

    def keys(self, prefix: str) -> list[str]:
        return sorted(self._key(file) for file in _files(self.root / prefix))

    def stat(self, key: str) -> tuple[int, str]:
        return _size_and_tag((self.root / key).stat())

    def listing(self, prefix: str) -> list[Listed]:
        found = []
        for file in _files(self.root / prefix):
            with suppress(FileNotFoundError):
                found.append(Listed(self._key(file), *_size_and_tag(file.stat())))
        return sorted(found)

    def delete(self, prefix: str) -> int:
        found = self.keys(prefix)
        target = self.root / prefix
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        elif target.is_file():
            target.unlink()
        return len(found)

    def _key(self, file: os.DirEntry[str] | Path) -> str:
        return os.fspath(file).removeprefix(self.root.as_posix().rstrip("/") + "/")

    @contextmanager
    def _replacing(self, key: str) -> Iterator[Path]:
        """The path of a new file that takes the key's place when it is whole; two writers of a key never share one."""
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        being_written = target.with_name(f"{target.name}.{secrets.token_hex(4)}.writing")
        try:
            yield being_written
            being_written.replace(target)
        finally:
            being_written.unlink(missing_ok=True)


def _files(place: str | Path) -> Iterator[os.DirEntry[str] | Path]:
    """The whole files at or below a place; none where there is nothing. A report has tens of thousands."""
    try:
        with os.scandir(place) as found:
            for one in found:
                if one.is_dir(follow_symlinks=False):
                    yield from _files(one.path)
                elif one.is_file() and not one.name.endswith(".writing"):
                    yield one
    except NotADirectoryError:
        # The place is a file, or lies below one.
        if Path(place).is_file():
            yield Path(place)
    except FileNotFoundError:
        return


def _size_and_tag(found: os.stat_result) -> tuple[int, str]:
    return found.st_size, f"mtime:{found.st_mtime_ns}"


def open_store(url: str, setting: str = STAGE_SETTING, *, is_source: bool = False) -> ObjectStore:
    """The store at a `file://` or `s3://` address of a setting, which errors of a bucket name."""
    if not is_s3(url):
        return FolderStore(url)
    found = s3_connection(url)
    return BucketStore(found.bucket, found.key, found.options, setting=setting, is_source=is_source)


def sha256_of(file: Path) -> str:
    """Hex digest of a file's bytes."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def holds(file: Path, pattern: bytes) -> bool:
    """Whether these bytes stand somewhere in a file. Their first one should be seldom: it is found faster than all of them."""
    with file.open("rb") as source:
        before = b""
        while piece := source.read(READ_BYTES):
            # A pattern may begin in one piece and end in the next.
            seen = before + piece
            if pattern[:1] in seen and pattern in seen:
                return True
            before = seen[max(0, len(seen) - len(pattern) + 1) :]
    return False
