"""Options of every command: which project, and how much is told."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path

import click

from deployments.declared_settings import setting_of
from tasks.progress import hear_waits

_TOLD = "flows.cli.told"
JSON = "--json"
PROJECT, DEBUG = "HEADGATE_PROJECT", "HEADGATE_DEBUG"


def everywhere(*, hidden: bool) -> list[click.Parameter]:
    """The options, for the help of `headgate` itself or, hidden there, for one command."""
    shared = {"expose_value": False, "hidden": hidden}
    return [
        click.Option(["--project"], metavar="DIR", callback=_project, help="The project's folder; shop: the example.",
                     **shared),
        click.Option(["-v", "--verbose"], is_flag=True, callback=_verbose, help="Every step of every run, and Prefect's "
                     "log.", **shared),
        click.Option(["-q", "--quiet"], is_flag=True, callback=_quiet, help="Errors only; the exit code says the rest.",
                     **shared),
        click.Option(["--debug"], is_flag=True, callback=_debug, help="The trace of every error as well.", **shared),
    ]  # fmt: skip


def with_everywhere(command: click.Command) -> click.Command:
    """The command, and those below it, with the options."""
    if not any(parameter.name == "verbose" for parameter in command.params):
        command.params = [*command.params, *everywhere(hidden=True)]
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_everywhere(below)
    return command


def verbose() -> bool:
    """Whether the running command was asked to tell everything."""
    return _told("verbose")


def quiet() -> bool:
    """Whether it was asked to tell nothing but errors."""
    return _told("quiet")


def debugging() -> bool:
    """Whether traces are wanted: HEADGATE_DEBUG, which --debug sets."""
    found, text = setting_of(DEBUG), os.environ.get(DEBUG)
    try:
        return bool(found and text and found[0].read(text))
    except ValueError:
        return True


def _told(what: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().meta.get(f"{_TOLD}.{what}"))


def _project(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        os.environ[PROJECT] = value


def _debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        os.environ[DEBUG] = "1"


def _verbose(context: click.Context, _: click.Parameter, value: bool) -> None:
    if not value:
        return
    context.find_root().meta[f"{_TOLD}.verbose"] = True
    # Prefect reads them when it is imported, which is later.
    os.environ |= {"PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}


def _quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    root = context.find_root()
    if not value or quiet():
        return
    root.meta[f"{_TOLD}.quiet"] = True
    root.call_on_close(hear_waits(lambda _: None))
    if not (root.obj and JSON in root.obj):
        nowhere = root.with_resource(Path(os.devnull).open("w"))  # noqa: SIM115
        root.with_resource(redirect_stdout(nowhere))
