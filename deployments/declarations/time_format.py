"""The `format` of a date, timestamp or time: which directives it may hold, and which texts it describes.

A parser alone guesses: DuckDB reads '24' for %Y as the year 24, and 'epoch' for any format as 1900. So every text is first
asked for the pattern of its format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

DAY = {"d": 2, "m": 2, "Y": 4, "y": 2, "j": 3}
CLOCK = {"H": 2, "I": 2, "M": 2, "S": 2, "f": 6}
WORDS = {"b": "[A-Za-z]{3}", "B": "[A-Za-z]{3,9}", "a": "[A-Za-z]{3}", "A": "[A-Za-z]{6,9}", "p": "[AaPp][Mm]"}
ALLOWED = ", ".join(f"%{name}" for name in (*DAY, *CLOCK, *WORDS)) + " and %%"
_PIECE = re.compile(r"%(?P<directive>.?)|(?P<literal>[^%]+)", re.DOTALL)


def check_format(text: str, kind: Literal["date", "timestamp", "time"]) -> None:
    """ValueError when a format has an unknown directive, doesn't name a day (a time: an hour), or names what its type would
    drop."""
    names = [name for name, _ in _pieces(text) if name]
    for name in names:
        if name not in DAY and name not in CLOCK and name not in WORDS:
            zone = "; a time with a zone or an offset is a timestamptz" if name in ("z", "Z") else ""
            raise ValueError(f"format '{text}': %{name} isn't known{zone}; allowed: {ALLOWED}")
        if names.count(name) > 1:
            raise ValueError(f"format '{text}': %{name} stands twice")
    if ("I" in names) != ("p" in names):
        raise ValueError(f"format '{text}': %I and %p belong together")
    if kind == "time":
        if len({"H", "I"}.intersection(names)) != 1:
            raise ValueError(f"format '{text}' doesn't name a time of day: it needs an hour (%H, or %I and %p)")
        if {*DAY, "b", "B", "a", "A"}.intersection(names):
            raise ValueError(f"format '{text}': a time would drop the day; declare a timestamp, or write it as it is")
        return
    month = {"m", "b", "B"}.intersection(names)
    if len({"Y", "y"}.intersection(names)) != 1 or not ("j" in names or (month and "d" in names)):
        raise ValueError(f"format '{text}' doesn't name a day: it needs a year (%Y or %y), a month and %d")
    if kind == "date" and ({"p", *CLOCK}.intersection(names)):
        raise ValueError(
            f"format '{text}': a date would drop the time of day; declare a timestamp, or write it as it is"
        )


def pattern_of(text: str) -> str:
    """A regular expression (RE2 and Python) of the texts that a checked format describes, without blanks around them."""
    pieces = list(_pieces(text))
    digits = [name in DAY or name in CLOCK for name, _ in pieces]
    pattern = ""
    for position, (name, literal) in enumerate(pieces):
        if not name:
            pattern += re.escape(literal)
        elif name in WORDS:
            pattern += WORDS[name]
        else:
            width = {**DAY, **CLOCK}[name]
            # Digits that touch other digits could be divided in two ways: each directive has its full width then.
            touching = any(digits[i] for i in (position - 1, position + 1) if 0 <= i < len(pieces))
            pattern += f"[0-9]{{{width}}}" if touching or name in "Yy" else f"[0-9]{{1,{width}}}"
    return pattern


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """(directive, '') or ('', literal), in order; '%%' is a literal."""
    for match in _PIECE.finditer(text):
        if match["directive"] is None:
            yield "", match["literal"]
        elif match["directive"] == "%":
            yield "", "%"
        else:
            yield match["directive"] or "(nothing)", ""
