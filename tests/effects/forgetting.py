"""Take the effect away from one name, to see that the tests which say they observe it fail without it.

`HEADGATE_TEST_FORGET='Load.tolerance' pytest ...`: the declared key is read as if it were left out (a value of a choice as
another one, an option or setting as if it weren't given). `HEADGATE_TEST_FORGET=each`: every marked test that stands alone
is run once more for each of its names, without that effect, and has failed when it doesn't notice (`make effects`). With
`HEADGATE_TEST_TRACE=FILE` nothing is taken away: which test gave which of them is written there instead.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import click
import pytest
from _pytest.runner import runtestprotocol
from pydantic_core import PydanticUndefined

from flows.cli import cli
from tests.effects.declared import OF_ALL, Key, keys, option_name, options

FORGET, TRACE = "HEADGATE_TEST_FORGET", "HEADGATE_TEST_TRACE"
EACH = "each"
Undo = Callable[[], None]


def forget(name: str) -> Undo:
    """From now on this process takes no notice of it, until the returned function is called."""
    where, _, choice = name.partition("=")
    if where in keys():
        return _forget_key(keys()[where], choice)
    if where.startswith("HEADGATE_"):
        return _forget_setting(where)
    if where in options():
        return _each_parameter(lambda given, value: given != where or (bool(choice) and _as_text(value) != choice))
    raise ValueError(f"nothing is called {name}")


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _forget_key(key: Key, choice: str) -> Undo:
    default = key.info.get_default(call_default_factory=True, validated_data={})
    absent = "forgotten" if default is PydanticUndefined else default
    if choice:
        chosen = {str(item): item for item in key.choices}[choice]
        other = absent if absent in key.choices and absent != chosen else _other(key, chosen)
        return _read_as(key, lambda value: _without(value, chosen, other))
    return _read_as(key, lambda value: absent)


def _other(key: Key, chosen: object) -> object:
    return next(item for item in key.choices if item != chosen)


def _without(value: Any, chosen: object, other: object) -> Any:
    if isinstance(value, tuple):
        return tuple(item for item in value if item != chosen)
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item != chosen}
    return other if value == chosen and type(value) is type(chosen) else value


def _read_as(key: Key, changed: Callable[[Any], Any]) -> Undo:
    original = key.model.__getattribute__

    def read(self: Any, name: str) -> Any:
        value = original(self, name)
        return changed(value) if name == key.field and type(self) is key.model else value

    dump = key.model.model_dump

    def dumped(self: Any, **how: Any) -> dict[str, Any]:
        found = dump(self, **how)
        if key.field in found and type(self) is key.model:
            found[key.field] = changed(found[key.field])
            if found[key.field] is None and how.get("exclude_none"):
                del found[key.field]
        return found

    return _replace([(key.model, "__getattribute__", read), (key.model, "model_dump", dumped)])


def _replace(places: list[tuple[Any, str, Any]]) -> Undo:
    """Put other values into attributes; the returned function puts back what was there."""
    patch = pytest.MonkeyPatch()
    for where, name, value in places:
        patch.setattr(where, name, value)
    return patch.undo


def _each_parameter(keep: Callable[[str, object], bool]) -> Undo:
    """Let every given option pass, or not."""
    original = click.Parameter.handle_parse_result

    def handle(self: click.Parameter, ctx: click.Context, opts: dict[str, Any], args: list[str]) -> Any:
        if self.name in opts and opts[self.name] not in (None, (), []):
            path = "headgate" if self.name in OF_ALL else _path(ctx)
            if not keep(f"{path} {option_name(self)}", opts[self.name]):
                opts = {name: value for name, value in opts.items() if name != self.name}
        return original(self, ctx, opts, args)

    return _replace([(click.Parameter, "handle_parse_result", handle)])


def _path(context: click.Context) -> str:
    found: list[str] = []
    step: click.Context | None = context
    while step is not None:
        if step.command is not cli:
            found.insert(0, str(step.command.name))
        step = step.parent
    return " ".join(["headgate", *found])


def _forget_setting(variable: str) -> Undo:
    from deployments import declared_settings, settings

    start = variable.partition("<NAME>")[0]
    family, field = "<NAME>" in variable, variable.removeprefix("HEADGATE_").lower()
    made, read, waiting = settings.Settings.__init__, settings.read_settings, declared_settings.waiting_time

    def init(self: Any, **given: Any) -> None:
        left = {"HEADGATE_CONNECTION_": "connections", "HEADGATE_NOTIFY_": "notify"}.get(start, field)
        if left not in ("project", "state"):
            given.pop(left, None)
        made(self, **given)

    def clear(values: Any) -> None:
        for name in [name for name in values if (name.startswith(start) if family else name == variable)]:
            del values[name]

    def read_without(environment: Any = None, folder: Any = None) -> Any:
        if environment is None:
            clear(os.environ)
        else:
            environment = dict(environment)
            clear(environment)
        return read(environment, folder)

    def wait(name: str) -> int:
        if f"HEADGATE_{name}" == variable:
            clear(os.environ)
        return waiting(name)

    return _replace([
        (settings.Settings, "__init__", init),
        *((module, name, replaced) for module in _modules()
          for name, was, replaced in (("read_settings", read, read_without), ("waiting_time", waiting, wait))
          if vars(module).get(name) is was),
    ])  # fmt: skip


def _modules() -> list[Any]:
    for package in ("deployments", "flows", "tasks"):
        for found in pkgutil.walk_packages([package], f"{package}."):
            if "__main__" not in found.name and "shop" not in found.name and "template" not in found.name:
                importlib.import_module(found.name)
    return [module for module in sys.modules.values() if module is not None]


class Tracing:
    """Writes down which names each test gave with a value that isn't the default."""

    def __init__(self, file: Path) -> None:
        self.file, self.seen = file, set[str]()
        for key in keys().values():
            self._watch(key)
        _each_parameter(self._given)

    def _given(self, name: str, value: object) -> bool:
        self.seen.add(name)
        for one in value if isinstance(value, list | tuple) else [value]:
            self.seen.add(f"{name}={one}")
        return True

    def _watch(self, key: Key) -> None:
        default = key.info.get_default(call_default_factory=True, validated_data={})

        def looked(value: Any) -> Any:
            if value != default:
                self.seen.add(key.name)
            held = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else [value]
            for item in held:
                if isinstance(item, str | bool):
                    self.seen.add(f"{key.name}={item}")
            return value

        _read_as(key, looked)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        with self.file.open("a") as out:
            out.write(json.dumps({"test": item.nodeid, "seen": sorted(self.seen)}) + "\n")
        self.seen.clear()


class ForgettingEach:
    """Runs each marked test again without each effect that it says it sees."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        done = yield
        names = [name for mark in item.iter_markers("effect") for name in mark.args]
        # The parts of a story are no tests of their own: a second time they find another state.
        if not re.match(r"test_\d\d", item.name):
            for name in names:
                self._without(item, nextitem, name)
        return done

    def _without(self, item: pytest.Item, nextitem: pytest.Item | None, name: str) -> None:
        item._initrequest()  # type: ignore[attr-defined]
        undo = forget(name)
        try:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            undo()
        report = next(found for found in reports if found.when == "call" or found.failed)
        report.nodeid += f" without {name}"
        report.outcome, report.longrepr = (
            ("passed", None) if report.failed else ("failed", f"{name} has no effect that this test sees")
        )
        item.ihook.pytest_runtest_logreport(report=report)


def begin(config: pytest.Config) -> None:
    name, file = os.environ.get(FORGET), os.environ.get(TRACE)
    if name == EACH:
        config.pluginmanager.register(ForgettingEach())
    elif name:
        forget(name)
    if file:
        config.pluginmanager.register(Tracing(Path(file)))
