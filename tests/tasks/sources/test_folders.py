"""All files of a folder as one source: in their order, each cut by itself, only as they were from first to last."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from deployments.errors import HeadgateError, SourceMissingError
from tasks.objects.store import open_store
from tasks.sources.opening import OpenSource

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

Source = Callable[..., OpenSource]


def put(folder: Path, files: dict[str, bytes]) -> dict[str, Any]:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {"kind": "csv", "url": f"file://{folder}/"}


def read(reader: OpenSource) -> tuple[bytes, list[tuple[int, str, bytes]]]:
    data = b"".join(reader.chunks())
    return data, [(reject.record, reject.code, reject.raw) for reject in reader.set_aside]


FILES = {
    "b/1.csv": b"id,v\r\n3,c\r\n",
    "a.csv.gz": gzip.compress(b'\xef\xbb\xbfid,v\n1,"a\nb"\n2,b'),
    "c #%.csv": b"id,v\n4,d\n",
    "_SUCCESS": b"",
    "_temporary/0/part.csv": b"half",
    ".c.csv.crc": b"crc",
}


def test_files_come_in_the_order_of_their_names(tmp_path: Path, source: Source) -> None:
    data = b'id,v\n1,"a\nb"\n2,b\n3,c\n4,d\n'
    declared = put(tmp_path / "in 1", FILES)
    assert read(source(declared | {"url": declared["url"].replace(" ", "%20")})) == (data, [])
    assert read(source({"kind": "csv", "url": "/in 1/", "connection": "files"}, files=f"file://{tmp_path}")) == (
        data,
        [],
    )


def test_objects_of_s3(clients: StackState, source: Source) -> None:
    base = f"s3://{clients.s3_bucket}/folder-test"
    for name, data in FILES.items():
        open_store(base).put(f"2024-03-01/{name}", data)
    declared = {"kind": "csv", "url": f"{base}/{{window.start:%Y-%m-%d}}/"}
    reader = source(declared, day="2024-03-01")
    assert read(reader) == (b'id,v\n1,"a\nb"\n2,b\n3,c\n4,d\n', [])
    absent = source(declared, day="2024-03-02")
    with pytest.raises(SourceMissingError) as caught:
        read(absent)
    absent.prove_missing(caught.value)


def test_parquet_files(tmp_path: Path, source: Source) -> None:
    with duckdb.connect() as engine:
        for n in (1, 2):
            engine.execute(f"COPY (SELECT {n} AS id, ['nan'::DOUBLE] AS v UNION ALL SELECT {n * 10}, []) "
                           f"TO '{tmp_path}/part-{n}.parquet' (FORMAT parquet)")  # fmt: skip
    data, aside = read(source({"kind": "parquet", "url": f"file://{tmp_path}/"}))
    assert data == b'id,v\n10,"[]"\n20,"[]"\n'
    assert [(record, code) for record, code, _ in aside] == [(0, "NOT-JSON-VALUE"), (2, "NOT-JSON-VALUE")]


def test_what_is_broken_in_a_file_stays_in_it(tmp_path: Path, source: Source) -> None:
    """A quote that is open at the end of one file would close in the next, and join two records."""
    declared = put(tmp_path, {"1": b'id,v\n1,a\n2,"b', "2": b'id,v\n3","c"\n4,d\n', "3": b'id,v\n"5\n'})
    assert read(source(declared)) == (
        b"id,v\n1,a\n4,d\n", [(1, "BAD-QUOTING", b'2,"b'), (2, "BAD-QUOTING", b'3","c"'), (4, "BAD-QUOTING", b'"5')],
    )  # fmt: skip


def test_dialect_and_delimiter_hold_for_each_file(tmp_path: Path, source: Source) -> None:
    declared = put(tmp_path, {"1": b"#x\n'i;d';v\n1;2,5\n", "2": b"#y\n'i;d';v\n'3;3';4\n"})
    reader = source(declared | {"delimiter": ";", "quote": "'", "comment": "#"})
    assert read(reader) == (b'"i;d";v\n1;2,5\n"3;3";4\n', [])


TOLD: dict[str, tuple[dict[str, bytes], str, str]] = {
    "other columns": ({"1": b"id,v\n1,2\n", "2": b"id,w\n1,2\n"}, "HEADER-CHANGED", "/2: the header"),
    "another order": ({"1": b"id,v\n1,2\n", "2": b"v,id\n1,2\n"}, "HEADER-CHANGED", "/2: the header"),
    "an empty file": ({"1": b"id,v\n1,2\n", "2": b""}, "EMPTY-SOURCE", "/2 is empty"),
    "only marks": ({"_SUCCESS": b"", ".x": b"y"}, "SOURCE-MISSING", "isn't there"),
    "a file that isn't CSV": ({"1": b"id,v\n1,2\n", "2": b"%PDF-1.7"}, "NOT-TEXT", "/2 is a PDF"),
    "a cut one": ({"1": gzip.compress(b"id\n1\n")[:-3]}, "SOURCE-CUT", "/1 isn't whole"),
}


@pytest.mark.parametrize("case", TOLD)
def test_a_file_that_does_not_fit_is_told_by_its_name(tmp_path: Path, source: Source, case: str) -> None:
    files, code, words = TOLD[case]
    with pytest.raises(HeadgateError, match=words) as caught:
        read(source(put(tmp_path, files)))
    assert caught.value.code == code


CHANGES: dict[str, Callable[[Path], object]] = {
    "came": lambda folder: (folder / "9").write_bytes(b"id\n9\n"),
    "changed behind us": lambda folder: (folder / "1").write_bytes(b"id\n7\n"),
    "went": lambda folder: (folder / "1").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_changes_while_it_is_read_is_not_loaded(tmp_path: Path, source: Source, change: str) -> None:
    chunks = source(put(tmp_path, {"1": b"id\n1\n", "2": b"id\n2\n"})).chunks()
    assert next(chunks) == b"id\n"
    assert next(chunks) == b"1\n"
    CHANGES[change](tmp_path)
    with pytest.raises(HeadgateError, match=r"came, went or changed") as caught:
        list(chunks)
    assert (caught.value.code, caught.value.family) == ("SOURCE-CUT", "upstream")


def test_the_fingerprint_is_that_of_all_files(tmp_path: Path, source: Source) -> None:
    declared = put(tmp_path, {"1": b"id\n1\n", "_x": b"1"})
    first = source(declared).fingerprint()
    put(tmp_path, {"_x": b"2"})
    assert source(declared).fingerprint() == first
    put(tmp_path, {"2": b"id\n2\n"})
    assert source(declared).fingerprint() != first


def test_a_folder_outside_of_its_connection_is_refused(tmp_path: Path, source: Source) -> None:
    put(tmp_path / "out", {"1": b"id\n1\n"})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "own").mkdir()
    (tmp_path / "in" / "own" / "1").symlink_to(tmp_path / "out" / "1")
    for url in ("/link/", "/own/"):
        with pytest.raises(HeadgateError) as caught:
            read(source({"kind": "csv", "url": url, "connection": "files"}, files=f"file://{tmp_path}/in"))
        assert caught.value.code == "SOURCE-ELSEWHERE", url
