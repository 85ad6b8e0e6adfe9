"""Results as plain JSON: whatever numpy, pandas, decimal or a driver hands out, `json.dumps` must take it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


def plain(value: Any) -> Plain:
    """The value in JSON's own types: moments as ISO text, decimals as numbers, not-a-number and infinity as null."""
    if value is None or isinstance(value, bool | int | str):
        return _unwrapped(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    if isinstance(value, Decimal):
        return _number(int(value) if value.is_finite() and value == value.to_integral_value() else float(value))
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, datetime.date | datetime.time):
        # pandas' NaT is a datetime that isn't equal to itself.
        return value.isoformat() if value == value else None
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    # pandas' NA says so itself; anything else is told by its text.
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


def _unwrapped(value: bool | int | str | None) -> Plain:
    """Subclasses (numpy.str_, enumerations) as the type they extend."""
    for kind in (bool, int, str):
        if isinstance(value, kind):
            return kind(value) if kind is not str else str.__str__(value)
    return None


def _number(value: float) -> Plain:
    return value if math.isfinite(value) else None
