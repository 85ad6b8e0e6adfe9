"""The base of every declaration, and the spellings they share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
"""A time of day."""
_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Declared(BaseModel):
    """A frozen model that refuses unknown keys: a typo must never be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    stands_in: ClassVar[str] = ""
    """The files whose whole content this is, in words."""
    arguments_below: ClassVar[str] = ""
    """The key whose mapping takes names that aren't known here."""
    retired: ClassVar[Mapping[str, str]] = {}
    """Keys that somebody may expect here and that there aren't: why, in a sentence."""


def _identifier(name: str) -> str:
    if not IDENTIFIER.fullmatch(name):
        raise ValueError(
            f"'{name}' can't be a name in both warehouses: lower-case letters, digits and _, at most 63, "
            "not starting with a digit"
        )
    return name


def _qualified(name: str) -> str:
    schema, dot, table = name.partition(".")
    if not dot or not IDENTIFIER.fullmatch(schema) or not IDENTIFIER.fullmatch(table):
        raise ValueError(f"'{name}' must be schema.table in lower-case letters, digits and _")
    if len(table) > 48:
        raise ValueError(f"'{table}' is longer than 48 characters; candidates and proofs need room for a suffix")
    if "__hg_" in table:
        raise ValueError(f"'{table}' holds '__hg_', which marks the tables that headgate makes beside a declared one")
    return name


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        raise ValueError(f"'{text}' isn't a duration; allowed: a number with s, m, h or d, such as 15m")
    return text


def seconds(duration: str) -> int:
    """Seconds of a duration such as '15m' (checked when the declaration was read)."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"'{duration}' isn't a duration")
    return int(match[1]) * _SECONDS[match[2]]


def check_zone(zone: str) -> str:
    """Return the IANA zone name if it exists; ValueError otherwise."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{zone}' isn't a time zone; allowed: IANA names such as Asia/Seoul or UTC") from None
    return zone


Identifier = Annotated[str, AfterValidator(_identifier)]
QualifiedName = Annotated[str, AfterValidator(_qualified)]
Duration = Annotated[str, AfterValidator(_duration)]
Zone = Annotated[str, AfterValidator(check_zone)]
