"""Read a YAML declaration, and find the line of each of its values.

libyaml reads the values; where they stand is only asked when there is a fault to tell. ruamel.yaml's own reader, which is
five times as slow, keeps the line of each key; a fault deep inside a nested value is told at the nearest key that exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from deployments.declarations.from_environment import filled
from deployments.declarations.problems import KeyPath, Problem

MAX_DEPTH = 40
MAX_VALUES = 200_000
_STACK = 1_000
_MEANT = {
    "mapping values are not allowed": "text that holds ': ' in quotes",
    "'\\t'": "blanks in front of a key, no tabs",
    "that cannot start any token": "text that begins with @, ` or % in quotes",
}
_KINDS = {type(None): "nothing", CommentedSeq: "a list", list: "a list", str: "a text"}


class Document(dict[object, object]):
    """The values of a YAML mapping, and its text to find their lines in."""

    def __init__(self, values: dict[object, object], text: str, variables: Collection[str] = ()) -> None:
        super().__init__(values)
        self._text = text
        self.variables = frozenset(variables)
        """Names of the environment that it was filled in with."""
        self.unfilled: frozenset[str] = frozenset()
        """Keys of values that couldn't be filled in: that is told, and nothing else of them."""

    def of(self, values: dict[object, object]) -> Document:
        """Other values of the same text."""
        other = Document(values, self._text, self.variables)
        other.unfilled = self.unfilled
        return other

    @cached_property
    def marked(self) -> CommentedMap:
        """The same values with the line of each; without any where the stricter reader refuses what libyaml takes."""
        try:
            marked = _yaml("rt").load(self._text)
        except YAMLError:
            return CommentedMap()
        assert isinstance(marked, CommentedMap)
        return marked


def read_yaml(file: Path, problems: list[Problem], *, text: str | None = None, first_line: int = 1) -> Document | None:
    """The parsed YAML of a file (or of `text`, whose first line is `first_line` of the file), `${NAME}` filled in from the
    environment; None when unreadable."""
    try:
        content = file.read_text(encoding="utf-8") if text is None else text
        _refuse_deep_text(content)
        data = _values(content)
        _refuse_endless(data)
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 0, "", f"isn't UTF-8 text (byte {error.start})"))
        return None
    except MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + first_line
        told = error.problem or error.context
        meant = next((hint for words, hint in _MEANT.items() if words in str(told)), None)
        problems.append(Problem(file, line, "", f"isn't valid YAML: {told}", allowed=meant))
        return None
    except YAMLError as error:
        problems.append(Problem(file, 0, "", f"isn't valid YAML: {error}"))
        return None
    except OSError as error:
        problems.append(Problem(file, 0, "", f"can't be read: {error.strerror}"))
        return None
    except (RecursionError, _EndlessError):
        problems.append(
            Problem(
                file, first_line, "", f"holds too much, or itself; allowed: {MAX_DEPTH} levels, {MAX_VALUES:,} values"
            )
        )
        return None
    if not isinstance(data, dict):
        problems.append(
            Problem(
                file,
                first_line,
                "",
                "must be a mapping of keys to values",
                found=_KINDS.get(type(data), type(data).__name__),
            )
        )
        return None
    found = filled(data, os.environ)
    read = Document(cast(dict[object, object], found.values), content, found.variables)
    for place, message, allowed in found.faults:
        problems.append(Problem(file, line_of(read, place, first_line), key_of(read, place), message, allowed=allowed))
    read.unfilled = frozenset(key_of(read, place) for place, *_ in found.faults)
    return read


class _EndlessError(Exception):
    """The values are too many, too deep, or hold themselves by an alias."""


class _Dates:
    """A date that the calendar doesn't have stays the text it is, to be told where it stands."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        try:
            return super().construct_yaml_timestamp(node, values)  # type: ignore[misc]
        except ValueError:
            return node.value


class _Safe(_Dates, SafeConstructor):
    """The reader of values."""


class _Marking(_Dates, RoundTripConstructor):
    """The reader that keeps lines."""


def _refuse_tag(_: object, node: Any) -> Any:
    raise ConstructorError(None, None, f"the tag {node.tag} means nothing here: leave it out", node.start_mark)


for _reader in (_Safe, _Marking):
    _reader.add_constructor("tag:yaml.org,2002:timestamp", _reader.construct_yaml_timestamp)
    # A bare '=' is a text.
    _reader.add_constructor("tag:yaml.org,2002:value", lambda reader, node: reader.construct_scalar(node))
    # Else the one refuses it in words of its own, and the other makes a value of a class that nobody knows.
    _reader.add_constructor(None, _refuse_tag)


def _yaml(kind: Literal["safe", "rt"]) -> YAML:
    yaml = YAML(typ=kind)
    yaml.Constructor = _Safe if kind == "safe" else _Marking
    return yaml


def _values(content: str) -> object:
    # libyaml takes no notice of a directive (%YAML 1.1), takes tabs for blanks, and tells less well what is wrong and where.
    if not content.startswith("%") and "\t" not in content:
        try:
            return _yaml("safe").load(content)
        except ConstructorError:
            raise
        except YAMLError:
            pass
    return _yaml("rt").load(content)


def _refuse_deep_text(content: str) -> None:
    """_EndlessError for a text on which libyaml, which goes down level by level, would run out of stack and end the process.

    Brackets within quotes count as well: a thousand of them that are never closed stand in no declaration.
    """
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", content):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > _STACK or any(line.count("- ") + line.count("? ") > _STACK for line in content.splitlines()):
        raise _EndlessError


def _refuse_endless(data: object) -> None:
    """Walk the values as they will be walked, aliases included, and stop where that would take too long."""
    seen, level = 0, [data]
    for _ in range(MAX_DEPTH):
        level = [
            item for node in level if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]  # fmt: skip
        seen += len(level)
        if not level:
            return
        if seen > MAX_VALUES:
            break
    raise _EndlessError


def marked(data: object) -> object:
    """The values with the line of each, where there are such."""
    return data.marked if isinstance(data, Document) else data


def own_keys(data: object) -> Collection[object]:
    """The keys that stand in the text itself."""
    found = marked(data)
    return found.keys() if isinstance(found, dict) else ()


def line_of(data: object, loc: Sequence[int | str], first_line: int = 1) -> int:
    """The file's line of the value at `loc`, or of the deepest part of `loc` that exists."""
    line = first_line
    node = marked(data)
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + first_line
            node = node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + first_line
            node = node[part]
        # A tag of a union or a validator's own name stands in loc but not in the file.
    return line


def key_of(data: object, loc: KeyPath) -> str:
    """`columns.amount.type` rather than `columns.2.type`: list items are called by their name or code."""
    words: list[str] = []
    node = marked(data)
    for position, part in enumerate(loc):
        if isinstance(node, CommentedSeq) and isinstance(part, int):
            node = node[part] if part < len(node) else None
            named = node.get("name") or node.get("code") if isinstance(node, CommentedMap) else None
            words.append(str(named) if named else f"[{part}]")
        elif isinstance(node, CommentedMap) and part in node:
            node = node[part]
            words.append(str(part))
        elif position == len(loc) - 1 and not (isinstance(node, CommentedMap) and node.get("kind") == part):
            # Where one of several models can stand, pydantic names the model as well.
            words.append(str(part))
    return ".".join(words).replace(".[", "[")
