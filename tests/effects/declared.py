"""Everything that is accepted and has to have an effect, by name, from the models and commands themselves.

Keys: `Load.mode`. Values of a choice: `Load.mode=merge`. Settings: `HEADGATE_KEEP_DAYS`. Options and arguments of
commands: `headgate run --until`, `headgate run --until=stage`, `headgate run TABLES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deployments.declarations.reference import PAGES, models
from deployments.declared_settings import SETTINGS
from flows.cli import cli

OF_ALL = ("project", "verbose", "quiet", "debug")
"""Options that every command has from one place; `--json` is each command's own."""


@dataclass(frozen=True)
class Key:
    """One key of a declaration."""

    model: type[BaseModel]
    field: str
    info: FieldInfo

    @property
    def name(self) -> str:
        return f"{self.model.__name__}.{self.info.alias or self.field}"

    @property
    def choices(self) -> tuple[Any, ...]:
        return tuple(_choices(self.info.annotation))


def keys() -> dict[str, Key]:
    """Every key of every declaration, by name."""
    found = {model.__name__: model for root in PAGES.values() for model in models(root).values()}
    made = [Key(model, field, info) for model in found.values() for field, info in model.model_fields.items()]
    return {key.name: key for key in made}


def options() -> dict[str, click.Parameter]:
    """Every option and argument of every command, by name."""
    found = {f"headgate {name}": item for item in cli.params for name in [item.opts[0]] if item.name in OF_ALL}
    for path, command in _commands(cli, "headgate"):
        for item in command.params:
            if item.name not in OF_ALL:
                found[f"{path} {option_name(item)}"] = item
    return found


def option_name(item: click.Parameter) -> str:
    return item.opts[-1] if isinstance(item, click.Option) else str(item.name).upper()


def names() -> Iterator[str]:
    """All that must have an effect."""
    for name, key in keys().items():
        yield name
        if len(key.choices) > 1:
            yield from (f"{name}={choice}" for choice in key.choices)
    for name, item in options().items():
        yield name
        if isinstance(item.type, click.Choice):
            yield from (f"{name}={choice}" for choice in item.type.choices)
    yield from (setting.variable for setting in SETTINGS)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _commands(below, f"{path} {name}")


def _choices(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    for part in get_args(annotation):
        yield from _choices(part)
