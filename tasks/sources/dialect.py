"""CSV in another dialect, written again as RFC 4180: other quotes, an escape, comment lines, lines before the header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from deployments.declarations.sources import CsvSource
from deployments.errors import ContractError
from expectations.contract.split import MAX_LINE_BYTES, MAX_RECORD_BYTES, Reject, endless

_HEADER = -1
_BUFFER_BYTES = 1024 * 1024


def as_rfc4180(pieces: Iterable[bytes], source: CsvSource, set_aside: list[Reject], where: str) -> Iterator[bytes]:
    """The same records as RFC 4180 with the source's delimiter; those that aren't of the dialect join `set_aside`."""
    if source.skip_lines:
        pieces = _behind_lines(pieces, source.skip_lines)
    if source.is_rfc4180:
        yield from pieces
        return
    yield from _Rewriter(_Dialect.of(source), set_aside, where).records(pieces)


def _behind_lines(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    for piece in pieces:
        rest = piece
        while count and rest:
            _, end, rest = rest.partition(b"\n")
            count -= bool(end)
        if rest:
            yield rest


@dataclass(frozen=True)
class _Dialect:
    """Each is one ASCII character; quote, escape and comment may be none."""

    delimiter: bytes
    quote: bytes
    escape: bytes
    comment: bytes

    @classmethod
    def of(cls, source: CsvSource) -> _Dialect:
        quote = "" if source.quote == "none" else source.quote
        return cls(*(text.encode() for text in (source.delimiter, quote, source.escape or "", source.comment or "")))

    @cached_property
    def record(self) -> re.Pattern[bytes]:
        field, d = self._field, re.escape(self.delimiter)
        return re.compile(rb"(?s:(?P<record>" + field + rb"(?:" + d + field + rb")*+)(?:\r?\n|\r?\Z))")

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        return re.compile(rb"(?s:(?:^|" + re.escape(self.delimiter) + rb")(" + self._field + rb"))")

    @property
    def _field(self) -> bytes:
        escaped = rb"|" + re.escape(self.escape) + rb"(?:\r\n|.)" if self.escape else b""
        special = b"".join(re.escape(one) for one in (self.quote, self.escape, self.delimiter))
        # A carriage return is part of a field only where no line ends with it.
        plain = rb"(?:[^\r\n" + special + rb"]++|\r(?!\n|\Z)" + escaped + rb")*+"
        if not self.quote:
            return plain
        q = re.escape(self.quote)
        quoted = rb"(?:[^" + q + re.escape(self.escape) + rb"]++|" + q + q + escaped + rb")*+"
        return rb"(?:" + q + quoted + q + rb"|" + plain + rb")"

    @cached_property
    def _undone(self) -> re.Pattern[bytes]:
        """An escape before what needs one, or a doubled quote. Before anything else (`\\N`, `\\n`) an escape stays."""
        needs = b"".join(re.escape(one) for one in (self.quote, self.escape, self.delimiter, self.comment))
        ways = [re.escape(self.escape) + rb"(\r\n|[\r\n" + needs + rb"])"] if self.escape else [rb"(\Z(?!\Z))"]
        return re.compile(rb"|".join([*ways, *([re.escape(self.quote * 2)] if self.quote else [])]))

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """Bytes without which a text reads the same in both dialects."""
        return tuple(one for one in {b'"', self.quote, self.escape, self.comment} if one)

    def written(self, field: bytes) -> bytes:
        """A field as RFC 4180; what was quoted stays quoted."""
        is_quoted = bool(self.quote) and field.startswith(self.quote)
        value = field[1:-1] if is_quoted else field
        if self.escape or is_quoted:
            value = self._undone.sub(lambda match: match[1] if match[1] is not None else self.quote, value)
        if is_quoted or any(one in value for one in (b'"', b"\r", b"\n", self.delimiter)):
            return b'"' + value.replace(b'"', b'""') + b'"'
        return value


@dataclass
class _Rewriter:
    dialect: _Dialect
    set_aside: list[Reject]
    where: str
    number: int = _HEADER

    def records(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        buffer = b""
        for piece in pieces:
            buffer += piece
            if len(buffer) >= _BUFFER_BYTES:
                end, written = self._written(buffer, final=False)
                yield b"".join(written)
                buffer = buffer[end:]
        _, written = self._written(buffer, final=True)
        yield b"".join(written)

    def _written(self, buffer: bytes, *, final: bool) -> tuple[int, Sequence[bytes]]:
        """Where the last whole record ends, and the records before."""
        if not any(mark in buffer for mark in self.dialect.marks):
            end = len(buffer) if final else buffer.rfind(b"\n") + 1
            self.number += buffer.count(b"\n", 0, end)
            return end, [buffer[:end]]
        position, written = 0, list[bytes]()
        while position < len(buffer):
            line_end = buffer.find(b"\n", position) + 1
            if self.dialect.comment and buffer.startswith(self.dialect.comment, position):
                if not line_end and not final:
                    break
                position = line_end or len(buffer)
                continue
            match = self.dialect.record.match(buffer, position)
            if match is not None and (final or buffer[match.end("record") : match.end()].endswith(b"\n")):
                written.append(self._rewritten(match["record"]))
                position = match.end()
            else:
                rest = len(buffer) - position
                # More bytes may close its quote, up to the limit of a record.
                if not final and (not line_end or rest <= MAX_RECORD_BYTES):
                    if not line_end and rest > MAX_LINE_BYTES:
                        raise endless(self.number + 1)
                    break
                self._refuse(buffer[position : line_end or len(buffer)].rstrip(b"\r\n"))
                position = line_end or len(buffer)
            self.number += 1
        return position, written

    def _rewritten(self, record: bytes) -> bytes:
        if not any(mark in record for mark in self.dialect.marks):
            return record + b"\n"
        return self.dialect.delimiter.join(map(self.dialect.written, self.dialect.field.findall(record))) + b"\n"

    def _refuse(self, line: bytes) -> None:
        if self.number == _HEADER:
            raise ContractError(
                f"{self.where}: the header isn't text of the declared quote and escape: {line[:200]!r}",
                code="BAD-HEADER",
                next_command="mend source.quote, source.escape or source.skip_lines",
            )
        self.set_aside.append(Reject(self.number, "BAD-QUOTING", line))
