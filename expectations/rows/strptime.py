"""Does a text read as a date in a strptime format? Python's answer, in DuckDB.

DuckDB's own strptime differs from Python's in what it takes (single digits, blanks, case), so Python's pattern for each
directive is used, and the day is checked against the calendar. One difference is meant: only the digits 0-9 read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from expectations.contract.quoting import literal

# As documented for datetime.strptime. Python takes the digits of every script; here a date must be in 0-9.
_DIRECTIVES = {
    "d": r"3[0-1]|[1-2][0-9]|0[1-9]|[1-9]| [1-9]",
    "f": r"[0-9]{1,6}",
    "H": r"2[0-3]|[0-1][0-9]|[0-9]",
    "m": r"1[0-2]|0[1-9]|[1-9]",
    "M": r"[0-5][0-9]|[0-9]",
    "S": r"6[0-1]|[0-5][0-9]|[0-9]",
    "Y": r"[0-9][0-9][0-9][0-9]",
}
_SPACE = r"[\t\n\v\f\r\x{1c}-\x{1f} \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
_PART = re.compile(r"%(.)|(\s+)|([^%\s]+)|%$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StrptimePattern:
    """An RE2 pattern with one group a directive, and which group each directive is."""

    regex: str
    groups: tuple[str, ...]


def pattern_of(strftime_format: str) -> StrptimePattern:
    """The pattern of a format. ValueError for a directive that has no pattern free of locale and context."""
    regex, groups = "", []
    for part in _PART.finditer(strftime_format):
        directive, space, literal = part.groups()
        if space:
            regex += _SPACE
        elif literal:
            regex += "".join(f"\\x{{{ord(character):x}}}" for character in literal)
        elif directive == "%":
            regex += "%"
        elif directive in _DIRECTIVES and directive not in groups:
            regex += f"({_DIRECTIVES[directive]})"
            groups.append(directive)
        else:
            known = ", ".join(f"%{name}" for name in _DIRECTIVES)
            raise ValueError(f"'%{directive or ''}' can't be checked row by row here; allowed, each once: {known}, %%")
    return StrptimePattern(f"(?i)\\A(?:{regex})", tuple(groups))


def readable(column: str, strftime_format: str) -> str:
    """SQL: the text in `column` (already quoted) reads as a date in the format."""
    pattern = pattern_of(strftime_format)
    regex = literal(pattern.regex)
    # Python matches from the start and then asks whether anything is left over.
    conditions = [f"length(regexp_extract({column}, {regex})) = length({column})", f"regexp_matches({column}, {regex})"]

    def group(directive: str) -> str:
        return f"TRY_CAST(regexp_extract({column}, {regex}, {pattern.groups.index(directive) + 1}) AS INTEGER)"

    if "S" in pattern.groups:
        conditions.append(f"{group('S')} < 60")
    if "Y" in pattern.groups:
        conditions.append(f"{group('Y')} >= 1")
    if "d" in pattern.groups:
        # Without a year Python counts 1900, without a month January.
        year = group("Y") if "Y" in pattern.groups else "1900"
        month = group("m") if "m" in pattern.groups else "1"
        first = f"make_date({year}, {month}, 1)"
        conditions.append(f"{group('d')} <= date_part('day', last_day({first}))")
    return "COALESCE(" + " AND ".join(f"({condition})" for condition in conditions) + ", FALSE)"
