"""Read a YAML declaration and turn every fault pydantic finds into a problem with its line.

libyaml reads the values; where they stand is only asked when there is a fault to tell. ruamel.yaml's own reader, which is
five times as slow, keeps the line of each key; a fault deep inside a nested value is told at the nearest key that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from deployments.declarations.problems import Problem, nearest

Model = TypeVar("Model", bound=BaseModel)
Loc = tuple[int | str, ...]


class Document(dict[object, object]):
    """The values of a YAML mapping, and its text to find their lines in."""

    def __init__(self, values: dict[object, object], text: str) -> None:
        super().__init__(values)
        self._text = text

    @cached_property
    def marked(self) -> CommentedMap:
        """The same values with the line of each."""
        marked = YAML(typ="rt").load(self._text)
        assert isinstance(marked, CommentedMap)
        return marked


def read_yaml(file: Path, problems: list[Problem], *, text: str | None = None, first_line: int = 1) -> Document | None:
    """The parsed YAML of a file (or of `text`, whose first line is `first_line` of the file); None when unreadable."""
    try:
        content = file.read_text(encoding="utf-8") if text is None else text
        data = _values(content)
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 0, "", f"isn't UTF-8 text (byte {error.start})"))
        return None
    except MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + first_line
        problems.append(Problem(file, line, "", f"isn't valid YAML: {error.problem or error.context}"))
        return None
    except YAMLError as error:
        problems.append(Problem(file, 0, "", f"isn't valid YAML: {error}"))
        return None
    if not isinstance(data, dict):
        problems.append(Problem(file, first_line, "", "must be a mapping of keys to values", found=type(data).__name__))
        return None
    return Document(data, content)


def _values(content: str) -> object:
    # libyaml takes no notice of a directive (%YAML 1.1), and tells less well what is wrong and where.
    if not content.startswith("%"):
        try:
            return YAML(typ="safe").load(content)
        except YAMLError:
            pass
    return YAML(typ="rt").load(content)


def _marked(data: object) -> object:
    return data.marked if isinstance(data, Document) else data


def parse(
    model: type[Model], data: object, file: Path, problems: list[Problem], *, first_line: int = 1
) -> Model | None:
    """Validate `data` as `model`; on faults, append one problem per fault and return None."""
    try:
        return model.model_validate(_plain(data))
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            inside = any(other["loc"][: len(detail["loc"])] == detail["loc"] != other["loc"] for other in details)
            if detail["type"] == "too_short" and inside:
                # pydantic counts only the items that were right; those that weren't are told themselves.
                continue
            problems.append(_problem(model, data, file, detail, first_line))
        return None


def line_of(data: object, loc: Sequence[int | str], first_line: int = 1) -> int:
    """The file's line of the value at `loc`, or of the deepest part of `loc` that exists."""
    line = first_line
    node = _marked(data)
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + first_line
            node = node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + first_line
            node = node[part]
        # A tag of a union or a validator's own name stands in loc but not in the file.
    return line


def _problem(model: type[BaseModel], data: object, file: Path, detail: ErrorDetails, first_line: int) -> Problem:
    loc = detail["loc"]
    key = key_of(data, loc)
    line = line_of(data, loc, first_line)
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(loc[-1])
        allowed = _fields_at(model, data, loc[:-1])
        return Problem(
            file, line, key, "is not a known key", allowed=", ".join(allowed), nearest=nearest(name, allowed)
        )
    if kind == "missing":
        return Problem(file, line, key, "is missing")
    found = None if isinstance(detail["input"], dict | list) else repr(detail["input"])
    if kind == "literal_error":
        allowed_text = str(context.get("expected", ""))
        names = [part.strip(" '") for part in allowed_text.replace(" or ", ", ").split(",")]
        return Problem(
            file, line, key, "is not allowed here", found=found, allowed=", ".join(names),
            nearest=nearest(str(detail["input"]), names),
        )  # fmt: skip
    if kind == "union_tag_invalid":
        names = [part.strip(" '") for part in str(context.get("expected_tags", "")).split(",")]
        tag = str(context.get("tag", ""))
        discriminator = str(context.get("discriminator", "kind")).strip("'")
        return Problem(
            file, line_of(data, (*loc, discriminator), first_line), f"{key}.{discriminator}", "is not allowed here",
            found=repr(tag), allowed=", ".join(names), nearest=nearest(tag, names),
        )  # fmt: skip
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return Problem(file, line, key, message[:1].lower() + message[1:], found=found if kind != "value_error" else None)


def key_of(data: object, loc: Loc) -> str:
    """`columns.amount.type` rather than `columns.2.type`: list items are called by their name or code."""
    words: list[str] = []
    node = _marked(data)
    for position, part in enumerate(loc):
        if isinstance(node, CommentedSeq) and isinstance(part, int):
            node = node[part] if part < len(node) else None
            named = node.get("name") or node.get("code") if isinstance(node, CommentedMap) else None
            words.append(str(named) if named else f"[{part}]")
        elif isinstance(node, CommentedMap) and part in node:
            node = node[part]
            words.append(str(part))
        elif position == len(loc) - 1:
            words.append(str(part))
    return ".".join(words).replace(".[", "[")


def _fields_at(model: type[BaseModel], data: object, loc: Loc) -> list[str]:
    """The keys allowed at `loc`, by walking the models along the data."""
    current: type[BaseModel] | None = model
    node = _marked(data)
    for part in loc:
        if isinstance(part, int):
            node = node[part] if isinstance(node, CommentedSeq) else None
            continue
        if current is None or not isinstance(node, CommentedMap) or part not in node:
            continue
        node = node[part]
        sample = node[0] if isinstance(node, CommentedSeq) and node else node
        field = _field(current, part)
        current = _model_in(None if field is None else field, sample)
    if current is None:
        return []
    return sorted(info.alias or name for name, info in current.model_fields.items())


def _field(model: type[BaseModel], part: str) -> object | None:
    for name, info in model.model_fields.items():
        if part in (name, info.alias):
            return info.annotation
    return None


def _model_in(annotation: object, node: object) -> type[BaseModel] | None:
    """The model inside an annotation; in a union the one whose `kind` the data names."""
    found: list[type[BaseModel]] = []
    todo = [annotation]
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            found.append(item)
        todo.extend(get_args(item))
    kind = node.get("kind") if isinstance(node, CommentedMap) else None
    for candidate in found:
        field = candidate.model_fields.get("kind")
        if field is not None and kind in get_args(field.annotation):
            return candidate
    return found[0] if found else None


def _plain(data: object) -> object:
    """Plain containers from ruamel's, so that strict models and JSON see nothing of it."""
    if isinstance(data, dict):
        # `null: [NA]` as the documentation writes it: YAML reads the bare key as its own null.
        return {"null" if key is None else str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    converters: list[tuple[type, Callable[[object], object]]] = [(bool, bool), (int, int), (float, float)]  # type: ignore[list-item]
    if isinstance(data, str):
        return str(data)
    for kind, convert in converters:
        if isinstance(data, kind):
            return convert(data)
    return data
