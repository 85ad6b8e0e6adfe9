"""Records as CSV: every value keeps the spelling it had in the JSON.

null becomes NULL, "" an empty text; numbers are not parsed, so 1.10 stays 1.10; nested values become JSON text. A record that
can't be written so without a guess (a key twice, half a character) is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.declarations.problems import nearest
from deployments.errors import ContractError, UpstreamError
from expectations.contract.layout import listing, renamed
from expectations.contract.split import Reject
from tasks.sources.json_text import Spelled, TooDeepError, fault_of, nested_text
from tasks.sources.protocol import OWNER

AT_ONCE = 1_000
"""Lines are written, and JSON lines read, so many at a time."""


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
            on_page = dict.fromkeys(key for record in records for key in record)
            met.update(on_page)
            if records and not header:
                header = [*self.names, *(key for key in on_page if key not in self.names)]
                always = {name for name in self.names if all(name in record for record in records)}
                yield _line(header)
            self._same_columns(page, set(on_page), set(header), always)
            lines = []
            for place, item in enumerate(items, start=count):
                unfit = item if isinstance(item, Unfit) else None
                try:
                    lines += [_line([item.get(name) for name in header])] if isinstance(item, dict) else []
                except UnicodeEncodeError:
                    unfit = Unfit("HALF-CHARACTER", _raw(item))
                if unfit is not None:
                    self.set_aside.append(Reject(place, unfit.code, unfit.raw))
                if len(lines) >= AT_ONCE:
                    yield b"".join(lines)
                    lines = []
            count += len(items)
            yield b"".join(lines)
        if not header:
            # Without a record nothing can be said of columns.
            yield _line(list(self.names))
        else:
            self._check_met(met)

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
    halves = {key for record in records for key in record if not is_whole(key)}
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


def _line(values: Sequence[Any]) -> bytes:
    """UnicodeEncodeError when a value holds half of a surrogate pair."""
    return (",".join(map(_field, values)) + "\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else nested_text(value)
    return '"' + text.replace('"', '""') + '"'
