"""The one file in a zip archive. Which members there are stands at the archive's end, so that it is put aside as a whole."""

from __future__ import annotations

import lzma
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from deployments.errors import UpstreamError
from deployments.quantities import plural
from tasks.objects.packing import PackingError, Stream, unpacked
from tasks.sources.file_forms import SHEET, is_workbook, other_form
from tasks.sources.protocol import OWNER

MAX_ARCHIVE_BYTES = 16 * 1024**3
MAX_DIRECTORY_BYTES = 4 * 1024**2
"""What an archive says of its files: all of it is held in memory, and there may be one file only."""
_PIECE_BYTES = 1024 * 1024
_END, _END64 = (b"PK\5\6", 12, "<L"), (b"PK\6\6", 40, "<Q")
"""Records at an archive's end: their mark, and where in them stands how long its directory is."""
_TAIL_BYTES = 22 + 65_535 + 20 + 56
_ELSEWHERE = 0xFFFFFFFF
_HEAD_BYTES, _LZMA_HEAD_BYTES = 30, 9
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def only_member(pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
    """What the archive's only file holds, piece by piece; its checksum is proven at its end.

    UpstreamError: ARCHIVE when it holds no file, or several, or is encrypted; SOURCE-CUT when it isn't whole.
    """
    with tempfile.TemporaryFile() as file:
        _gather(pieces, file, where)
        _check_directory(file, where)
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
                if member.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
                    yield from _proven(_unpacked(file, member), member, where)
                else:
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


def _check_directory(file: IO[bytes], where: str) -> None:
    """Raise where the archive would be read as one of millions of files."""
    file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
    tail = file.read()
    sizes = [
        struct.unpack_from(form, tail, found.start() + place)[0]
        for mark, place, form in (_END64, _END)
        for found in re.finditer(re.escape(mark), tail)
        if found.start() + place + struct.calcsize(form) <= len(tail)
    ]
    if any(size > MAX_DIRECTORY_BYTES for size in sizes if size != _ELSEWHERE or len(sizes) == 1):
        raise _unread(where, "its directory is longer than that of any archive of one file")


def _unpacked(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """What the library would unpack as one piece, however long it becomes."""
    file.seek(member.header_offset)
    name, more = struct.unpack_from("<HH", file.read(_HEAD_BYTES), 26)
    file.seek(name + more, 1)
    codec: Stream
    left, start, codec = member.compress_size, b"", "bzip2"
    if member.compress_type == zipfile.ZIP_LZMA:
        head = file.read(_LZMA_HEAD_BYTES)
        # As a file of its own has it; its end is marked, or its length is said.
        size = -1 if member.flag_bits & 0x2 else member.file_size
        left, start, codec = left - len(head), head[4:] + struct.pack("<q", size), "lzma"

    def packed() -> Iterator[bytes]:
        yield start
        for at in range(0, left, _PIECE_BYTES):
            yield file.read(min(_PIECE_BYTES, left - at))

    return unpacked(packed(), codec)


def _proven(pieces: Iterator[bytes], member: zipfile.ZipInfo, where: str) -> Iterator[bytes]:
    checksum = 0
    try:
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
            yield piece
    except (PackingError, OSError, struct.error) as error:
        raise _cut(where, error) from None
    if checksum != member.CRC:
        raise _cut(where, ValueError(f"Bad CRC-32 for file {member.filename!r}"))


def _chosen(archive: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    names = archive.namelist()
    if is_workbook(names):
        raise other_form(where, SHEET)
    # Folders hold nothing, and what macOS adds beside a file is about its icon.
    files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        shown = ", ".join(repr(info.filename) for info in files[:5]) + (", ..." if len(files) > 5 else "")
        raise _unread(
            where, f"holds {plural(len(files), 'file')}{f' ({shown})' if files else ''}; a source is one file"
        )
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
