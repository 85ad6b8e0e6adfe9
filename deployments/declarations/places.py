"""Where a key stands in a declaration, so that one in the wrong place is told the right one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import get_args, get_origin

from pydantic import BaseModel

from deployments.declarations.model import Declared

MOST = 5
"""A key that stands in more places than these tells nobody where it was meant."""


@cache
def places(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """The places of each key of a file, in words: 'below load', 'in each item of columns'."""
    found: dict[str, dict[str, list[str]]] = {}
    first = next(iter(_fields(root)))
    for where, model, kinds in _levels(root):
        for key in _fields(model):
            if (root.__name__, model, key) == ("Summary", root, "sql"):
                # The SELECT stands below the header.
                continue
            at = where or (f"at the top of the file, beside {first}" if key != first else "at the top of the file")
            found.setdefault(key, {}).setdefault(at, []).extend(kinds)
    every = found.get("kind", {})
    return {
        key: tuple(
            f"{at} of kind {', '.join(kinds)}" if kinds and kinds != every[at] else at for at, kinds in known.items()
        )
        for key, known in found.items()
    }


def elsewhere(root: type[BaseModel], key: str) -> str | None:
    """Where a key that isn't known in one place stands: in the same file, else in a file of another kind."""
    found = places(root).get(key, ())
    if not found:
        found = tuple(f"in {model.stands_in}" for model in _roots() if key in places(model) and key in _fields(model))
    return " or ".join(found) if 0 < len(found) <= MOST else None


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models inside an annotation, in their order."""
    found: list[type[BaseModel]] = []
    todo = [annotation]
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            found.append(item)
        todo.extend(reversed(get_args(item)))
    return found


def _roots() -> list[type[Declared]]:
    return [model for model in Declared.__subclasses__() if model.stands_in]


def _fields(model: type[BaseModel]) -> Iterator[str]:
    return (info.alias or name for name, info in model.model_fields.items())


def _levels(root: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel], list[str]]]:
    """Each model of a file with its place, and its kinds where several kinds may stand there."""
    todo: list[tuple[str, str, type[BaseModel]]] = [("", "", root)]
    seen = {root}
    while todo:
        path, where, model = todo.pop(0)
        yield where, model, kinds_of(model)
        for name, info in model.model_fields.items():
            key = f"{path}{info.alias or name}"
            inside = models_in(info.annotation)
            is_list = any(
                get_origin(part) in (tuple, list, dict) for part in (info.annotation, *get_args(info.annotation))
            )
            for found in inside:
                if found not in seen:
                    seen.add(found)
                    todo.append((f"{key}.", f"in each item of {key}" if is_list else f"below {key}", found))


def kinds_of(model: type[BaseModel]) -> list[str]:
    kind = model.model_fields.get("kind")
    return [str(item) for item in get_args(kind.annotation)] if kind is not None else []
