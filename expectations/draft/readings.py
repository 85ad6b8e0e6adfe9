"""Which ways to read a field are tried, in the order of preference. Each is a column of the contract: what takes a
value here is what a load will take, by the same patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Literal

from deployments.declarations.columns import Column
from deployments.declarations.time_format import check_format
from expectations.draft.facts import Reading
from expectations.profile.spelling import date_format

BOOLEAN = Reading("boolean")
INTEGER = Reading("bigint")
WHOLE = Reading("bigint", ("whole_number",))
THOUSANDS = Reading("bigint", ("drop_thousands",))
DECIMAL = Reading("decimal(38,12)")
DECIMAL_THOUSANDS = Reading("decimal(38,12)", ("drop_thousands",))
DOUBLE = Reading("double precision")
DATE, TIMESTAMP, TIMESTAMPTZ, TIME = Reading("date"), Reading("timestamp"), Reading("timestamptz"), Reading("time")
JSON = Reading("json")
PLAIN = (BOOLEAN, INTEGER, WHOLE, THOUSANDS, DECIMAL, DECIMAL_THOUSANDS, DOUBLE, DATE, TIMESTAMP, TIMESTAMPTZ,
         TIME)  # fmt: skip
# ISO but without seconds, or with the zone's name, as some exports write it.
_ALMOST_ISO = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.%f UTC")

_CLOCKS = {r"\d{1,2}:\d{2}": "%H:%M", r"\d{1,2}:\d{2} [AaPp][Mm]": "%I:%M %p"}

_OTHER_DATES = {
    r"\d{1,2}/\d{1,2}/\d{2}": "%{}/%{}/%y",
    r"\d{1,2}\.\d{1,2}\.\d{2}": "%{}.%{}.%y",
    r"\d{1,2}-\d{1,2}-\d{2}": "%{}-%{}-%y",
    r"\d{1,2}-[A-Za-z]{3}-\d{2}": "%d-%b-%y",
    r"[A-Z][a-z]{2} \d{1,2}, \d{4}": "%b %d, %Y",
    r"[A-Z][a-z]{3,8} \d{1,2}, \d{4}": "%B %d, %Y",
    r"\d{1,2} [A-Z][a-z]{3,8} \d{4}": "%d %B %Y",
}
_BLANKS = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_CURRENCIES = (
    "[$¢£¥€₩₹₽₺₴₫฿]|kr|zł|R\\$|USD|EUR|GBP|JPY|CNY|KRW|INR|CHF|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|CAD|AUD|NZD|ZAR|TRY"
    "|SGD|HKD|THB"
)
# A currency before or behind the number; other units only behind it, after a blank: A12 is a code.
_UNIT = re.compile(
    rf"^[-(]?(?P<unit>{_CURRENCIES})[{_BLANKS}]?-?[\d.,]|[\d.,][{_BLANKS}]?(?P<behind>{_CURRENCIES})[)%-]?$"
    rf"|\d[{_BLANKS}](?P<other>[A-Za-z]{{2,4}})$"
)


def readings_for(values: Sequence[str]) -> tuple[Reading, ...]:
    """All readings worth trying on a field with such values."""
    met = dict.fromkeys(spelling for value in values if (spelling := _date_format(value.strip())) is not None)
    if any(value.strip().endswith("UTC") for value in values):
        met["iso"] = None
    json = (JSON,) if any(value.lstrip().startswith(("{", "[")) for value in values) else ()
    return tuple(dict.fromkeys((*json, *PLAIN, *_numbers([value.strip() for value in values]), *_formatted(met))))


def column_for(reading: Reading, nulls: Iterable[str], zone: str, *, trim: bool) -> Column:
    """The contract's column that a reading stands for."""
    cast = (*(("trim",) if trim else ()), *reading.cast)
    return Column.model_validate({
        "name": "x", "type": reading.kind, "cast": cast, "null": tuple(nulls), "format": reading.format, "strip": reading.strip,
        "source_timezone": zone if reading.kind == "timestamp" else None,
    })  # fmt: skip


def _numbers(values: Sequence[str]) -> Iterator[Reading]:
    """Numbers as people and spreadsheets write them: only the ways that some value gives a reason for."""
    written = "".join(values)
    separators: list[tuple[str, ...]] = [()]
    separators += [("drop_thousands",), ("decimal_comma",)] if "," in written or "." in written else []
    if any(blank in written for blank in _BLANKS):
        separators += [("space_thousands",), ("space_thousands", "decimal_comma")]
    separators += (
        [("apostrophe_thousands",)] if any(mark in written for mark in "'\N{RIGHT SINGLE QUOTATION MARK}") else []
    )
    brackets = [(), ("accounting",)] if any(value.endswith((")", "-")) for value in values) else [()]
    percent = [("percent",), ()] if "%" in written else [()]
    units = {match["unit"] or match["behind"] or match["other"] for value in values if (match := _UNIT.search(value))}
    strips = [(), tuple(units)] if len(units) == 1 else [()]
    for strip, sign, bracket, separator in product(strips, percent, brackets, separators):
        kinds = ("decimal(38,12)",) if sign else ("bigint", "decimal(38,12)")
        yield from (Reading(kind, (*bracket, *sign, *separator), None, strip) for kind in kinds)


def _date_format(value: str) -> str | None:
    """The format a value has, where it has one that a contract can declare."""
    # am and pm in small letters, or close to their digits.
    text, close = re.subn(r"(?<=\d)(?=[AaPp][Mm]$)", " ", value)
    form = date_format(re.sub("[AaPp][Mm]$", lambda half: half[0].upper(), text))
    if form is not None:
        return form.replace(" %p", "%p") if close else form
    return next((form for pattern, form in (_OTHER_DATES | _CLOCKS).items() if re.fullmatch(pattern, value)), None)


def _formatted(spellings: Iterable[str]) -> Iterator[Reading]:
    for spelling in spellings:
        formats = _ALMOST_ISO if spelling == "iso" else [spelling]
        if "%{}" in spelling:
            formats = [spelling.replace("{}", order, 1).replace("{}", other, 1) for order, other in ("dm", "md")]
        for form in formats:
            has_clock = "%H" in form or "%I" in form
            kind: Literal["date", "timestamp", "time"] = (
                "time" if form.startswith(("%H", "%I")) else "timestamp" if has_clock else "date"
            )
            try:
                check_format(form, kind)
            except ValueError:
                # Known to the profile, but nothing a contract can declare.
                continue
            yield Reading(kind, (), form)
