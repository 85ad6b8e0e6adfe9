"""Check a declaration against its model, and tell every fault with its place, what was found and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from deployments.declarations.model import Declared
from deployments.declarations.places import elsewhere, kinds_of, models_in
from deployments.declarations.problems import KeyPath, Problem, nearest
from deployments.declarations.yaml_source import Document, key_of, line_of, marked

Model = TypeVar("Model", bound=BaseModel)
_ALLOWED_TYPES = {
    "string": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list: [a, b]",
    "list": "a list: [a, b]", "dict": "a mapping: {key: value}", "model": "a mapping: {key: value}",
    "date": "a date such as 2024-01-31", "datetime": "a date or time such as 2024-01-31",
}  # fmt: skip

_LOGIN = re.compile(r"(?<=://)[^/\s@]*@")
_MAPPINGS = ("dict_type", "model_type", "model_attributes_type", "dataclass_type")
_MUST_BE = {
    "tuple_type": "must be a list", "string_type": "must be text", "int_type": "must be a whole number",
    "bool_type": "must be true or false", "bool_parsing": "must be true or false", "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
} | dict.fromkeys(_MAPPINGS, "must be a mapping")  # fmt: skip


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
            problem = _without_login(_problem(model, data, file, detail, first_line), detail["input"])
            if not (isinstance(data, Document) and problem.key in data.unfilled):
                problems.append(problem)
        return None


def _without_login(problem: Problem, value: object) -> Problem:
    """An address with a login that stands in a declaration by mistake must not go on into the log of CI as well."""
    login = _LOGIN.search(value) if isinstance(value, str) else None
    if login is None:
        return problem
    found = None if problem.found is None else problem.found.replace(login[0], "***@")
    return replace(problem, message=problem.message.replace(login[0], "***@"), found=found)


def _problem(model: type[BaseModel], data: object, file: Path, detail: ErrorDetails, first_line: int) -> Problem:
    # A key that is wrong itself is called `[key]` below itself.
    loc = detail["loc"][:-1] if detail["loc"][-1:] == ("[key]",) else detail["loc"]
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
    if message[1:2].islower() and not message[:1].isdigit():
        message = message[:1].lower() + message[1:]
    if kind == "value_error":
        return Problem(file, line, key, message)
    allowed_here = _ALLOWED_TYPES.get(kind.partition("_")[0])
    if kind in _MUST_BE:
        message = _MUST_BE[kind] if detail["input"] is not None else "has no value"
    if kind in _MAPPINGS or kind == "tuple_type":
        allowed_here = _written(_parent(model, data, loc), loc) or allowed_here
    if kind == "string_pattern_mismatch":
        message, allowed_here = f"must match the pattern {context.get('pattern')}", _described(model, data, loc)
    if kind.startswith(("date", "datetime")):
        message = "is no date that there is"
    return Problem(file, line, key, message, found=found if detail["input"] is not None else None, allowed=allowed_here)


def _parent(model: type[BaseModel], data: object, loc: KeyPath) -> object | None:
    """The annotation of what stands at a place: of its key, or of the list around an item."""
    names = [part for part in loc if isinstance(part, str)]
    around = _model_at(model, data, loc[: max((at for at, part in enumerate(loc) if isinstance(part, str)), default=0)])
    return None if around is None or not names else _field(around, names[-1])


def _written(annotation: object, loc: KeyPath) -> str | None:
    """How a value is written that is no mapping or list but has to be: with the keys that must be given."""
    kinds = models_in(annotation)
    if not kinds:
        return None
    must = [info.alias or name for name, info in kinds[0].model_fields.items() if info.is_required()]
    if len(kinds) > 1 and "kind" in must:
        return "{kind: " + " or ".join(kind for model in kinds for kind in kinds_of(model)) + ", ...}"
    mapping = "{" + ", ".join(f"{key}: ..." for key in must or _keys(kinds[0])[:1]) + "}"
    if get_origin(annotation) is dict:
        return "{name: " + mapping + "}"
    return f"[{mapping}]" if get_origin(annotation) is tuple and not isinstance(loc[-1], int) else mapping


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
    where = elsewhere(model, name)
    message = "is not a known key" if where is None else f"is not a known key here: it stands {where}"
    taker = getattr(around, "arguments_below", "")
    meant = nearest(name, allowed)
    if taker and where is None and meant is None:
        message += f" (arguments stand below {taker})"
    return Problem(file, line, key, message, allowed=", ".join(allowed), nearest=meant)


def _described(model: type[BaseModel], data: object, loc: KeyPath) -> str | None:
    """What a key that is missing is to hold, in the words of its description."""
    around = _model_at(model, data, loc[:-1])
    fields = {} if around is None else around.model_fields
    return next((field.description for name, field in fields.items() if loc[-1] in (name, field.alias)), None)


def _kinds_at(model: type[BaseModel], data: object, loc: KeyPath) -> list[str]:
    """What `kind` may be where one of several models can stand."""
    around = _model_at(model, data, loc[:-1])
    annotation = None if around is None else _field(around, str(loc[-1]))
    return [kind for found in models_in(annotation) for kind in kinds_of(found)]


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
    found = models_in(annotation)
    kind = node.get("kind") if isinstance(node, CommentedMap) else None
    for candidate in found:
        field = candidate.model_fields.get("kind")
        if field is not None and kind in get_args(field.annotation):
            return candidate
    return found[0] if found else None


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
