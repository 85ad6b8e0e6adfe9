"""Why a check itself broke, in one line that shows no value of the data and no secret."""

from __future__ import annotations

import re
from typing import Any

from deployments.declarations.suite import Rule

MAX_CHARACTERS = 200
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
# Python's and the driver's names of the error, which stand before its text.
_PREFIX = re.compile(r"^(\([\w.]+\)|[\w.]*(Error|Exception):)\s*")
# psycopg2 and pydantic say where and with which statement; that is for logs of the library, not for a report.
_TAIL = re.compile(r"\s*(\[SQL:|\(Background on|\nLINE \d+:|\nDETAIL:|\nHINT:).*", re.DOTALL)

_LOST = re.compile(
    r"psycopg2\.(OperationalError|InterfaceError|errors\.(Admin|Crash)Shutdown)|server closed the connection|"
    r"connection already closed|terminating connection"
)


def is_lost_connection(text: str | None) -> bool:
    """Whether a check broke because the warehouse went away: that may pass by itself."""
    return bool(text and _LOST.search(text))


def fault_of(result: Any) -> str | None:
    """The text of the exception a check ended with, or None: then its verdict is about the data."""
    info = result.exception_info
    if not info:
        return None
    if "raised_exception" in info:
        return str(info.get("exception_message") or "no reason given") if info["raised_exception"] else None
    messages = [str(_part(item, "exception_message") or "") for item in info.values()]
    return next((text for text in messages if text), "no reason given")


def reason(text: str, rule: Rule) -> str:
    """The exception's text in one line; quoted words that aren't the rule's own are taken out, they may be data."""
    known = {str(value) for value in rule.columns} | {str(name) for name in rule.kwargs} | {"min_value", "max_value"}

    def kept(match: re.Match[str]) -> str:
        word = match[1] if match[1] is not None else match[2]
        return match[0] if word in known else "'…'"

    line = " ".join(_QUOTED.sub(kept, _TAIL.sub("", text)).split())
    line = _PREFIX.sub("", _PREFIX.sub("", line)) or "no reason given"
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"


def _part(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)
