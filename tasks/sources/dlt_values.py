"""What a dlt resource gives as records, each value spelled as in JSON: nothing is rounded, what has no spelling is told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from deployments.errors import UpstreamError
from tasks.sources.json_rows import AT_ONCE, Records, Unfit, judged
from tasks.sources.json_text import MAX_DEPTH, Constant, Spelled, TooDeepError
from tasks.sources.protocol import OWNER


class _NoSpellingError(Exception):
    """A value of a type that JSON has nothing for; the args hold its name."""


def in_blocks(items: Iterator[Any], where: str) -> Iterator[Records]:
    """Records in blocks of AT_ONCE, whatever a resource gives them as."""
    records = (record for item in items for record in _records_of(item, where))
    while block := list(islice(records, AT_ONCE)):
        yield [one for record in block for one in _judged(record)]


def _judged(record: Mapping[str, Any]) -> Records:
    try:
        spelled = {str(name): _spelled(value, 1) for name, value in record.items()}
    except _NoSpellingError as error:
        return [Unfit("NOT-JSON-VALUE", f"a value of type {error}".encode())]
    return judged([spelled], suspect=True)


def _records_of(item: Any, where: str) -> Iterator[Mapping[str, Any]]:
    """The records in what a resource gave at once: a record, a list of them, a table of Arrow or a frame of pandas."""
    if item is None:
        # Hints for a table, without a row.
        return
    if isinstance(item, Mapping):
        yield item
    elif isinstance(item, list | tuple):
        for one in item:
            yield from _records_of(one, where)
    elif hasattr(item, "to_pylist") and hasattr(item, "slice"):
        for start in range(0, item.num_rows, AT_ONCE):
            yield from item.slice(start, AT_ONCE).to_pylist()
    elif hasattr(item, "model_dump"):
        yield item.model_dump()
    elif type(item).__module__.partition(".")[0] == "pandas":
        for start in range(0, len(item), AT_ONCE):
            part = item.iloc[start : start + AT_ONCE].astype(object)
            yield from part.where(part.notna(), None).to_dict("records")
    else:
        raise UpstreamError(
            f"{where} gives {type(item).__name__}, not records", code="NOT-RECORDS",
            next_command="the resource must yield dicts, lists of dicts, Arrow tables or pandas frames; " + OWNER,
        )  # fmt: skip


def _spelled(value: Any, depth: int) -> Any:
    """A value as `json_rows` takes it: numbers as they are written, moments in ISO 8601, bytes in hex."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return Spelled(int(value))
    if isinstance(value, float):
        return Spelled(repr(float(value))) if math.isfinite(value) else _constant(value)
    if isinstance(value, Decimal):
        return Spelled(format(value, "f")) if value.is_finite() else _constant(float(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth > MAX_DEPTH:
            raise TooDeepError(f"a value is nested too deeply: more than {MAX_DEPTH} levels")
        return _nested(value, depth + 1)
    if hasattr(value, "item") and hasattr(value, "dtype"):
        # A number of numpy's.
        return _spelled(value.item(), depth)
    if hasattr(value, "model_dump"):
        return _spelled(value.model_dump(), depth)
    raise _NoSpellingError(type(value).__name__)


def _nested(value: Any, depth: int) -> Any:
    # Loops: a comprehension would take a second place on the stack for each level.
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for name, item in value.items():
            made[str(name)] = _spelled(item, depth)
        return made
    items: list[Any] = []
    for item in value:
        items.append(_spelled(item, depth))
    return items


def _constant(value: float) -> Constant:
    return Constant("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
