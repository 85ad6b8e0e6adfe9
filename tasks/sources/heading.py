"""The header of a source: its first record, taken off the stream."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.errors import ContractError
from expectations.contract.layout import line_ends, read_header
from expectations.contract.split import MAX_RECORD_BYTES, first_record
from tasks.sources.protocol import OWNER, OpenSource


def heading(chunks: Iterator[bytes], source: OpenSource) -> tuple[Iterator[bytes], tuple[str, ...]]:
    """The stream behind the header, and the header's names. ContractError when there is none."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        record = first_record(buffer, source.delimiter)
        if record is not None:
            rest = buffer[len(record) :]
            rest = rest[2:] if rest.startswith(b"\r\n") else rest[1:]
            return _after(rest, chunks), read_header(record, source.delimiter, source.where)
        if len(buffer) > MAX_RECORD_BYTES:
            break
    if b"\n" not in buffer and b"\r" in buffer.strip():
        raise line_ends(source.where)
    if buffer.strip() and len(buffer) <= MAX_RECORD_BYTES:
        return chunks, read_header(buffer.rstrip(b"\r\n"), source.delimiter, source.where)
    what = "is empty: not even a header" if not buffer.strip() else "has no line end in its first 4 MB"
    raise ContractError(f"{source.where} {what}", code="EMPTY-SOURCE", next_command=OWNER)


def _after(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks
