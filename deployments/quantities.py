"""Numbers and lists as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence


def size(number: float) -> str:
    """Bytes for people: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


def plural(count: int, noun: str) -> str:
    """'1 part', '2 parts', '3 batches', '4 summaries', '1,000 rows'."""
    if count != 1:
        noun = noun[:-1] + "ies" if noun.endswith("ary") else noun + ("es" if noun.endswith(("ch", "sh")) else "s")
    return f"{count:,} {noun}"


def few(labels: Sequence[str], most: int = 3) -> str:
    """'2020-08-11, 2020-08-12 and 4 more'."""
    more = len(labels) - most
    return ", ".join(labels) if more <= 0 else f"{', '.join(labels[:most])} and {more} more"
