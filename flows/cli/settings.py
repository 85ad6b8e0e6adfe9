"""The workbench of a command: settings read, the local stack up when no warehouse is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.settings import read_settings

if TYPE_CHECKING:
    from tasks.workbench import Workbench


def workbench(*, silent: bool = False) -> Workbench:
    """The process's workbench; says what is started on the way."""
    from deployments.project import load_project

    settings = read_settings()
    # A broken declaration is told before any server is started.
    project = load_project(settings.project)
    from tasks.workbench import use, with_blocks

    settings = with_blocks(settings, project)
    if settings.embedded:
        from deployments.embedded.defaults import started

        settings = started(settings, None if silent else _say)
    return use(settings, project)


def _say(text: str) -> None:
    """What is being started; servers that run already are no news."""
    if ": runs on" not in text:
        click.secho(f"  {text}", dim=True, err=True)
