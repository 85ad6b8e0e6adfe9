"""Texts as YAML: plain where that can't be read as anything else, in double quotes otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from deployments.foreign_text import one_line

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null", "none", "nan", "inf"})


def scalar(value: object) -> str:
    """One value in flow style."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    # What `${NAME}` means in a declaration isn't meant by a value.
    text = str(value).replace("${", "$${")
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return "".join(map(_visible, json.dumps(text, ensure_ascii=False)))


def _visible(character: str) -> str:
    """A character, or YAML's escape of one that can't be seen."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def sequence(values: Iterable[object]) -> str:
    """A list in flow style."""
    return f"[{', '.join(scalar(value) for value in values)}]"


def mapping(pairs: Iterable[tuple[str, str]]) -> str:
    """A mapping in flow style; its values are YAML already."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


def nested(value: object) -> str:
    """A value of any depth in flow style."""
    if isinstance(value, dict):
        return mapping((scalar(key), nested(item)) for key, item in value.items())
    return f"[{', '.join(map(nested, value))}]" if isinstance(value, list | tuple) else scalar(value)


def comment(text: str) -> str:
    """A text as the rest of a line."""
    return one_line(" ".join(text.split()), 1_000)
