"""Objects of a producer in another form than CSV, as CSV for a warehouse that reads nothing else; nothing is set aside here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO

from deployments.errors import ContractError, UpstreamError
from expectations.contract.split import Reject
from tasks.objects.manifest import Form
from tasks.sources.json_records import record_of, split_lines
from tasks.sources.json_rows import AT_ONCE, Records, Rows, Unfit
from tasks.sources.location import Location
from tasks.sources.parquet import ParquetReader
from tasks.sources.protocol import Span


@dataclass(frozen=True)
class _Held(ParquetReader):
    """A Parquet file that is at hand."""

    file: IO[bytes]

    @property
    def where(self) -> str:
        return self.location.url

    @contextmanager
    def _file(self) -> Iterator[IO[bytes]]:
        yield self.file


def as_csv(pieces: Iterator[bytes], form: Form, names: Sequence[str], where: str) -> Iterator[bytes]:
    """CSV of these columns, header first. UpstreamError (ContractError) for a record that can't be written as CSV."""
    if form == "csv":
        yield from pieces
        return
    chunks, set_aside = _of_lines(pieces, names, where) if form == "json" else _of_parquet(pieces, where)
    for chunk in chunks:
        if set_aside:
            raise UpstreamError(
                f"{where}: record {set_aside[0].record + 1:,} can't be loaded ({set_aside[0].code}); in place none is set aside",
                code="COPY-REFUSED", next_command="mend the source, or load.stage: parts, which sets such rows aside",
            )  # fmt: skip
        yield chunk


def _of_parquet(pieces: Iterator[bytes], where: str) -> tuple[Iterator[bytes], Sequence[Reject]]:
    aside: list[Reject] = []

    def chunks() -> Iterator[bytes]:
        with tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            reader = _Held(Location(where, None, Span(None, "UTC")), file)
            for chunk in reader.chunks():
                aside.extend(reader.set_aside)
                yield chunk

    return chunks(), aside


def _of_lines(pieces: Iterator[bytes], names: Sequence[str], where: str) -> tuple[Iterator[bytes], Sequence[Reject]]:
    aside: list[Reject] = []
    rows = Rows(where, names, frozenset(names), aside, f"block of {AT_ONCE:,} lines")

    def blocks() -> Iterator[Records]:
        lines = split_lines(pieces, where)
        while batch := list(islice(lines, AT_ONCE)):
            yield [_only(record_of(line), names) for line in batch]

    return rows.lines(blocks()), aside


def _only(record: dict[str, object] | Unfit, names: Sequence[str]) -> dict[str, object] | Unfit:
    return record if isinstance(record, Unfit) else {name: record[name] for name in names if name in record}


def check_first_record(pieces: Iterator[bytes], names: Sequence[str], where: str) -> None:
    """ContractError unless the first record names every column: what has another name would be NULL in all rows."""
    line = next(split_lines(pieces, where), None)
    record = None if line is None else record_of(line)
    if not isinstance(record, dict):
        raise ContractError(
            f"{where} {'has no record' if line is None else 'has no JSON object in its first line'}",
            code="EMPTY-SOURCE" if line is None else "NOT-JSON", next_command="ask the source's owner; or load.stage: parts",
        )  # fmt: skip
    if missing := [name for name in names if name not in record]:
        raise ContractError(
            f"{where}: the first record lacks {', '.join(missing)}; loaded in place they would be NULL in all rows",
            code="HEADER", next_command="mend the source or the contract, or load.stage: parts",
        )  # fmt: skip
