"""What one spelled value looks like: its character-class pattern, case, spaces, and whether it is a number or a date."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

NULLISH = frozenset({"na", "n/a", "nan", "null", "none", "nil", "\\n", "-", "--", "?", "unknown", "undefined", "#n/a"})

_LONGEST_NULLISH = max(map(len, NULLISH))
# Long texts hardly share a shape, and remembering theirs takes memory.
_REMEMBERED = 200

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\Z")
_EXPONENT = re.compile(r"\s*[+-]?(9+\.?9*|\.9+)[aA][+-]?9+\s*\Z")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?\Z")
_LONG_RUN = re.compile(r"(A{3,}|a{3,}|9{7,}|(?:Aa{2,} ?){2,})")
# UTF-8 read as Latin-1, and the mark a decoder leaves for what it couldn't read.
_GARBLED = re.compile("[ÃÂâ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|\ufffd")
# A character as a web page writes it.
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")

_DATES = {
    r"\d{4}/\d{1,2}/\d{1,2}": ("%Y/%m/%d", ""),
    r"\d{4}\.\d{1,2}\.\d{1,2}": ("%Y.%m.%d", ""),
    r"\d{4}-\d{1,2}-\d{1,2}": ("%Y-%m-%d", ""),
    r"(?:19|20)\d{2}[01]\d[0-3]\d": ("%Y%m%d", ""),
    r"\d{1,2}/\d{1,2}/\d{4}": ("%{}/%{}/%Y", "dmy"),
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("%{}.%{}.%Y", "dmy"),
    r"\d{1,2}-\d{1,2}-\d{4}": ("%{}-%{}-%Y", "dmy"),
    r"\d{1,2}-[A-Za-z]{3}-\d{4}": ("%d-%b-%Y", ""),
    r"\d{1,2} [A-Za-z]{3} \d{4}": ("%d %b %Y", ""),
}
_TIMES = {
    r"": "",
    r" \d{1,2}:\d\d": " %H:%M",
    r" \d{1,2}:\d\d:\d\d": " %H:%M:%S",
    r"T\d\d:\d\d": "T%H:%M",
    r"T\d\d:\d\d:\d\d": "T%H:%M:%S",
    r" \d{1,2}:\d\d [AP]M": " %I:%M %p",
    r" \d{1,2}:\d\d:\d\d [AP]M": " %I:%M:%S %p",
    r"[0-2]\d[0-5]\d[0-5]\d": "%H%M%S",
}
_SPELLINGS = [
    (re.compile(date + time + r"\Z"), form + suffix, order)
    for date, (form, order) in _DATES.items()
    for time, suffix in _TIMES.items()
    if (suffix == "%H%M%S") <= (form == "%Y%m%d")
]
# How each of them begins: most texts and numbers don't.
_BEGINS = re.compile(r"\d{1,2}[/. -]|\d{4}[/.-]|\d{8}")
# The same on shapes, where every digit is a 9 and every letter A or a.
_ROUGH = [
    re.compile(
        re.sub(r"\(\?:19\|20\)", "99", exact.pattern)
        .replace("[A-Za-z]", "[Aa]").replace("[AP]M", "AA").replace("T", "A").replace(r"\d", "9")
        .replace("[01]", "9").replace("[0-3]", "9").replace("[0-2]", "9").replace("[0-5]", "9")
    )
    for exact, _, _ in _SPELLINGS
]  # fmt: skip
_SHAPES = str.maketrans(
    {
        **dict.fromkeys(map(chr, range(65, 91)), "A"),
        **dict.fromkeys(map(chr, range(97, 123)), "a"),
        **dict.fromkeys("0123456789", "9"),
    }
)


class Facts(NamedTuple):
    """Facts of one value; `date` is a strptime format, "iso", or None."""

    pattern: str
    length: int
    nullish: bool
    edge_space: bool
    double_space: bool
    upper: bool
    lower: bool
    digits_only: bool
    non_ascii: bool
    garbled: bool
    escaped: bool
    number: bool
    date: str | None


class _Shape(NamedTuple):
    """Facts of all ASCII texts of one shape; `open` where some of them have other facts."""

    facts: Facts
    open: bool


def facts(value: str) -> Facts:
    """Everything that is told from the spelling of one value."""
    if len(value) > _REMEMBERED or "&" in value or not value.isascii():
        return facts_of_one(value)
    # A column holds thousands of values and few shapes.
    known = _of_shape(value.translate(_SHAPES))
    if not known.open:
        return known.facts
    stripped = value.strip()
    return known.facts._replace(
        nullish=stripped.lower() in NULLISH, number=_NUMBER.match(value) is not None, date=date_format(stripped)
    )


@lru_cache(maxsize=65_536)
def _of_shape(shape: str) -> _Shape:
    # What a shape leaves open: which letters they are (n/a, 1e5), and which digits (a 13th month is no date).
    letters = "a" in shape or "A" in shape
    stripped = shape.strip()
    is_open = (
        stripped.startswith("9999-99-99")
        or bool(_possible(stripped))
        or (letters and len(stripped) <= _LONGEST_NULLISH)
        or (letters and _EXPONENT.match(shape) is not None)
    )
    return _Shape(facts_of_one(shape), is_open)


def facts_of_one(value: str) -> Facts:
    """What `facts` tells, without remembering shapes."""
    stripped = value.strip()
    ascii_only = value.isascii()
    return Facts(
        pattern=pattern(value),
        length=len(value),
        nullish=stripped.lower() in NULLISH,
        edge_space=stripped != value,
        double_space="  " in stripped,
        upper=value.isupper(),
        lower=value.islower(),
        digits_only=value.isdigit(),
        non_ascii=not ascii_only,
        garbled=not ascii_only and _GARBLED.search(value) is not None,
        escaped="&" in value and _ESCAPED.search(value) is not None,
        number=_NUMBER.match(value) is not None,
        date=date_format(stripped),
    )


def pattern(value: str) -> str:
    """Letters as A and a, digits as 9, other letters as u; long runs as a run of two and `+`, at most 40 characters."""
    if len(value) > 200:
        value = value[:200]
    shape = value.translate(_SHAPES)
    if not shape.isascii():
        shape = "".join(ch if ch.isascii() else "u" for ch in shape)
    return _LONG_RUN.sub(_short, shape)[:40]


def _short(match: re.Match[str]) -> str:
    run = match.group(0)
    return f"{run[0]}+" if len(set(run)) == 1 else "Aa+"


def date_format(value: str) -> str | None:
    """How a value is spelled as a date: "iso", or a strptime format where `%{}` stands twice for day and month."""
    if not 8 <= len(value) <= 35 or not value[0].isdigit():
        return None
    if _ISO.match(value):
        return "iso"
    if not _BEGINS.match(value):
        return None
    return next((form for shape, form in _possible(value.translate(_SHAPES)) if shape.match(value)), None)


@lru_cache(maxsize=4096)
def _possible(shape: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The spellings that a value of this shape may have: trying all on every value takes most of the time."""
    return tuple(
        (exact, form) for (exact, form, _), rough in zip(_SPELLINGS, _ROUGH, strict=True) if rough.match(shape)
    )
