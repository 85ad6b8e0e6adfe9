"""Raise the faults pydantic finds and those of our own together: a mistake must not hide the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from deployments.declarations.problems import KeyPath
from deployments.declarations.rule_faults import RuleFault

Model = TypeVar("Model")

_KNOWN_ERRORS = frozenset(get_args(ErrorType))


def validated(
    title: str,
    data: Any,
    handler: Callable[[Any], Model],
    find: Callable[[Mapping[str, Any]], Iterable[RuleFault]],
) -> Model:
    """Run pydantic's own validation and ours, and raise the faults of both together, each with its place.

    For the body of a `wrap` validator; `find` gets the raw mapping, so that it works beside pydantic's faults.
    """
    faults: list[InitErrorDetails] = []
    model: Model | None = None
    try:
        model = handler(data)
    except ValidationError as error:
        faults.extend(_again(detail) for detail in error.errors(include_url=False))
    found: Iterable[RuleFault] = find(data) if isinstance(data, Mapping) else ()
    for place, sentence in found:
        fault = InitErrorDetails(
            type="value_error", loc=place, input=_at(data, place), ctx={"error": ValueError(sentence)}
        )
        faults.append(fault)
    if faults or model is None:
        raise ValidationError.from_exception_data(title, faults)
    return model


def _again(detail: ErrorDetails) -> InitErrorDetails:
    """A fault pydantic found, in the form in which it can be raised once more beside ours."""
    if detail["type"] in _KNOWN_ERRORS:
        return InitErrorDetails(
            type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {})
        )  # fmt: skip
    kind = PydanticCustomError("fault", "{sentence}", {"sentence": detail["msg"]})
    return InitErrorDetails(type=kind, loc=detail["loc"], input=detail["input"])


def _at(data: Any, place: KeyPath) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return data
    return data
