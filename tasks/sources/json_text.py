"""JSON as it was written: numbers keep their digits, no key is dropped, and what a warehouse couldn't read again is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

MAX_DEPTH = 600
"""Levels of lists and objects in one value; parsers differ in how many they bear, so the limit is one of ours."""


class Spelled(str):
    """A number as it was written."""

    __slots__ = ()


class Constant(Spelled):
    """NaN, Infinity or -Infinity: some programs write them, but they are no JSON."""

    __slots__ = ()


class KeyTwice(dict[str, Any]):
    """An object in which a key stands more than once; `pairs` holds all of them."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


class TooDeepError(ValueError):
    """Lists and objects are nested deeper than MAX_DEPTH."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document. `suspect`: it holds a key twice, or a constant, somewhere."""

    document: Any
    suspect: bool


def parse(text: str | bytes) -> Parsed:
    """The document; ValueError when it isn't JSON, TooDeepError when it can't be read for its depth."""
    try:
        return _parse(text)
    except RecursionError:
        # How deep a parser may go depends on how deep its caller is: once more on a stack of its own.
        with ThreadPoolExecutor(1) as own_stack:
            try:
                return own_stack.submit(_parse, text).result()
            except RecursionError:
                raise TooDeepError(f"it is nested too deeply: more than {MAX_DEPTH} levels") from None


def _parse(text: str | bytes) -> Parsed:
    suspect = False

    def pairs_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal suspect
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        suspect = True
        return KeyTwice(pairs)

    def constant(name: str) -> Constant:
        nonlocal suspect
        suspect = True
        return Constant(name)

    document = json.loads(
        text, parse_float=Spelled, parse_int=Spelled, parse_constant=constant, object_pairs_hook=pairs_of
    )
    return Parsed(document, suspect)


def fault_of(record: dict[str, Any]) -> str | None:
    """The reason code of a record that would not be what the source wrote: a key twice at any depth, or a constant inside a
    nested value (one that stands alone is text like any other)."""
    found = "KEY-TWICE" if isinstance(record, KeyTwice) else None
    todo = [value for value in record.values() if isinstance(value, dict | list)]
    while todo and found != "KEY-TWICE":
        node = todo.pop()
        if isinstance(node, KeyTwice):
            found = "KEY-TWICE"
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, dict | list):
                todo.append(value)
            elif isinstance(value, Constant):
                found = "NOT-JSON-VALUE"
    return found


class _Token(str):
    """Text that is written as it is."""

    __slots__ = ()


_END_OBJECT, _END_LIST = _Token("}"), _Token("]")


def nested_text(value: Any) -> str:
    """A value as JSON without blanks; numbers stay as they were written, which `json.dumps` can't do."""
    written: list[str] = []
    depth, todo = 0, [value]
    while todo:
        item = todo.pop()
        if isinstance(item, _Token):
            written.append(item)
            depth -= item is _END_OBJECT or item is _END_LIST
        elif isinstance(item, dict | list):
            depth += 1
            if depth > MAX_DEPTH:
                raise TooDeepError(f"a value is nested too deeply: more than {MAX_DEPTH} levels")
            written.append("{" if isinstance(item, dict) else "[")
            todo += reversed([*(_members(item) if isinstance(item, dict) else _items(item))])
        else:
            written.append(_scalar(item))
    return "".join(written)


def _members(item: dict[str, Any]) -> Iterator[Any]:
    pairs = item.pairs if isinstance(item, KeyTwice) else item.items()
    for number, (key, value) in enumerate(pairs):
        yield _Token(f"{',' if number else ''}{encode_basestring(key)}:")
        yield value
    yield _END_OBJECT


def _items(item: list[Any]) -> Iterator[Any]:
    for number, value in enumerate(item):
        if number:
            yield _Token(",")
        yield value
    yield _END_LIST


def _scalar(value: Any) -> str:
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    return {True: "true", False: "false", None: "null"}[value]


def paths(node: Any, wanted: Callable[[str, Any], bool], path: str = "") -> Iterator[str]:
    """Dotted paths of what is wanted by its key and value; lists aren't gone into."""
    if isinstance(node, dict) and path.count(".") < MAX_DEPTH // 10:
        for key, value in node.items():
            yield from paths(value, wanted, f"{path}.{key}" if path else key)
    if path and wanted(path.rpartition(".")[2], node):
        yield path
