"""A Python regular expression as one of RE2, DuckDB's engine, that finds the same; what can't be said there is refused.

Great Expectations searches with Python's `re`. RE2 spells and means several things differently: `\\d`, `\\w` and `\\s`
are ASCII, `$` doesn't look past a last newline, and there are no look-around, back references or possessive repeats.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

# The parsed form of a pattern; its modules have no public names, and are the same in Python 3.11 to 3.13.
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_REPEAT = 1000

_SPACES = r"\t\n\v\f\r\x{1c}-\x{1f} \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_INSIDE = {
    sre.CATEGORY_DIGIT: r"\p{Nd}", sre.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    sre.CATEGORY_WORD: r"\p{L}\p{N}_", sre.CATEGORY_SPACE: _SPACES,
}  # fmt: skip
_OUTSIDE = {
    sre.CATEGORY_NOT_WORD: r"[^\p{L}\p{N}_]",
    sre.CATEGORY_NOT_SPACE: f"[^{_SPACES}]",
}
_REFUSED = {
    sre.ASSERT: "look-ahead and look-behind", sre.ASSERT_NOT: "look-ahead and look-behind",
    sre.GROUPREF: "references to a group", sre.GROUPREF_EXISTS: "references to a group",
    sre.POSSESSIVE_REPEAT: "possessive repeats", sre.ATOMIC_GROUP: "atomic groups",
}  # fmt: skip
_FLAGS = re.IGNORECASE | re.DOTALL | re.VERBOSE | re.UNICODE


def re2_of(pattern: str) -> str:
    """The same search in RE2's spelling. ValueError, with the reason: it can't do that or would read it differently."""
    return Writer.of(pattern)


class Writer:
    """Writes a parsed pattern for RE2. Other engines override how a part is spelled, not what may be said."""

    def __init__(self, flags: int) -> None:
        if flags & ~_FLAGS:
            raise ValueError("only the flags i, s and x are the same in every engine")
        self.ignore_case = bool(flags & re.IGNORECASE)
        self.dot_all = bool(flags & re.DOTALL)

    @classmethod
    def of(cls, pattern: str) -> str:
        """The whole pattern; ValueError with the reason when it can't be said."""
        if "[[:" in pattern:
            raise ValueError("classes such as [[:alpha:]] mean other things in other engines; write out the characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)
                parsed = parser.parse(pattern)
        except re.error as error:
            raise ValueError(str(error)) from None
        except FutureWarning as error:
            raise ValueError(f"{error}: what it means will change in Python") from None
        return cls(parsed.state.flags).sequence(parsed, last=True)

    def sequence(self, items: Any, *, last: bool) -> str:
        """A run of items; `last`: nothing can follow it in the whole pattern."""
        written = [
            self._item(op, value, last and position == len(items) - 1) for position, (op, value) in enumerate(items)
        ]
        return self.fold("".join(written))

    def _item(self, op: Any, value: Any, last: bool) -> str:
        if op in _REFUSED:
            raise ValueError(f"{_REFUSED[op]} can't be evaluated over a whole batch")
        if op is sre.LITERAL:
            return self.character(value)
        if op is sre.NOT_LITERAL:
            return self.other_than(value)
        if op is sre.ANY:
            return self.any()
        if op is sre.IN:
            return self.set_of(value)
        if op is sre.AT:
            return self.place(value, last)
        if op is sre.BRANCH:
            return self.within("|".join(self.sequence(branch, last=last) for branch in value[1]))
        if op is sre.SUBPATTERN:
            _, added, removed, inner = value
            flags = (re.IGNORECASE if self.ignore_case else 0) | (re.DOTALL if self.dot_all else 0)
            body = type(self)((flags | added) & ~removed).sequence(inner, last=last)
            return self.within(body, added, removed)
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, inner = value
            unbounded = high is sre.MAXREPEAT
            if low > MAX_REPEAT or (not unbounded and high > MAX_REPEAT):
                raise ValueError(f"a repeat of more than {MAX_REPEAT} can't be evaluated over a whole batch")
            return self.repeated(self.sequence(inner, last=False), low, None if unbounded else high)
        raise ValueError(f"it holds a part ({op}) that isn't known here")

    def fold(self, body: str) -> str:
        """A run in which case doesn't matter, if it doesn't."""
        return f"(?i:{body})" if self.ignore_case and body else body

    def character(self, code: int) -> str:
        """One character."""
        return _character(code)

    def other_than(self, code: int) -> str:
        """Any character but one."""
        return f"[^{_character(code)}]"

    def any(self) -> str:
        """What a dot stands for."""
        return r"(?s:.)" if self.dot_all else r"[^\n]"

    def set_of(self, items: Sequence[Any]) -> str:
        """One of the characters between brackets."""
        return _set(items)

    def place(self, value: Any, last: bool) -> str:
        """The beginning or the end."""
        if value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return r"\A"
        if value is sre.AT_END_STRING:
            return r"\z"
        if value is sre.AT_END:
            if not last:
                raise ValueError("$ can stand only at the end of the pattern or of an alternative")
            # Python's $ is also true before a newline that ends the text.
            return r"\n?\z"
        raise ValueError(r"\b and \B mean other things in other engines; name the characters that may stand there")

    def within(self, body: str, _added: int = 0, removed: int = 0) -> str:
        """A group. Inside (?i:...) one that isn't must say so."""
        return f"(?-i:{body})" if removed & re.IGNORECASE else f"(?:{body})"

    def repeated(self, body: str, low: int, high: int | None) -> str:
        """A part that occurs several times; `high` None: any number of times."""
        count = "*" if (low, high) == (0, None) else f"{{{low},{'' if high is None else high}}}"
        return f"(?:{body}){count}"


def _set(items: Sequence[Any]) -> str:
    if len(items) == 1 and items[0][0] is sre.CATEGORY and items[0][1] in _OUTSIDE:
        return _OUTSIDE[items[0][1]]
    written = []
    for op, value in items:
        if op is sre.NEGATE:
            written.append("^")
        elif op is sre.LITERAL:
            written.append(_character(value))
        elif op is sre.RANGE:
            written.append(f"{_character(value[0])}-{_character(value[1])}")
        elif op is sre.CATEGORY and value in _INSIDE:
            written.append(_INSIDE[value])
        else:
            raise ValueError(r"\W and \S can't stand beside other characters in [...]")
    return f"[{''.join(written)}]"


def _character(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"
