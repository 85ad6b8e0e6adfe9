"""The bytes that lie at an address (http, https, s3, file), unpacked, and only if they are the form that is read there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deployments.addresses import file_path, is_s3, s3_connection, s3_object
from deployments.declarations.sources import Compression
from deployments.errors import DeclarationError, SourceMissingError, SourceUnreachableError, UpstreamError
from tasks.objects.packing import PackingError, Stream, codec_of, unpacked
from tasks.objects.protocol import ObjectStore
from tasks.sources import web
from tasks.sources.address import Place, shown
from tasks.sources.file_forms import MAGIC_BYTES, Packing, packing_of, refuse_other_forms
from tasks.sources.protocol import NO_SUCH_WINDOW
from tasks.sources.zip_member import only_member

_READ_BYTES = 1024 * 1024


def stored(place: Place) -> Iterator[bytes]:
    """The bytes as they lie there. SourceMissingError when nothing does."""
    if place.url.startswith("http"):
        with web.opened(place) as answer:
            yield from answer.pieces()
    elif is_s3(place.url):
        found = s3_object(place.url)
        try:
            yield from bucket_of(place).stream(found.key)
        except FileNotFoundError:
            raise missing(place) from None
    else:
        yield from _of_file(place)


def plain(
    place: Place,
    compression: Compression,
    *,
    encoding: str = "utf-8",
    answer: web.Answer | None = None,
) -> Iterator[bytes]:
    """The bytes at the address, unpacked; refused by their first ones when they are no text of that encoding.

    `answer`: of a web server, when it was asked already.
    """
    if place.url.startswith("http") and answer is None:
        with web.opened(place) as opened:
            yield from plain(place, compression, encoding=encoding, answer=opened)
        return
    start, pieces = _looked_at(stored(place) if answer is None else answer.pieces())
    packing = _packing(place, compression, packing_of(start), answer)
    text = only_member(pieces, place.shown) if packing == "zip" else _unpacked(pieces, packing, place.shown)
    yield from refuse_other_forms(text, place.shown, encoding)


def _packing(place: Place, declared: Compression, found: Packing, answer: web.Answer | None) -> Packing:
    """How the bytes are packed: as their first ones say, whatever their name is."""
    if declared not in ("auto", "none") and found not in ("none", declared):
        raise DeclarationError(
            f"{place.shown} is declared as {declared}, and is {found} by its first bytes", code="NOT-TEXT",
            next_command="leave out source.compression: it is recognised; then: headgate retry RUN", form=found,
        )  # fmt: skip
    if declared != "auto":
        return declared
    # A name that promises a packing is held to it, but servers that pack by a name's ending mean that packing by it.
    was_undone = answer is not None and answer.was_packed
    return found if found != "none" or was_undone else codec_of(place.name)


def exists(place: Place) -> bool:
    """Whether something lies at the address."""
    if place.url.startswith("http"):
        return web.exists(place)
    try:
        next(stored(place), None)
    except SourceMissingError:
        return False
    return True


def bucket_of(place: Place) -> ObjectStore:
    """The bucket that a place lies in, whole, reached as its connection says."""
    from tasks.objects.bucket import BucketStore

    options = s3_connection(place.base).options if place.base is not None and is_s3(place.base) else {}
    setting = place.setting or "source.url"
    return BucketStore(s3_object(place.url).bucket, options=options, setting=setting, is_source=True)


def missing(place: Place) -> SourceMissingError:
    return SourceMissingError(
        f"{place.shown} isn't there",
        code="SOURCE-MISSING",
        next_command=NO_SUCH_WINDOW,
    )


def _unpacked(pieces: Iterable[bytes], codec: Stream, where: str) -> Iterator[bytes]:
    try:
        yield from unpacked(pieces, codec)
    except PackingError as error:
        raise UpstreamError(
            f"{where} isn't whole {codec} data: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
        ) from None


def _looked_at(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    rest = iter(pieces)
    start = b""
    while len(start) < MAGIC_BYTES and (piece := next(rest, None)) is not None:
        start += piece

    def all_of_it() -> Iterator[bytes]:
        if start:
            yield start
        yield from rest

    return start, all_of_it()


def _of_file(place: Place) -> Iterator[bytes]:
    with opened_file(place) as file:
        while piece := file.read(_READ_BYTES):
            yield piece


@contextmanager
def opened_file(place: Place) -> Iterator[IO[bytes]]:
    """The plain file at a `file://` address, open. What can't be opened or read, or was written to meanwhile, is an error of
    ours; whoever may change names in its folder can't put another file behind the one that was looked at."""
    path = file_path(place.url)
    try:
        # Opened first, and looked at then: a name may mean something else a moment later. Without waiting for a pipe's writer.
        with open(path, "rb", opener=_at_once) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise _no_file(place, path)
            check_inside(place, path, before)
            yield file
            after = os.fstat(file.fileno())
    except IsADirectoryError:
        check_inside(place, path)
        raise _no_file(place, path) from None
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise _unreadable(place, "is a link to something that isn't there") from None
        raise missing(place) from None
    except PermissionError:
        raise DeclarationError(
            f"{place.shown}: this user may not read it", code="SOURCE-LOGIN",
            next_command="let the user of headgate read the file and the folders above it",
        ) from None  # fmt: skip
    except (OSError, ValueError) as error:
        raise _unreadable(place, f"can't be read: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceUnreachableError(
            f"{place.shown} was written to while it was read", code="SOURCE-CUT", next_command="headgate retry RUN"
        )


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _no_file(place: Place, path: Path) -> DeclarationError:
    is_folder = path.is_dir()
    return DeclarationError(
        f"{place.shown} is {'a folder' if is_folder else 'no plain file'}; a source is one file",
        code="SOURCE",
        next_command=f"headgate peek {place.shown}/   (ends in /: all files in it, for CSV and Parquet)"
        if is_folder
        else "name a file of its own",
    )


def check_inside(place: Place, path: Path, found: os.stat_result | None = None) -> None:
    """A connection is a fence: neither links nor other spellings lead out of its folder. `found`: of the file that was opened,
    which has to be the one that lies there."""
    if place.base is None or not place.base.startswith("file://"):
        return
    there = path.resolve()
    is_it = found is None or os.path.samestat(found, there.lstat())
    if not (is_it and there.is_relative_to(file_path(place.base).resolve())):
        raise DeclarationError(
            f"{place.shown} lies outside of the folder of its connection, {shown(place.base)}",
            code="SOURCE-ELSEWHERE",
            next_command="mend source.url, or the link",
        )


def _unreadable(place: Place, how: str) -> SourceUnreachableError:
    return SourceUnreachableError(f"{place.shown} {how}", code="SOURCE-UNREACHABLE", next_command="headgate retry RUN")
