"""A Python regular expression in the spelling of PostgreSQL and Redshift, that finds the same; what can't be said is refused.

Their `.` takes a newline, their `$` doesn't look past a last one, `\\d`, `\\w` and `\\s` follow the server's locale, and flags
inside a pattern are unknown: every class, place and case is written out as characters.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache

# As in `regex`.
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

from expectations.rows.regex import Writer

MAX_REPEAT = 255
MAX_FOLDED = 2_000
"""Characters of a range whose other cases are looked up one by one."""
_CLASSES: dict[Any, tuple[Callable[[str], bool], bool]] = {
    sre.CATEGORY_DIGIT: (str.isdecimal, True), sre.CATEGORY_NOT_DIGIT: (str.isdecimal, False),
    sre.CATEGORY_SPACE: (str.isspace, True), sre.CATEGORY_NOT_SPACE: (str.isspace, False),
    sre.CATEGORY_WORD: (lambda c: c.isalnum() or c == "_", True),
    sre.CATEGORY_NOT_WORD: (lambda c: c.isalnum() or c == "_", False),
}  # fmt: skip
Range = tuple[int, int]


class PosixWriter(Writer):
    """Writes a parsed pattern. A set is a list of ranges of characters, whatever it was written as."""

    def fold(self, body: str) -> str:
        return body

    def character(self, code: int) -> str:
        if self.ignore_case:
            return self.set_of([(sre.LITERAL, code)])
        text = chr(code)
        if text in "\\^":
            return f"\\{text}"
        return f"[{text}]" if text.isascii() and not text.isalnum() and text.isprintable() else text

    def other_than(self, code: int) -> str:
        return self.set_of([(sre.NEGATE, None), (sre.LITERAL, code)])

    def any(self) -> str:
        return "." if self.dot_all else "[^\n]"

    def place(self, value: Any, last: bool) -> str:
        if value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return "^"
        if value is sre.AT_END_STRING:
            return "$"
        if value is sre.AT_END and last:
            return "\n?$"
        return super().place(value, last)

    def within(self, body: str, _added: int = 0, _removed: int = 0) -> str:
        return f"({body})"

    def repeated(self, body: str, low: int, high: int | None) -> str:
        if low > MAX_REPEAT or (high is not None and high > MAX_REPEAT):
            raise ValueError(f"a repeat of more than {MAX_REPEAT} can't be evaluated in the warehouse")
        short = {(0, None): "*", (1, None): "+", (0, 1): "?"}
        return f"({body})" + (short.get((low, high)) or f"{{{low},{'' if high is None else high}}}")

    def set_of(self, items: Sequence[Any]) -> str:
        negated, ranges = False, list[Range]()
        for op, value in items:
            if op is sre.NEGATE:
                negated = True
            elif op is sre.LITERAL:
                ranges.append((value, value))
            elif op is sre.RANGE:
                ranges.append((value[0], value[1]))
            else:
                test, inside = _CLASSES[value]
                ranges += _ranges(test) if inside else _others(_ranges(test))
        if self.ignore_case:
            ranges += [(code, code) for code in _other_cases(ranges)]
        return _bracket(_merged(ranges), negated)


def posix_of(pattern: str) -> str:
    """The same search as PostgreSQL and Redshift spell it. ValueError, with the reason: it can't be said there."""
    return PosixWriter.of(pattern)


@cache
def _ranges(test: Callable[[str], bool]) -> tuple[Range, ...]:
    return tuple(_merged((code, code) for code in range(1, sys.maxunicode + 1) if test(chr(code))))


def _others(ranges: Sequence[Range]) -> list[Range]:
    found, following = [], 1
    for low, high in ranges:
        if low > following:
            found.append((following, low - 1))
        following = high + 1
    return [*found, (following, sys.maxunicode)]


def _merged(ranges: Iterable[Range]) -> list[Range]:
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _other_cases(ranges: Sequence[Range]) -> set[int]:
    if sum(high - low for low, high in ranges) > MAX_FOLDED:
        raise ValueError("the flag i beside a large class of characters can't be evaluated in the warehouse")
    found = set()
    for low, high in ranges:
        for code in range(low, high + 1):
            pattern = re.compile(re.escape(chr(code)), re.IGNORECASE)
            text = chr(code)
            near = {*_FOLDED_APART, text.lower(), text.upper(), text.upper().lower(), text.lower().upper()}
            found |= {ord(other) for other in near if len(other) == 1 and pattern.fullmatch(other)}
    return found


_FOLDED_APART = "iI\u0131\u0130\u017f\u212a\u2126\u212b\u00b5\u03bc\u03c2\u03c3\u1e9e\u00df"
"""Characters that some cases are folded into, which neither lower() nor upper() tells."""


def _bracket(ranges: Sequence[Range], negated: bool) -> str:
    if not ranges:
        raise ValueError("it holds a set that no character is in")
    kept = list(_without_surrogates(ranges))
    special = {code for code in map(ord, "]\\[^-") if any(low <= code <= high for low, high in kept)}
    body = "".join(_span(low, high) for low, high in _split_at(kept, sorted(special)))
    # Each where it means itself: ] comes first, - last, and ^ anywhere but first.
    written = {"]": "]", "body": body, "\\": "\\\\", "[": "[", "^": "^", "-": "-"}
    content = "".join(text for name, text in written.items() if name == "body" or ord(name) in special)
    if not negated and content.startswith("^"):
        content = content[1:] + "^"
    return "\\^" if content == "^" and not negated else f"[{'^' if negated else ''}{content}]"


def _without_surrogates(ranges: Sequence[Range]) -> Iterable[Range]:
    """Surrogates stand in no text of a server."""
    for low, high in ranges:
        if high < 0xD800 or low > 0xDFFF:
            yield low, high
            continue
        if low < 0xD800:
            yield low, 0xD7FF
        if high > 0xDFFF:
            yield 0xE000, high


def _split_at(ranges: Sequence[Range], codes: Sequence[int]) -> list[Range]:
    """The ranges without these characters, which are written apart."""
    found = list(ranges)
    for code in codes:
        found = [
            part
            for low, high in found
            for part in (((low, code - 1), (code + 1, high)) if low <= code <= high else ((low, high),))
            if part[0] <= part[1]
        ]
    return found


def _span(low: int, high: int) -> str:
    if low == high:
        return chr(low)
    return f"{chr(low)}{chr(high)}" if high == low + 1 else f"{chr(low)}-{chr(high)}"
