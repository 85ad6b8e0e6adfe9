"""The one file in a zip archive. Which members there are stands at the archive's end, so that it is put aside as a whole."""

from __future__ import annotations

import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from deployments.errors import UpstreamError
from tasks.sources.file_forms import SHEET, is_workbook, other_form
from tasks.sources.protocol import OWNER

MAX_ARCHIVE_BYTES = 16 * 1024**3
_PIECE_BYTES = 1024 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def only_member(pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
    """What the archive's only file holds, piece by piece; its checksum is proven at its end.

    UpstreamError: ARCHIVE when it holds no file, or several, or is encrypted; SOURCE-CUT when it isn't whole.
    """
    with tempfile.TemporaryFile() as file:
        _gather(pieces, file, where)
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise _cut(where, error) from None
        with archive:
            member = _chosen(archive, where)
            try:
                opened = archive.open(member)
            except (NotImplementedError, RuntimeError) as error:
                raise _unread(where, f"'{member.filename}' can't be unpacked: {error}") from None
            except _BROKEN as error:
                raise _cut(where, error) from None
            with opened:
                yield from _pieces(opened, where)


def _gather(pieces: Iterable[bytes], file: IO[bytes], where: str) -> None:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_ARCHIVE_BYTES:
            raise UpstreamError(
                f"{where} is a zip file of more than {MAX_ARCHIVE_BYTES // 1024**3} GB", code="TOO-LARGE",
                next_command="ask the source's owner for smaller ones, or for gzip, which is read as it comes",
            )  # fmt: skip
        file.write(piece)


def _chosen(archive: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    names = archive.namelist()
    if is_workbook(names):
        raise other_form(where, SHEET)
    # Folders hold nothing, and what macOS adds beside a file is about its icon.
    files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        shown = ", ".join(repr(info.filename) for info in files[:5]) + (", ..." if len(files) > 5 else "")
        raise _unread(where, f"holds {len(files):,} files{f' ({shown})' if files else ''}; a source is one file")
    if files[0].flag_bits & 0x1:
        raise _unread(where, f"'{files[0].filename}' is encrypted")
    return files[0]


def _pieces(member: IO[bytes], where: str) -> Iterator[bytes]:
    try:
        while piece := member.read(_PIECE_BYTES):
            yield piece
    except _BROKEN as error:
        raise _cut(where, error) from None


def _unread(where: str, how: str) -> UpstreamError:
    return UpstreamError(f"{where}, a zip file: {how}", code="ARCHIVE", next_command=OWNER)


def _cut(where: str, error: Exception) -> UpstreamError:
    return UpstreamError(f"{where} isn't whole zip data: {error}", code="SOURCE-CUT", next_command="headgate retry RUN")
