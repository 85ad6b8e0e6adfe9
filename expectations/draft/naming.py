"""Names of a draft: identifiers that both warehouses know from headers as people write them, and codes of rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from deployments.declarations.model import IDENTIFIER

_LONGEST = 63
_LONGEST_CODE = 40


def identifiers(headers: Sequence[str]) -> tuple[str, ...]:
    """A name for each header, all different: `InvoiceNo` is invoice_no, `Größe (cm)` is grosse_cm, `이름` is column_3."""
    made: list[str] = []
    for position, header in enumerate(headers, start=1):
        name = identifier_of(header) or f"column_{position}"
        stem, number = name, 2
        while name in made:
            name, number = f"{stem[: _LONGEST - 4]}_{number}", number + 1
        made.append(name)
    return tuple(made)


def identifier_of(header: str) -> str:
    """One header as an identifier; empty when no letter or digit of it can stand in one."""
    if IDENTIFIER.fullmatch(header):
        return header
    text = unicodedata.normalize("NFKD", header.replace("ß", "ss")).encode("ascii", "ignore").decode()
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return (f"c_{text}" if text[:1].isdigit() else text)[:_LONGEST].strip("_")


def code_prefix(table: str) -> str:
    """The start of a table's codes: its name when that is short, else the first letters of its words."""
    words = [word for word in table.split("_") if word]
    if len(words) > 1:
        return "".join(word[0] for word in words).upper().lstrip("0123456789") or "T"
    return (words[0] if words else "t")[:8].upper()


def code_of(prefix: str, what: str, taken: Collection[str]) -> str:
    """A code that no other rule has, such as `OR-QUANTITY`."""
    tail = re.sub(r"[^A-Z0-9]+", "-", what.upper()).strip("-")
    stem = f"{prefix}-{tail}"[: _LONGEST_CODE - 3].rstrip("-")
    code, number = stem, 2
    while code in taken:
        code, number = f"{stem}-{number}", number + 1
    return code
