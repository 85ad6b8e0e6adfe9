"""As much of a declaration as is sound, so that one mistake doesn't hide what can be told without it.

What can't be known raises `Unknown` as soon as anything is asked of it: a rule that needs it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, NoReturn, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deployments.declarations.problems import KeyPath, nearest

Model = TypeVar("Model", bound=BaseModel)
Told = TypeVar("Told")


class Unknown(Exception):  # noqa: N818 - no failure: the answer of something that nobody can know
    """Something was asked of a value that is declared wrong or not at all."""


class _Unknowable:
    """Stands where a value is declared wrong or is missing."""

    def _ask(self, *_: object) -> NoReturn:
        raise Unknown

    __getattr__ = __iter__ = __len__ = __bool__ = __contains__ = __eq__ = __hash__ = __str__ = _ask
    __lt__ = __gt__ = __le__ = __ge__ = __format__ = __getitem__ = __fspath__ = _ask
    # isinstance() asks for the class.
    __class__ = property(_ask)


UNKNOWABLE: Any = _Unknowable()


def sound_part(model: type[Model], data: object) -> Model:
    """The model of plain values where they are right, else what is sound of it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return _partial(model, data, (), frozenset(_place(data, item["loc"]) for item in error.errors()))


def _place(data: Any, loc: KeyPath) -> KeyPath:
    """The part of pydantic's place that stands in the data: without tags of unions, and without what is missing."""
    found = []
    for part in loc:
        inside = part in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
            found.append(part)
    return tuple(found)


def _partial(model: type[Model], data: object, at: KeyPath, broken: Collection[KeyPath]) -> Model:
    """The model with what is sound in `data`, which stands at `at`, and UNKNOWABLE in place of the rest."""
    if not isinstance(data, Mapping):
        return cast(Model, UNKNOWABLE)
    spelled = {info.alias or name: name for name, info in model.model_fields.items()}
    # `windw: ...` is a window that nobody can know, not one that isn't there.
    mistyped = {spelled.get(nearest(str(key), spelled) or "") for key in data if key not in spelled}
    fields = {
        name: _field(info, name, data, at, broken, mistyped=name in mistyped)
        for name, info in model.model_fields.items()
    }
    made = model.model_construct(**fields)
    made.__pydantic_fields_set__.intersection_update(spelled.get(str(key), "") for key in data)
    return made


def known(rules: Iterable[Callable[[], Iterable[Told]]]) -> Iterator[Told]:
    """What rules have to tell; one that asks what isn't known goes on no further."""
    for rule in rules:
        with suppress(Unknown):
            yield from rule()


def _field(
    info: FieldInfo, name: str, data: Mapping[str, object], at: KeyPath, broken: Collection[KeyPath], *, mistyped: bool
) -> Any:
    key = info.alias if info.alias is not None and info.alias in data else name
    if key not in data and mistyped:
        return UNKNOWABLE
    if key not in data:
        default = info.get_default(call_default_factory=True, validated_data={})
        return UNKNOWABLE if default is PydanticUndefined else default
    return _value(info.annotation, data[key], (*at, key), broken, *info.metadata)


def _value(annotation: Any, raw: object, at: KeyPath, broken: Collection[KeyPath], *metadata: object) -> Any:
    nested = _nested(annotation, raw, at, broken)
    if nested is not None:
        return nested
    if at in broken:
        return UNKNOWABLE
    whole: Any = Annotated[annotation, *metadata] if metadata else annotation
    try:
        return TypeAdapter(whole).validate_python(raw)
    except ValidationError:
        return UNKNOWABLE


def _nested(annotation: Any, raw: object, at: KeyPath, broken: Collection[KeyPath]) -> Any:
    """Models inside an annotation, and lists, item by item; None when there are none."""
    if get_origin(annotation) is Annotated:
        return _nested(get_args(annotation)[0], raw, at, broken)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _partial(annotation, raw, at, broken)
    parts = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if not models or raw is None:
            return None
        kind = raw.get("kind") if isinstance(raw, Mapping) else None
        tagged = [model for model in models if "kind" in model.model_fields]
        if tagged:
            models = [model for model in tagged if kind in get_args(model.model_fields["kind"].annotation)]
        return _partial(models[0], raw, at, broken) if models else UNKNOWABLE
    if get_origin(annotation) is tuple:
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            return UNKNOWABLE
        return tuple(_value(parts[0], item, (*at, position), broken) for position, item in enumerate(raw))
    if get_origin(annotation) is dict and _has_model(parts[1]):
        if not isinstance(raw, Mapping):
            return UNKNOWABLE
        return {str(key): _value(parts[1], item, (*at, str(key)), broken) for key, item in raw.items()}
    return None


def _has_model(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, BaseModel)
    return any(_has_model(part) for part in get_args(annotation))
