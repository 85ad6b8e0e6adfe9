"""Calls of Redshift's functions as PostgreSQL has to be asked for the same value; what isn't proven is refused.

Each function of `CALLS` gets a `Call` and gives the text in its place. Values at the edges are those of Redshift's
documentation: a year after February 29 is March 1, `m` is a minute, boundaries are counted and not spans of time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployments.declarations.redshift_words import INSTEAD, NEVER_SET_BACK, PARTS, WEEKDAYS

if TYPE_CHECKING:
    from deployments.declarations.redshift_sql import Writing

Span = tuple[int, int]
"""The first token of a part and the one behind its last."""

_SPANS = ("week", "day", "hour", "minute", "second", "millisecond", "microsecond")
_WHOLE = ("year", "quarter", "month", "week", "day", "doy", "dow", "hour", "minute", "second")
_TRUNCATED = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_SECONDS = {"hour": (1, 3600), "minute": (1, 60), "second": (1, 1),
            "millisecond": (1000, 1), "microsecond": (1000000, 1)}  # fmt: skip
_IN_A_YEAR = {"year": 1, "quarter": 4, "month": 12}
_SAFE_PATTERN = re.compile(r"\^?(?:(?:[\w /@,;:%&#=<>!'\"~`-]|\.|\[\^?[\w /@.,;:%&#=<>!+*?_-]+\])[*+?]?)+\$?", re.ASCII)
_SAFE_FORMAT = re.compile(r"(?:YYYY|MM|DD|HH24|MI|SS|Q|[-/:., ])+")


@dataclass(frozen=True)
class Call:
    """A call in its text: the function, its arguments, and what writes their text anew."""

    writing: Writing
    name: str
    start: int
    """The token of its name."""
    end: int
    """The token behind its closing parenthesis."""
    args: Sequence[Span]

    def text(self, n: int) -> str:
        """An argument as PostgreSQL gets it."""
        return self.writing.written(*self.args[n])

    def moment(self, n: int) -> str:
        return f"CAST({self.text(n)} AS timestamp)"

    def kind(self, n: int) -> str | None:
        return self.writing.kind(self.args[n])

    def literal(self, n: int) -> str | None:
        """A text, as it stands between its quotes."""
        start, end = self.args[n]
        word = self.writing.tokens[start]
        return word.text[1:-1] if end == start + 1 and word.kind == "text" else None

    def number(self, n: int) -> int | None:
        """A whole number that is written out."""
        start, end = self.args[n]
        word = self.writing.tokens[start]
        return int(word.text) if end == start + 1 and word.text.isdigit() else None

    def part(self, n: int) -> str | None:
        """A date part, written as a word or as a text."""
        start, end = self.args[n]
        word = self.writing.tokens[start]
        if end != start + 1:
            return None
        return PARTS.get(word.text[1:-1].lower() if word.kind == "text" else word.name)

    def as_it_stands(self) -> str:
        """The same call, its arguments written anew."""
        return self.writing.plain(self.start, self.end)

    def is_windowed(self) -> bool:
        words = self.writing.tokens
        return self.end < len(words) and words[self.end].name == "over"

    def refuse(self, said: str, instead: str) -> str:
        self.writing.refuse(self.start, said, instead)
        return self.as_it_stands()


def _count(call: Call, least: int, most: int | None = None) -> bool:
    """Whether there are as many arguments as there may be; else it is refused."""
    good = least <= len(call.args) <= (least if most is None else most)
    if not good:
        call.refuse(
            f"calls {call.name.upper()}() with {len(call.args)} arguments", f"{least}, as Redshift documents it"
        )
    return good


def _renamed(name: str, order: Sequence[int] = (0,)) -> Callable[[Call], str]:
    def written(call: Call) -> str:
        if not _count(call, len(order)):
            return call.as_it_stands()
        return f"{name}({', '.join(call.text(n) for n in order)})"

    return written


def _nvl(call: Call) -> str:
    return f"COALESCE({', '.join(call.text(n) for n in range(len(call.args)))})"


def _nvl2(call: Call) -> str:
    if not _count(call, 3):
        return call.as_it_stands()
    return f"CASE WHEN ({call.text(0)}) IS NOT NULL THEN {call.text(1)} ELSE {call.text(2)} END"


def _decode(call: Call) -> str:
    if not _count(call, 3, 200):
        return call.as_it_stands()
    pairs, rest = divmod(len(call.args) - 1, 2)
    whens = [
        f"WHEN ({call.text(0)}) IS NOT DISTINCT FROM ({call.text(n)}) THEN {call.text(n + 1)}"
        for n in range(1, 2 * pairs, 2)
    ]
    return f"CASE {' '.join(whens)}{f' ELSE {call.text(len(call.args) - 1)}' if rest else ''} END"


def _dateadd(call: Call) -> str:
    if not _count(call, 3):
        return call.as_it_stands()
    # `| 0` is known of whole numbers alone: what becomes of others isn't documented.
    part, many, moment = call.part(0), f"(({call.text(1)}) | 0)", call.moment(2)
    if part == "year":
        first = f"DATE_TRUNC('month', {moment})"
        return f"({first} + {many} * INTERVAL '1 year' + ({moment} - {first}))"
    if part in ("month", "quarter") or part in _SPANS:
        return f"({moment} + {many} * INTERVAL '{'3 month' if part == 'quarter' else f'1 {part}'}')"
    return call.refuse(f"adds {_spelled(call, 0)}s", "DATEADD(month, ...), or year, quarter, week, day to microsecond")


def _datediff(call: Call) -> str:
    if not _count(call, 3):
        return call.as_it_stands()
    part, moments = call.part(0), (call.moment(2), call.moment(1))
    if part in _IN_A_YEAR:
        times = _IN_A_YEAR[part]
        months = f" * {times} + EXTRACT({part.upper()} FROM {{0}})" if times > 1 else ""
        form = f"(EXTRACT(YEAR FROM {{0}}){months})"
    elif part == "day":
        form = "CAST({0} AS date)"
    elif part == "week" and all(call.writing.begins_week(call.args[n]) for n in (1, 2)):
        # From Monday to Monday there are as many Sundays as Mondays: whichever day a week begins with is counted alike.
        return f"CAST((CAST({moments[0]} AS date) - CAST({moments[1]} AS date)) / 7 AS bigint)"
    elif part in _SECONDS:
        times, share = _SECONDS[part]
        form = f"(EXTRACT(EPOCH FROM DATE_TRUNC('{part}', {{0}})) * {times} / {share})"
    elif part == "week":
        return call.refuse("counts weeks, of which it isn't documented with which day they begin",
                           "DATEDIFF(week, DATE_TRUNC('week', a), DATE_TRUNC('week', b))")  # fmt: skip
    else:
        return call.refuse(f"counts by {_spelled(call, 0)}", "year, quarter, month, day to microsecond")
    return f"CAST({form.format(moments[0])} - {form.format(moments[1])} AS bigint)"


def _date_trunc(call: Call) -> str:
    if not _count(call, 2):
        return call.as_it_stands()
    part = call.part(0)
    if part not in _TRUNCATED:
        return call.refuse(f"truncates to {_spelled(call, 0)}", ", ".join(f"'{name}'" for name in _TRUNCATED))
    return f"DATE_TRUNC('{part}', {call.moment(1)})"


def _date_part(call: Call) -> str:
    if not _count(call, 2):
        return call.as_it_stands()
    part = call.part(0)
    if part not in _WHOLE or part == "second":
        return call.refuse(f"asks for the {_spelled(call, 0)} by DATE_PART", "EXTRACT(SECOND FROM x); or DATEDIFF")
    return f"DATE_PART('{part}', {call.moment(1)})"


def _extract(call: Call) -> str:
    (start, end), words = call.args[0], call.writing.tokens
    if len(call.args) != 1 or end < start + 3 or words[start + 1].name != "from":
        return call.refuse("calls EXTRACT otherwise than EXTRACT(YEAR FROM x)", "EXTRACT(YEAR FROM x)")
    part = PARTS.get(words[start].text.strip("'").lower())
    if part not in _WHOLE:
        seconds = "DATEDIFF(second, '1970-01-01', x)"
        return call.refuse(f"extracts {words[start].text}", seconds if part == "epoch" else "year to second")
    return f"CAST(FLOOR(EXTRACT({part.upper()} FROM {call.writing.written(start + 2, end)})) AS integer)"


def _last_day(call: Call) -> str:
    return f"CAST({_end_of_month(call.moment(0))} AS date)" if _count(call, 1) else call.as_it_stands()


def _end_of_month(moment: str) -> str:
    return f"(DATE_TRUNC('month', {moment}) + INTERVAL '1 month' - INTERVAL '1 day')"


def _add_months(call: Call) -> str:
    if not _count(call, 2):
        return call.as_it_stands()
    moment, many = call.moment(0), f"(({call.text(1)}) | 0)"
    day = f"DATE_TRUNC('day', {moment})"
    ends = (
        f"(DATE_TRUNC('month', {moment}) + ({many} + 1) * INTERVAL '1 month' - INTERVAL '1 day' + ({moment} - {day}))"
    )
    return f"CASE WHEN {day} = {_end_of_month(moment)} THEN {ends} ELSE {moment} + {many} * INTERVAL '1 month' END"


def _months_between(call: Call) -> str:
    if not _count(call, 2):
        return call.as_it_stands()
    a, b = call.moment(0), call.moment(1)
    months = (
        f"(12 * (EXTRACT(YEAR FROM {a}) - EXTRACT(YEAR FROM {b})) + EXTRACT(MONTH FROM {a}) - EXTRACT(MONTH FROM {b}))"
    )
    same_day = f"EXTRACT(DAY FROM {a}) = EXTRACT(DAY FROM {b})"
    ends = " AND ".join(f"DATE_TRUNC('day', {x}) = {_end_of_month(x)}" for x in (a, b))
    past = [f"EXTRACT(EPOCH FROM {x} - DATE_TRUNC('month', {x}))" for x in (a, b)]
    rest = f"CASE WHEN {same_day} OR ({ends}) THEN 0 ELSE ({past[0]} - {past[1]}) / 2678400.0 END"
    return f"CAST({months} + {rest} AS double precision)"


def _next_day(call: Call) -> str:
    if not _count(call, 2):
        return call.as_it_stands()
    said = (call.literal(1) or "").lower()
    found = [n for n, name in enumerate(WEEKDAYS) if said in (name, name[:3])]
    if not found:
        return call.refuse("wants a day of the week in NEXT_DAY", "'Monday' or 'Mon'")
    date = f"CAST({call.text(0)} AS date)"
    return f"({date} + (({found[0]} - CAST(EXTRACT(DOW FROM {date}) AS integer) + 6) % 7 + 1))"


def _trunc(call: Call) -> str:
    if not _count(call, 1, 2):
        return call.as_it_stands()
    kind = call.kind(0)
    if kind == "moment" and len(call.args) == 1:
        return f"CAST({call.text(0)} AS date)"
    if kind in ("integer", "number"):
        return call.as_it_stands()
    return call.refuse("truncates what isn't known to be a moment or a number", "CAST(x AS date), or TRUNC of a number")


def _convert_timezone(call: Call) -> str:
    if not _count(call, 2, 3):
        return call.as_it_stands()
    zones = ["UTC", *(call.literal(n) for n in range(len(call.args) - 1))][-2:]
    for zone in zones:
        if zone is None or not (zone in NEVER_SET_BACK or re.fullmatch(r"[A-Z][a-z]+/[A-Z][A-Za-z_]+", zone)):
            return call.refuse("names a zone otherwise than by its place", "'Europe/Oslo', or 'UTC'")
    if zones[0] not in NEVER_SET_BACK:
        return call.refuse(f"takes local times of {zones[0]}, of which some come twice", "moments in UTC as the source")
    return f"(({call.moment(len(call.args) - 1)} AT TIME ZONE '{zones[0]}') AT TIME ZONE '{zones[1]}')"


def _first_letters(call: Call) -> str:
    """LEFT, and SUBSTRING by two or three arguments."""
    from_place = call.name in ("substring", "substr")
    if not from_place and not _count(call, 2):
        return call.as_it_stands()
    if from_place and len(call.args) == 1:
        start, end = call.args[0]
        between = {word.name for word in call.writing.tokens[start:end]}
        return call.as_it_stands() if "from" not in between else \
            call.refuse("takes a part by FROM and FOR", "SUBSTRING(x, 1, 7)")  # fmt: skip
    numbers = [call.number(n) for n in range(1, len(call.args))]
    if any(n is None for n in numbers) or (from_place and numbers[0] == 0):
        return call.refuse(
            "takes a part whose place isn't written out", f"{call.name.upper()}(x, 1, 7), a number from 1 on"
        )
    if call.kind(0) != "moment":
        return call.as_it_stands()
    last = numbers[0] if not from_place else (numbers[0] or 1) + (numbers[1] or 99) - 1 if len(numbers) == 2 else 99
    if last is None or last > 10:
        return call.refuse("takes more of a moment than its day", "TO_CHAR(x, 'YYYY-MM-DD HH24:MI:SS')")
    rest = ", ".join(str(n) for n in numbers)
    return f"{call.name.upper()}(TO_CHAR({call.moment(0)}, 'YYYY-MM-DD'), {rest})"


def _concat(call: Call) -> str:
    return f"(({call.text(0)}) || ({call.text(1)}))" if _count(call, 2) else call.as_it_stands()


def _split_part(call: Call) -> str:
    if _count(call, 3) and not call.number(2):
        return call.refuse("takes a part whose number isn't written out", "SPLIT_PART(x, ',', 1), a number from 1 on")
    return call.as_it_stands()


def _to_char(call: Call) -> str:
    if _count(call, 2) and not _SAFE_FORMAT.fullmatch(call.literal(1) or ""):
        return call.refuse("writes by another pattern", "YYYY, MM, DD, HH24, MI, SS, Q and signs; EXTRACT for others")
    return call.as_it_stands()


def safe_pattern(text: str | None) -> bool:
    """Whether both servers find the same by a pattern."""
    return text is not None and _SAFE_PATTERN.fullmatch(text) is not None


_PATTERNS = "letters, digits, [...], ., *, +, ?, ^ and $"


def _regexp(call: Call) -> str:
    least, most = (2, 3) if call.name == "regexp_replace" else (2, 2)
    if not _count(call, least, most):
        return call.as_it_stands()
    if not safe_pattern(call.literal(1)):
        return call.refuse("looks for a pattern that the two may read otherwise", _PATTERNS)
    if call.name == "regexp_count":
        return call.as_it_stands()
    if call.name == "regexp_substr":
        text = call.text(0)
        return f"CASE WHEN ({text}) IS NOT NULL THEN COALESCE(REGEXP_SUBSTR({text}, {call.text(1)}), '') END"
    instead = call.text(2) if len(call.args) == 3 else "''"
    if len(call.args) == 3 and not re.fullmatch(
        r"[^\\$&]*", call.literal(2) or "\\" if call.literal(2) is None else call.literal(2) or ""
    ):
        return call.refuse("replaces by what isn't a plain text", "a text without \\, $ and &")
    return f"REGEXP_REPLACE({call.text(0)}, {call.text(1)}, {instead}, 'g')"


def _json(call: Call) -> str:
    words, start = call.writing.tokens, call.start
    ends = [word.text for word in words[call.end : call.end + 3]]
    if start < 2 or words[start - 2].name != "nullif" or words[start - 1].text != "(" or ends != [",", "''", ")"]:
        said = "gives '' or NULL for what is absent, as the documentation of this year or of earlier ones says"
        return call.refuse(said, "NULLIF(JSON_EXTRACT_PATH_TEXT(...), '')")
    keys = [call.literal(n) for n in range(1, len(call.args))]
    if not 1 <= len(keys) <= 5 or any(not key or key.isdigit() for key in keys):
        return call.refuse("asks for keys that aren't texts", "JSON_EXTRACT_PATH_TEXT(x, 'a', 'b'), up to five")
    listed = ", ".join(call.text(n) for n in range(1, len(call.args)))
    return f"JSON_EXTRACT_PATH_TEXT(CAST({call.text(0)} AS json), {listed})"


def _median(call: Call) -> str:
    if call.is_windowed():
        return call.refuse("asks for a MEDIAN ... OVER", "WITH ... GROUP BY, and a join")
    if not _count(call, 1) or not (call.kind(0) == "integer" or call.writing.is_double(call.args[0])):
        return call.refuse("asks for the median of decimals: how many digits it has isn't documented",
                           "MEDIAN(CAST(x AS double precision))")  # fmt: skip
    return f"PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {call.text(0)})"


def _avg(call: Call) -> str:
    start, end = call.args[0]
    start += call.writing.tokens[start].name in ("distinct", "all")
    if not call.writing.is_double((start, end)):
        said = "averages what isn't double precision: of whole numbers Redshift makes a whole one, else as many digits"
        return call.refuse(said, "AVG(CAST(x AS double precision))")
    return call.as_it_stands()


def _sqrt(call: Call) -> str:
    if _count(call, 1) and call.writing.is_double(call.args[0]):
        return call.as_it_stands()
    return call.refuse("takes the root of what isn't double precision", "SQRT(CAST(x AS double precision))")


def _round(call: Call) -> str:
    if call.kind(0) not in ("integer", "number") or call.writing.is_double(call.args[0]):
        said = "rounds what isn't known to be a decimal: a half is rounded otherwise in double precision"
        return call.refuse(said, "CAST(x AS decimal(18,2))")
    return call.as_it_stands()


def _unknown(call: Call) -> str:
    instead = INSTEAD.get(call.name, "a function of docs/one-sql.md")
    return call.refuse(f"calls {call.name.upper()}(), of which it isn't proven that PostgreSQL gives the same", instead)


CALLS: dict[str, Callable[[Call], str]] = {
    "nvl": _nvl, "nvl2": _nvl2, "decode": _decode, "dateadd": _dateadd, "datediff": _datediff, "date_trunc": _date_trunc,
    "date_part": _date_part, "extract": _extract, "last_day": _last_day, "add_months": _add_months,
    "months_between": _months_between, "next_day": _next_day, "trunc": _trunc, "convert_timezone": _convert_timezone,
    "len": _renamed("LENGTH"), "charindex": _renamed("STRPOS", (1, 0)), "left": _first_letters, "substring": _first_letters,
    "substr": _first_letters, "concat": _concat, "split_part": _split_part, "to_char": _to_char,
    "regexp_substr": _regexp, "regexp_replace": _regexp, "regexp_count": _regexp, "json_extract_path_text": _json,
    "median": _median, "avg": _avg, "sqrt": _sqrt, "round": _round,
}  # fmt: skip


def written(call: Call, same: frozenset[str]) -> str:
    """The call as PostgreSQL gets it."""
    if call.name in CALLS:
        return CALLS[call.name](call) if call.args or call.name not in ("avg", "round") else call.as_it_stands()
    return call.as_it_stands() if call.name in same else _unknown(call)


def _spelled(call: Call, n: int) -> str:
    start, end = call.args[n]
    return " ".join(word.text for word in call.writing.tokens[start:end])
