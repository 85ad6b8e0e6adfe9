"""Which ways to read a field are tried, in the order of preference. Each is a column of the contract: what takes a
value here is what a load will take, by the same patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
DATE, TIMESTAMP, TIMESTAMPTZ = Reading("date"), Reading("timestamp"), Reading("timestamptz")
PLAIN = (BOOLEAN, INTEGER, WHOLE, THOUSANDS, DECIMAL, DECIMAL_THOUSANDS, DOUBLE, DATE, TIMESTAMP, TIMESTAMPTZ)
# ISO but without seconds, or with the zone's name, as some exports write it.
_ALMOST_ISO = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.%f UTC")


def readings_for(values: Sequence[str]) -> tuple[Reading, ...]:
    """All readings worth trying on a field with such values."""
    met = dict.fromkeys(spelling for value in values if (spelling := date_format(value.strip())) is not None)
    if any(value.strip().endswith("UTC") for value in values):
        met["iso"] = None
    return (*PLAIN, *_formatted(met))


def column_for(reading: Reading, nulls: Iterable[str], zone: str, *, trim: bool) -> Column:
    """The contract's column that a reading stands for."""
    cast = (*(("trim",) if trim else ()), *reading.cast)
    return Column.model_validate({
        "name": "x", "type": reading.kind, "cast": cast, "null": tuple(nulls), "format": reading.format,
        "source_timezone": zone if reading.kind == "timestamp" else None,
    })  # fmt: skip


def _formatted(spellings: Iterable[str]) -> Iterator[Reading]:
    for spelling in spellings:
        formats = _ALMOST_ISO if spelling == "iso" else [spelling]
        if "%{}" in spelling:
            formats = [spelling.replace("{}", order, 1).replace("{}", other, 1) for order, other in ("dm", "md")]
        for form in formats:
            kind: Literal["date", "timestamp"] = "timestamp" if "%H" in form or "%I" in form else "date"
            try:
                check_format(form, kind)
            except ValueError:
                # Known to the profile, but nothing a contract can declare.
                continue
            yield Reading(kind, (), form)
