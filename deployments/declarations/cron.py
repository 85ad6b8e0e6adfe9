"""A cron of five fields: minute, hour, day of the month, month, weekday, as Prefect reads it."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("minute", 0, 59, ()), ("hour", 0, 23, ()), ("day of the month", 1, 31, ()), ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)  # fmt: skip
_PART = re.compile(r"(?:\*|(?P<low>[a-z0-9]+)(?:-(?P<high>[a-z0-9]+))?)(?:/(?P<step>[0-9]+))?")
_LEAP_YEAR = 2024


def check_cron(text: str) -> str:
    """Return a cron that comes round; ValueError with the field that is wrong and what it may be."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"'{text}' must have five fields: minute hour day month weekday; found {len(words)}")
    chosen = [set(_values(word, *field)) for word, field in zip(words, _FIELDS, strict=True)]
    _, _, days, months, _ = chosen
    if words[4] == "*" and not any(day <= monthrange(_LEAP_YEAR, month)[1] for day in days for month in months):
        raise ValueError(f"'{text}' never comes: no such month has a day {min(days)}")
    return text


def _values(word: str, name: str, least: int, most: int, names: Sequence[str]) -> Iterator[int]:
    allowed = f"* or {least} to {most}" + (f" or {names[0]} to {names[-1]}" if names else "")
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{name} '{word}' isn't a field of a cron; allowed: {allowed}, with - , and /")
        low = least if match["low"] is None else _number(match["low"], least, names)
        high = most if match["low"] is None else _number(match["high"] or match["low"], least, names)
        step = int(match["step"] or 1)
        if low is None or high is None or not least <= low <= most or not least <= high <= most:
            raise ValueError(f"{name} '{word}' is out of range; allowed: {allowed}")
        if low > high or step < 1:
            raise ValueError(f"{name} '{word}' holds nothing; allowed: a range from low to high, a step of 1 or more")
        if match["step"] and match["low"] is not None and match["high"] is None:
            raise ValueError(f"{name} '{word}': a step needs a range, such as {low}-{most}/{step} or */{step}")
        yield from range(low, high + 1, step)


def _number(text: str, least: int, names: Sequence[str]) -> int | None:
    if text.isdecimal():
        return int(text)
    return names.index(text) + least if text in names else None
