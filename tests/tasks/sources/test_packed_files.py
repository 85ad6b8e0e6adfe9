"""Packed files are recognised by their first bytes, held to what they promise, and never grow without bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from deployments.errors import HeadgateError, UpstreamError
from tasks.objects.packing import PackingError, Stream, unpacked
from tasks.objects.store import open_store
from tasks.sources.zip_member import only_member

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

Read = Callable[..., bytes]
TEXT = b"id,name\n1,a\n2,b\n"


def zipped(*names: str, body: bytes = TEXT, **keys: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **keys) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else body)
    return file.getvalue()


def encrypted() -> bytes:
    """The flag that says so, in the local header and in the directory."""
    body = bytearray(zipped("a.csv"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + place] |= 1
    return bytes(body)


ONCE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda body: zipped("a.csv", body=body),
}
WHOLE = {
    "gzip in members": gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]),
    "gzip filled up with zeros": gzip.compress(TEXT) + b"\0" * 700,
    "zstd in frames": zstandard.compress(TEXT[:5]) + zstandard.compress(TEXT[5:]),
    "bzip2 in streams": bz2.compress(TEXT[:5]) + bz2.compress(b"") + bz2.compress(TEXT[5:]),
    "xz in streams with padding": lzma.compress(TEXT[:5]) + b"\0" * 8 + lzma.compress(TEXT[5:]),
    "zip deflated": zipped("deep/in/it.csv", compression=zipfile.ZIP_DEFLATED),
    "zip by bzip2": zipped("a.csv", compression=zipfile.ZIP_BZIP2),
    "zip by lzma": zipped("a.csv", compression=zipfile.ZIP_LZMA),
    "zip with a folder, and what macOS adds": zipped("in/", "in/a.csv", "__MACOSX/in/._a.csv"),
}
BROKEN = {
    "zip of two": (zipped("a.csv", "b.csv"), "ARCHIVE", r"holds 2 files \('a.csv', 'b.csv'\)"),
    "zip of none": (zipped(), "ARCHIVE", "holds 0 files"),
    "zip of folders": (zipped("a/"), "ARCHIVE", "holds 0 files"),
    "zip with a password": (encrypted(), "ARCHIVE", "encrypted"),
    "zip with another checksum": (zipped("a.csv").replace(b"1,a", b"1,x"), "SOURCE-CUT", "CRC"),
    "bzip2 with more behind": (bz2.compress(TEXT) + b"junk", "SOURCE-CUT", "bzip2"),
    "xz with more behind": (lzma.compress(TEXT) + b"junk", "SOURCE-CUT", "xz"),
    "xz that needs much memory": (
        lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]), "SOURCE-CUT", "[Mm]emory",
    ),
}  # fmt: skip


@pytest.mark.effect("CsvSource.compression", "CsvSource.compression=auto")
@pytest.mark.parametrize("name", ["a.csv", "a.gz"])
@pytest.mark.parametrize("how", ONCE)
def test_recognised_whatever_the_name(tmp_path: Path, read: Read, how: str, name: str) -> None:
    (tmp_path / name).write_bytes(ONCE[how](TEXT))
    assert read({"kind": "csv", "url": f"file://{tmp_path}/{name}"}) == TEXT


@pytest.mark.effect(*(f"CsvSource.compression={how}" for how in ONCE))
@pytest.mark.parametrize("how", ONCE)
def test_what_is_declared_is_held_to(tmp_path: Path, read: Read, how: str) -> None:
    source = {"kind": "csv", "url": f"file://{tmp_path}/a", "compression": how}
    (tmp_path / "a").write_bytes(ONCE[how](TEXT))
    assert read(source) == TEXT
    (tmp_path / "a").write_bytes(TEXT)
    with pytest.raises(HeadgateError) as caught:
        read(source)
    assert caught.value.code == "SOURCE-CUT"
    other = next(one for one in ONCE if one != how)
    (tmp_path / "a").write_bytes(ONCE[other](TEXT))
    with pytest.raises(HeadgateError, match=f"declared as {how}, and is {other}") as caught:
        read(source)
    assert (caught.value.code, caught.value.family) == ("NOT-TEXT", "declaration")


@pytest.mark.effect("CsvSource.compression=none")
@pytest.mark.parametrize("how", ONCE)
def test_none_undoes_nothing(tmp_path: Path, read: Read, how: str) -> None:
    (tmp_path / "a.gz").write_bytes(ONCE[how](TEXT))
    with pytest.raises(HeadgateError, match=f"is {how}\n"):
        read({"kind": "csv", "url": f"file://{tmp_path}/a.gz", "compression": "none"})


@pytest.mark.effect("JsonSource.compression", *(f"JsonSource.compression={how}" for how in (*ONCE, "auto")))  # fmt: skip
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("how", ONCE)
def test_json_too(tmp_path: Path, read: Read, how: str, declared: bool) -> None:
    keys = {"compression": how} if declared else {}
    (tmp_path / "a.json").write_bytes(ONCE[how](b'[{"id": 1}]'))
    assert read({"kind": "json", "url": f"file://{tmp_path}/a.json", **keys}) == b'"id"\n1\n'
    (tmp_path / "a.jsonl.xz").write_bytes(ONCE[how](b'{"id": 1}\n{"id": 2}\n'))
    assert read({"kind": "json", "url": f"file://{tmp_path}/a.jsonl.xz", **keys}) == b'"id"\n1\n2\n'


@pytest.mark.effect("JsonSource.compression=none")
def test_none_undoes_no_json(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.json").write_bytes(gzip.compress(b'[{"id": 1}]'))
    with pytest.raises(HeadgateError, match="is gzip\n"):
        read({"kind": "json", "url": f"file://{tmp_path}/a.json", "compression": "none"})


@pytest.mark.parametrize("how", ONCE)
def test_from_the_web_and_from_s3(web: Any, clients: StackState, read: Read, how: str) -> None:
    body = ONCE[how](TEXT)
    assert read({"kind": "csv", "url": web.put("/a.csv", body)}) == TEXT
    base = f"s3://{clients.s3_bucket}/packed-test"
    open_store(base).put("a.csv", body)
    assert read({"kind": "csv", "url": f"{base}/a.csv"}) == TEXT


@pytest.mark.parametrize("case", WHOLE)
def test_as_producers_write_them(tmp_path: Path, read: Read, case: str) -> None:
    (tmp_path / "a").write_bytes(WHOLE[case])
    assert read({"kind": "csv", "url": f"file://{tmp_path}/a"}) == TEXT


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_told(tmp_path: Path, read: Read, case: str) -> None:
    body, code, words = BROKEN[case]
    (tmp_path / "a").write_bytes(body)
    with pytest.raises(HeadgateError, match=words) as caught:
        read({"kind": "csv", "url": f"file://{tmp_path}/a"})
    assert (caught.value.code, caught.value.family) == (code, "upstream")


@pytest.mark.parametrize("how", ONCE)
def test_a_file_that_is_cut_is_never_whole(tmp_path: Path, read: Read, how: str) -> None:
    body = ONCE[how](TEXT)
    for length in range(10, len(body)):
        (tmp_path / "a").write_bytes(body[:length])
        with pytest.raises(HeadgateError) as caught:
            read({"kind": "csv", "url": f"file://{tmp_path}/a"})
        assert caught.value.code == "SOURCE-CUT", length


BOMBS: dict[Stream, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lambda body: lzma.compress(body, preset=0), "zstd": zstandard.compress,
}  # fmt: skip


@pytest.mark.parametrize("how", BOMBS)
def test_little_never_becomes_much_at_once(how: Stream) -> None:
    bomb = BOMBS[how](bytes(256 * 1024**2))
    assert len(bomb) < 600_000
    tracemalloc.start()
    try:
        assert sum(map(len, unpacked([bomb], how))) == 256 * 1024**2
        assert tracemalloc.get_traced_memory()[1] < 150 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_nor_in_an_archive(how: int) -> None:
    bomb = zipped("a.csv", body=bytes(256 * 1024**2), compression=how)
    assert len(bomb) < 600_000
    tracemalloc.start()
    try:
        assert sum(map(len, only_member([bomb], "here"))) == 256 * 1024**2
        assert tracemalloc.get_traced_memory()[1] < 150 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_broken_inside_is_never_whole(how: int) -> None:
    text = b"".join(b"%d,%d\n" % (n, zlib.crc32(b"%d" % n)) for n in range(20_000))
    whole = zipped("a.csv", body=text, compression=how)
    assert b"".join(only_member([whole], "here")) == text
    for at in range(60, len(whole) - 200, len(whole) // 40):
        broken = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        with pytest.raises(UpstreamError) as caught:
            list(only_member([broken], "here"))
        assert caught.value.code == "SOURCE-CUT", at


def test_an_archive_of_millions_of_files_is_not_looked_through() -> None:
    small = zipped("a.csv")
    start, end = small.find(b"PK\1\2"), small.find(b"PK\5\6")
    entry, n = small[start:end], 100_000
    body, size = small[:start] + entry * n, len(entry) * n
    plain = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n % 65536, n % 65536, size, start, 0)
    far = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, start)
    far += struct.pack("<4sLQL", b"PK\6\7", 0, len(body), 1)
    far += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for tail in (plain, far, plain[:-2] + b"\x04\x00PK\5\6"):
        with pytest.raises(UpstreamError, match="directory") as caught:
            list(only_member([body + tail], "here"))
        assert caught.value.code == "ARCHIVE"


@pytest.mark.parametrize("how", BOMBS)
@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_pieces_of_any_size(how: Stream, step: int) -> None:
    text = b"".join(b"%d,%d\n" % (n, zlib.crc32(b"%d" % n)) for n in range(20_000))
    packed = BOMBS[how](text[:1000]) + BOMBS[how](text[1000:])
    assert b"".join(unpacked((packed[n : n + step] for n in range(0, len(packed), step)), how)) == text
    with pytest.raises(PackingError):
        list(unpacked([packed[:-1]], how))
