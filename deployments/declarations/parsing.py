"""Check a declaration against its model, and tell every fault with its place, what was found and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from deployments.declarations.model import Declared
from deployments.declarations.problems import KeyPath, Problem, nearest
from deployments.declarations.yaml_source import Document, key_of, line_of, marked

Model = TypeVar("Model", bound=BaseModel)
_ALLOWED_TYPES = {
    "string": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list: [a, b]",
    "list": "a list: [a, b]", "dict": "a mapping: {key: value}", "model": "a mapping: {key: value}",
    "date": "a date such as 2024-01-31", "datetime": "a date or time such as 2024-01-31",
}  # fmt: skip


def parse(
    model: type[Model], data: object, file: Path, problems: list[Problem], *, first_line: int = 1
) -> Model | None:
    """Validate `data` as `model`; on faults, append one problem per fault and return None."""
    try:
        return model.model_validate(plain(data))
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            inside = any(other["loc"][: len(detail["loc"])] == detail["loc"] != other["loc"] for other in details)
            if detail["type"] == "too_short" and inside:
                # pydantic counts only the items that were right; those that weren't are told themselves.
                continue
            problem = _problem(model, data, file, detail, first_line)
            if not (isinstance(data, Document) and problem.key in data.unfilled):
                problems.append(problem)
        return None


def _problem(model: type[BaseModel], data: object, file: Path, detail: ErrorDetails, first_line: int) -> Problem:
    loc = detail["loc"]
    key = key_of(data, loc)
    line = line_of(data, loc, first_line)
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(model, data, file, detail, first_line)
    if kind == "missing":
        return Problem(file, line, key, "is missing", allowed=_described(model, data, loc))
    if kind == "union_tag_not_found":
        return Problem(file, line, f"{key}.kind", "is missing", allowed=", ".join(_kinds_at(model, data, loc)))
    found = None if isinstance(detail["input"], dict | list) else _shown(detail["input"])
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
    if kind == "tuple_type":
        message = "must be a list"
    if message[1:2].islower():
        message = message[:1].lower() + message[1:]
    return Problem(
        file, line, key, message, found=found if kind != "value_error" else None,
        allowed=_ALLOWED_TYPES.get(kind.partition("_")[0]) if kind != "value_error" else None,
    )  # fmt: skip


def _unknown_key(
    model: type[BaseModel], data: object, file: Path, detail: ErrorDetails, first_line: int
) -> Problem:  # fmt: skip
    loc = detail["loc"]
    line, key, name = line_of(data, loc, first_line), key_of(data, loc), str(loc[-1])
    around = _model_at(model, data, loc[:-1])
    retired = around.retired.get(name) if around is not None and issubclass(around, Declared) else None
    allowed = _keys(around)
    if retired is not None:
        return Problem(file, line, key, f"can't be said here: {retired}", allowed=", ".join(allowed))
    return Problem(file, line, key, "is not a known key", allowed=", ".join(allowed), nearest=nearest(name, allowed))


def _described(model: type[BaseModel], data: object, loc: KeyPath) -> str | None:
    """What a key that is missing is to hold, in the words of its description."""
    around = _model_at(model, data, loc[:-1])
    fields = {} if around is None else around.model_fields
    return next((field.description for name, field in fields.items() if loc[-1] in (name, field.alias)), None)


def _kinds_at(model: type[BaseModel], data: object, loc: KeyPath) -> list[str]:
    """What `kind` may be where one of several models can stand."""
    around = _model_at(model, data, loc[:-1])
    annotation = None if around is None else _field(around, str(loc[-1]))
    kinds = [found.model_fields["kind"] for found in _models_in(annotation) if "kind" in found.model_fields]
    return [str(kind) for field in kinds for kind in get_args(field.annotation)]


def _shown(value: object) -> str:
    return f"'{value.isoformat()}'" if isinstance(value, date) else repr(value)


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else sorted(info.alias or name for name, info in model.model_fields.items())


def _model_at(model: type[BaseModel], data: object, loc: KeyPath) -> type[BaseModel] | None:
    """The model whose keys stand at `loc`, by walking the models along the data."""
    current: type[BaseModel] | None = model
    node, named = marked(data), False
    for part in loc:
        if isinstance(part, int):
            node = node[part] if isinstance(node, CommentedSeq) else None
            continue
        if current is None or not isinstance(node, CommentedMap) or part not in node:
            continue
        node = node[part]
        if named:
            # The key of a mapping of models is a name of the user's.
            named = False
            continue
        sample = node[0] if isinstance(node, CommentedSeq) and node else node
        annotation = _field(current, part)
        named = get_origin(annotation) is dict
        current = _model_in(annotation, sample)
    return current


def _field(model: type[BaseModel], part: str) -> object | None:
    for name, info in model.model_fields.items():
        if part in (name, info.alias):
            return info.annotation
    return None


def _model_in(annotation: object, node: object) -> type[BaseModel] | None:
    """The model inside an annotation; in a union the one whose `kind` the data names."""
    found = _models_in(annotation)
    kind = node.get("kind") if isinstance(node, CommentedMap) else None
    for candidate in found:
        field = candidate.model_fields.get("kind")
        if field is not None and kind in get_args(field.annotation):
            return candidate
    return found[0] if found else None


def _models_in(annotation: object) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    todo = [annotation]
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            found.append(item)
        todo.extend(reversed(get_args(item)))
    return found


def plain(data: object) -> object:
    """Plain containers from ruamel's, so that strict models and JSON see nothing of it."""
    if isinstance(data, dict):
        # `null: [NA]` as the documentation writes it: YAML reads the bare key as its own null.
        return {"null" if key is None else str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    converters: list[tuple[type, Callable[[object], object]]] = [(bool, bool), (int, int), (float, float)]  # type: ignore[list-item]
    if isinstance(data, str):
        return str(data)
    for kind, convert in converters:
        if isinstance(data, kind):
            return convert(data)
    return data
