"""Records as CSV: every value keeps the spelling it had in the JSON.

null becomes NULL, "" an empty text; numbers are not parsed, so 1.10 stays 1.10; nested values become JSON text. A record that
can't be written so without a guess (a key twice, half a character) is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import Any

from deployments.declarations.problems import nearest
from deployments.errors import ContractError, UpstreamError
from expectations.contract.layout import listing, renamed
from expectations.contract.split import Reject
from tasks.sources.json_text import Constant, Spelled, TooDeepError, fault_of, nested_text
from tasks.sources.protocol import OWNER

AT_ONCE = 1_000
"""Lines are written, and JSON lines read, so many at a time."""

_AS_THEY_ARE = {Spelled, Constant, NoneType}
_TEXTS = {str, NoneType}


@dataclass(frozen=True, slots=True)
class Unfit:
    """A record that can't be written as CSV: the reason code and the record as it came."""

    code: str
    raw: bytes


Records = list[dict[str, Any] | Unfit]


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a source as lines of CSV. The header is the contract's columns (`names`), then other keys in the order
    they were met on page 1; `page` is what people call the pages.

    A column that no record has is NULL where it may be (`optional`), else ContractError at the end: only then it is known.
    """

    where: str
    names: Sequence[str]
    optional: frozenset[str]
    set_aside: list[Reject]
    page: str = "page"

    def lines(self, pages: Iterable[Records]) -> Iterator[bytes]:
        """The header first; `set_aside` grows with what was met so far. UpstreamError NOT-JSON for what is nested too deep."""
        try:
            yield from self._lines(pages)
        except TooDeepError as error:
            raise UpstreamError(f"{self.where} isn't JSON: {error}", code="NOT-JSON", next_command=OWNER) from None

    def _lines(self, pages: Iterable[Records]) -> Iterator[bytes]:
        header: list[str] = []
        always: set[str] = set()
        met: dict[str, None] = {}
        count = 0
        for page, items in enumerate(pages, start=1):
            records = [item for item in items if not isinstance(item, Unfit)]
            on_page = dict.fromkeys(chain.from_iterable(records))
            met.update(on_page)
            if records and not header:
                header = [*self.names, *(key for key in on_page if key not in self.names)]
                always = {name for name in self.names if all(name in record for record in records)}
                yield _heading(header)
            self._same_columns(page, set(on_page), set(header), always)
            for start in range(0, len(items), AT_ONCE):
                yield self._block(items[start : start + AT_ONCE], header, count + start)
            count += len(items)
        if not header:
            # Without a record nothing can be said of columns.
            yield _heading(self.names)
        else:
            self._check_met(met)

    def _block(self, items: Records, header: Sequence[str], first: int) -> bytes:
        """Lines of the items that can be written; `first` is the place of the first one among all records."""
        records = [item for item in items if not isinstance(item, Unfit)]
        try:
            written = _lines(records, header)
        except UnicodeEncodeError:
            if len(items) == 1:
                self.set_aside.append(Reject(first, "HALF-CHARACTER", _raw(items[0])))
                return b""
            # Halves, until the record that holds half a character is alone.
            half = len(items) // 2
            return self._block(items[:half], header, first) + self._block(items[half:], header, first + half)
        if len(records) < len(items):
            unfit = ((place, item) for place, item in enumerate(items, start=first) if isinstance(item, Unfit))
            self.set_aside.extend(Reject(place, item.code, item.raw) for place, item in unfit)
        return written

    def _check_met(self, met: dict[str, None]) -> None:
        """ContractError when a column that must have values, or that was renamed, is in no record."""
        others = [key for key in met if key not in self.names]
        for name in self.names:
            meant = None if name in met else nearest(name, others)
            if name not in met and (meant is not None or name not in self.optional):
                hint = renamed(meant) if meant else ""
                raise ContractError(
                    f"{self.where}: no record has the column '{name}'{hint}\n  found:    {listing(list(met))}\n"
                    f"  expected: {listing(self.names)}",
                    code="HEADER",
                    next_command="mend the source, or the columns in the declaration; then: headgate retry RUN",
                    found=list(met)[:200],
                    expected=list(self.names),
                )

    def _same_columns(self, page: int, met: set[str], known: set[str], always: set[str]) -> None:
        """A page that lacks a column every record of the first page had, and has a key that is new, renamed it: the
        values would be lost as NULL. Keys that some records leave out (`always` has none of them) say nothing."""
        gone, new = sorted(always - met), sorted(met - known)
        if met and gone and new:
            raise UpstreamError(
                f"{self.where}: {self.page} {page} has no {listing(gone)}, which all records of {self.page} 1 have, but"
                f" {listing(new)}, which none of them has",
                code="HEADER-CHANGED",
                next_command=OWNER,
            )


def judged(records: list[dict[str, Any]], suspect: bool) -> Records:
    """The records, those set aside that aren't what was written, or have a key that no text can hold."""
    halves = {key for key in set[str]().union(*records) if not is_whole(key)}
    if not suspect and not halves:
        return [*records]
    judged: Records = []
    for record in records:
        code = fault_of(record) or ("HALF-CHARACTER" if halves.intersection(record) else None)
        judged.append(record if code is None else Unfit(code, _raw(record)))
    return judged


def is_whole(text: str) -> bool:
    """Whether a text holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raw(record: Any) -> bytes:
    """A record of a document as JSON, with every key it had."""
    return nested_text(record).encode("utf-8", "backslashreplace")


def _heading(names: Sequence[str]) -> bytes:
    return (",".join(map(_field, names)) + "\n").encode()


def _lines(records: Sequence[dict[str, Any]], header: Sequence[str]) -> bytes:
    """Records as lines, column by column; UnicodeEncodeError when a value holds half of a surrogate pair."""
    if not header:
        return b"\n" * len(records)
    columns = (_fields([record.get(name) for record in records]) for name in header)
    return "".join([f"{line}\n" for line in map(",".join, zip(*columns, strict=True))]).encode()


def _fields(values: list[Any]) -> list[str]:
    """The values of a column as fields. Nearly all columns hold texts alone or numbers alone, beside null: those need no look
    at each value's kind."""
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return [value or "" for value in values] if NoneType in kinds else values
    if kinds <= _TEXTS:
        return ["" if value is None else '"' + value.replace('"', '""') + '"' for value in values]
    return [_field(value) for value in values]


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else nested_text(value)
    return '"' + text.replace('"', '""') + '"'
