"""What an object store is: the few verbs that the stage and the report need of a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from tasks.objects.packing import Codec

READ_BYTES = 1024 * 1024


class Listed(NamedTuple):
    """An object as a listing tells it: its size in bytes, and a tag that changes with its content."""

    key: str
    size: int
    tag: str


class ObjectStore(Protocol):
    """Keys are relative to the store's base URL, with '/' between parts."""

    @property
    def base(self) -> str:
        """The store's URL."""

    @property
    def codec(self) -> Codec:
        """How large objects are best packed there."""

    def url(self, key: str) -> str:
        """The full URL of a key."""

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        """Store a file's bytes; replaces what is there. The file must not be written to afterwards."""

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Store bytes; replaces what is there, all or nothing."""

    def get(self, key: str) -> bytes:
        """All bytes of an object; FileNotFoundError when there is none."""

    def stream(self, key: str) -> Iterator[bytes]:
        """The bytes of an object in pieces; FileNotFoundError when there is none."""

    def end(self, key: str, count: int) -> bytes:
        """The last bytes of an object, so many; FileNotFoundError when there is none."""

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix, sorted."""

    def stat(self, key: str) -> tuple[int, str]:
        """Size in bytes and a tag that changes with the content; FileNotFoundError when there is none."""

    def listing(self, prefix: str) -> list[Listed]:
        """What `keys` and `stat` say of all keys below a prefix, at once; what goes meanwhile is left out."""

    def delete(self, prefix: str) -> int:
        """Delete every object below a prefix; returns how many."""
