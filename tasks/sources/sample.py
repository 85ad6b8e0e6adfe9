"""The first records of a source, or all of them: read by its own reader, cut and cleaned as a load would do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from deployments.errors import ContractError, SourceMissingError, UpstreamError
from expectations.contract.layout import listing
from expectations.contract.scan import scan
from expectations.contract.split import RawPart, split, with_rejects
from tasks.sources.heading import heading
from tasks.sources.protocol import OpenSource

_PART_BYTES = 4 * 1024 * 1024
_SMALLEST_PART_BYTES = 4096
_BYTES_OF_A_SHORT_RECORD = 8
_MISREAD = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """Records of a source in files without header. `whole`: these are all of them. `unreadable`: reason code, records.
    `absent`: of `looked_for` windows so many weren't there."""

    where: str
    delimiter: str
    header: tuple[str, ...]
    files: tuple[Path, ...]
    parts: tuple[RawPart, ...]
    rows: int
    whole: bool
    unreadable: Counter[str]
    looked_for: int = 1
    absent: int = 0


def read_sample(sources: Sequence[OpenSource], limit: int, folder: Path) -> Sample:
    """At least `limit` records (0: all) in files below `folder`.

    Several sources are the windows of one table: the first must be there, of the others those that are. UpstreamError
    when there is no record, when a header doesn't name each field once or differs from the first, or when the text is
    in another encoding.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[RawPart] = []
    files: list[Path] = []
    header: tuple[str, ...] = ()
    whole, number, absent = True, 0, 0
    for number, source in enumerate(sources):
        try:
            for names, part in _parts(source, _part_bytes(limit)):
                if limit and sum(part.records for part in parts) >= limit:
                    whole = False
                    break
                _check_same(source.where, header or names, names)
                header = names
                path = folder / f"part-{len(parts) + 1:05d}.csv"
                path.write_bytes(part.data)
                files.append(path)
                parts.append(part)
        except SourceMissingError:
            if number == 0:
                raise
            absent += 1
        if not whole:
            break
    whole = whole and not any(getattr(source, "is_cut", False) for source in sources)
    sample = Sample(
        sources[0].where, sources[0].delimiter, header, tuple(files), tuple(parts),
        sum(part.records for part in parts), whole, Counter(reject.code for part in parts for reject in part.rejects),
        number + 1, absent,
    )  # fmt: skip
    _check_records(sample)
    return sample


def _part_bytes(limit: int) -> int:
    """Small parts for few records: one is read to its end, and ten records of short lines aren't worth megabytes."""
    wanted = limit * _BYTES_OF_A_SHORT_RECORD
    return min(max(wanted, _SMALLEST_PART_BYTES), _PART_BYTES) if limit else _PART_BYTES


def _sliced(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield from (chunk[start : start + size] for start in range(0, len(chunk), size))


def _parts(source: OpenSource, size: int) -> Iterator[tuple[tuple[str, ...], RawPart]]:
    """Parts of about `size` bytes without their unreadable records, each with the header."""
    chunks = source.chunks()
    try:
        rows, header = _heading(chunks, source)
        for part in with_rejects(split(_sliced(rows, size), source.delimiter, size), source.set_aside):
            yield header, scan(part, source.delimiter, len(header))
    finally:
        # A source that isn't read to its end is left at once: its connection is closed here.
        if isinstance(chunks, Generator):
            cast("Generator[bytes, None, None]", chunks).close()


def _check_records(sample: Sample) -> None:
    unreadable = sample.unreadable
    if unreadable["NOT-UTF8"] > _MISREAD * sample.rows:
        raise UpstreamError(
            f"{sample.where} isn't UTF-8 text: {unreadable['NOT-UTF8']:,} of {sample.rows + unreadable.total():,} records"
            " have other bytes", code="ENCODING",
            next_command="headgate peek SOURCE --encoding cp1252   (or latin-1, utf-16)",
        )  # fmt: skip
    if not sample.rows:
        said = ", ".join(f"{code} {count:,}" for code, count in unreadable.most_common())
        raise UpstreamError(
            f"{sample.where} has a header and no record that can be read" + (f" ({said})" if said else ""),
            code="EMPTY-SOURCE",
            next_command="headgate peek SOURCE   (another file, another --window, or --delimiter; a table: once it has rows)",
        )  # fmt: skip


def _check_same(where: str, first: tuple[str, ...], names: tuple[str, ...]) -> None:
    if first != names:
        raise ContractError(
            f"{where}: the header isn't that of the first one\n  found: {listing(names)}\n  first: {listing(first)}",
            code="HEADER-CHANGED",
            next_command="headgate peek SOURCE --rows 1   (one alone; windows: --window DATE, or --to before the change)",
        )


def _heading(chunks: Iterator[bytes], source: OpenSource) -> tuple[Iterator[bytes], tuple[str, ...]]:
    try:
        rows, header = heading(chunks, source)
    except ContractError as error:
        if error.code != "BAD-HEADER":
            raise
        raise ContractError(
            error.message, code=error.code,
            next_command="headgate peek SOURCE --encoding cp1252   (or utf-16, or another --delimiter)",
        ) from None  # fmt: skip
    if not any(header):
        aside = Counter(reject.code for reject in source.set_aside)
        said = f" that can be read ({', '.join(f'{code} {count:,}' for code, count in aside.items())})" if aside else ""
        raise UpstreamError(
            f"{source.where} has no records{said}", code="EMPTY-SOURCE",
            next_command="headgate peek SOURCE   (another file, or another --window)",
        )  # fmt: skip
    _check_header(source.where, header)
    return rows, header


def _check_header(where: str, header: tuple[str, ...]) -> None:
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise ContractError(
            f"{where}: names stand twice in the header: {listing([repr(name) for name in twice])}\n"
            f"  found: {listing(header)}",
            code="HEADER",
            next_command="ask the source's owner for names that differ; for a query: give columns names with AS",
        )
