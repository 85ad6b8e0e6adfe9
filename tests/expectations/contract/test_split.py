"""Cutting CSV into parts: the same records wherever chunks and parts end, as Python's csv module reads them."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployments.errors import UpstreamError
from expectations.contract import split as module
from expectations.contract.scan import raw_records
from expectations.contract.split import first_record, split

Told = tuple[list[tuple[int, bytes]], list[tuple[int, str, bytes]]]


def cut(data: bytes, places: Sequence[int]) -> Iterator[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for start, end in itertools.pairwise(edges):
        yield data[start:end]


def told(chunks: Iterator[bytes] | list[bytes], part_bytes: int = 1 << 20) -> Told:
    """Good records and rejects, each with its place in the batch."""
    good, bad = [], []
    for part in split(chunks, ",", part_bytes):
        rejected = {reject.record for reject in part.rejects}
        places = [n for n in range(part.first_record, part.first_record + part.extracted) if n not in rejected]
        good += list(zip(places, raw_records(part, list(range(part.records))), strict=True))
        bad += [(reject.record, reject.code, reject.raw) for reject in part.rejects]
    assert sorted([place for place, _ in good] + [place for place, _, _ in bad]) == list(range(len(good) + len(bad)))
    return good, bad


@contextmanager
def looked_at(piece_bytes: int) -> Iterator[None]:
    """So many bytes at once: quotes are open, doubled and closed across any place."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "PIECE_BYTES", piece_bytes)
        yield


PIECES = st.sampled_from([1, 2, 3, 7, 1 << 18])
FIELD = st.text(st.sampled_from('a1 é한,"\n;\r\t'), max_size=5)
ROWS = st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=8)
CUTS = st.lists(st.integers(0, 400), max_size=6)


def written(rows: Sequence[Sequence[str]], line_end: str, *, everything: bool) -> bytes:
    def field(text: str) -> str:
        needed = everything or any(letter in text for letter in ',"\r\n')
        return '"' + text.replace('"', '""') + '"' if needed else text

    return "".join(",".join(map(field, row)) + line_end for row in rows).encode()


@given(
    ROWS,
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    CUTS,
    st.sampled_from([1, 2, 7, 40, 4096]),
    st.booleans(),
    PIECES,
)
@settings(max_examples=400, deadline=None)
def test_records_are_those_of_pythons_csv_wherever_it_is_cut(
    rows: list[list[str]], line_end: str, everything: bool, cuts: list[int], part_bytes: int, ends: bool, piece: int
) -> None:
    data = written(rows, line_end, everything=everything)
    data = data if ends else data.removesuffix(line_end.encode())
    read = []
    with looked_at(piece):
        parts = list(split(cut(data, cuts), ",", part_bytes))
    for part in parts:
        assert part.rejects == ()
        records = list(csv.reader(io.StringIO(part.data.decode(), newline=""), strict=True))
        assert len(records) == part.records
        assert part.first_record == len(read)
        read += records
    assert read == rows


ANYTHING = st.lists(st.sampled_from([b"a", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b'"\n', b'"a"', b"\xc3\xa9"])).map(
    b"".join
)


@given(ANYTHING, CUTS, st.sampled_from([1, 2, 3, 5, 8, 40]), PIECES)
@settings(max_examples=800, deadline=None)
@example(b',"\n"', [2, 3], 1, 1 << 18)
@example(b'"\n"\r\n', [4], 1, 1 << 18)
@example(b'a,b\n"x\n"', [5], 2, 1 << 18)
@example(b'""a,\n"\n\n"\r', [3, 7], 1, 1 << 18)
def test_broken_quoting_is_judged_alike_wherever_it_is_cut(
    data: bytes, cuts: list[int], part_bytes: int, piece: int
) -> None:
    whole = told([data])
    with looked_at(piece):
        assert told(cut(data, cuts), part_bytes) == whole
    # Nothing is lost: every byte but line ends stands in a record or in a reject.
    everything = sorted([*whole[0], *((place, raw) for place, _, raw in whole[1])])
    kept = b"".join(raw for _, raw in everything)
    assert kept.translate(None, b"\r\n") == data.translate(None, b"\r\n")


CASES: list[tuple[bytes, list[bytes], list[tuple[int, str, bytes]]]] = [
    (b"", [], []),
    (b"1,2", [b"1,2"], []),
    (b"1,2\n\n3,4\n", [b"1,2", b"", b"3,4"], []),
    (b"1,2\r\n3,4\r\n", [b"1,2", b"3,4"], []),
    (b'1,"a\r\nb"\r\n3,4\r\n', [b'1,"a\r\nb"', b"3,4"], []),
    (b'1,"say ""hi"""\n', [b'1,"say ""hi"""'], []),
    (b'1,""\n', [b'1,""'], []),
    (b'1,a"b\n2,c\n', [b"2,c"], [(0, "BAD-QUOTING", b'1,a"b')]),
    (b'1,"a"b\n2,c\n', [b"2,c"], [(0, "BAD-QUOTING", b'1,"a"b')]),
    (b'1,a\n2,"never closed\n3,c\n', [b"1,a", b"3,c"], [(1, "BAD-QUOTING", b'2,"never closed')]),
    (b'1, "a"\n2,c\n', [b"2,c"], [(0, "BAD-QUOTING", b'1, "a"')]),
    (b"1,\xff\n", [b"1,\xff"], []),
]  # fmt: skip


@pytest.mark.parametrize(("data", "records", "rejects"), CASES)
@pytest.mark.parametrize("part_bytes", [1, 4, 1 << 20])
@pytest.mark.parametrize("piece_bytes", [1, 3, 1 << 18])
def test_what_a_record_is(
    data: bytes, records: list[bytes], rejects: list[tuple[int, str, bytes]], part_bytes: int, piece_bytes: int
) -> None:
    for step in (1, 2, 1 << 20):
        with looked_at(piece_bytes):
            good, bad = told([data[i : i + step] for i in range(0, len(data), step)], part_bytes)
        assert ([raw for _, raw in good], bad) == (records, rejects)


def test_a_long_record_is_set_aside_and_the_ones_around_it_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 20)
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 80)
    for long in (b"x" * 30, b'"' + b"x" * 30 + b'"', b"x" * 19 + b",1"):
        for part_bytes in (1, 10, 1000):
            data = b"1,a\n" + long + b"\n2,b\n"
            chunks = [data[i : i + 3] for i in range(0, len(data), 3)]
            assert told(chunks, part_bytes) == ([(0, b"1,a"), (2, b"2,b")], [(1, "TOO-LONG-RECORD", long)])


def test_a_source_without_line_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 20)
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 80)
    with pytest.raises(UpstreamError, match="record 2 has no line end") as caught:
        told([b"1,a\n", *([b"x" * 10] * 20)], part_bytes=10)
    assert caught.value.code == "RECORD-WITHOUT-END"


def test_one_stray_quote_costs_one_row_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1000)
    lines = [b"%d,value" % n for n in range(2000)]
    lines[700] = b'700,"value'
    data = b"\n".join(lines) + b"\n"
    good, bad = told([data[i : i + 100] for i in range(0, len(data), 100)], part_bytes=500)
    assert bad == [(700, "BAD-QUOTING", b'700,"value')]
    assert len(good) == 1999


def test_memory_stays_within_a_few_parts() -> None:
    sizes = [len(part.data) for part in split((b"12345,abc\n" for _ in range(10_000)), ",", part_bytes=1000)]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 1010


def test_the_first_of_several_parts_is_small() -> None:
    sizes = [len(part.data) for part in split((b"12345,abc\n" for _ in range(1000)), ",", part_bytes=1000)]
    assert sizes[0] == 1000 // 8 // 10 * 10
    assert sizes[1:3] == [1000 - sizes[0], 1000]
    assert [len(part.data) for part in split([b"12345,abc\n" * 90], ",", part_bytes=1000)] == [900]


@pytest.mark.parametrize(("buffer", "record"), [
    (b"a,b\n1,2", b"a,b"), (b"a,b\r\n1", b"a,b"), (b'"a\nb",c\n', b'"a\nb",c'), (b"a,b", None), (b'"a\n', None), (b"\n", b""),
    (b"a,b\r", None), (b'"a"\r', None),
])  # fmt: skip
def test_the_first_record_is_given_once_it_is_whole(buffer: bytes, record: bytes | None) -> None:
    assert first_record(buffer, ",") == record


@pytest.mark.parametrize("megabytes", [5, 18, 40])
def test_an_open_quote_on_a_long_line_costs_its_length_once(megabytes: int) -> None:
    """Read over and over from its start, 18 MB took minutes."""
    data = b'1,"' + b"x" * (megabytes * 1024 * 1024)
    chunks = (data[start : start + 1024 * 1024] for start in range(0, len(data), 1024 * 1024))
    (part,) = split(chunks)
    assert [(reject.code, len(reject.raw)) for reject in part.rejects] == [("TOO-LONG-RECORD", len(data))]
