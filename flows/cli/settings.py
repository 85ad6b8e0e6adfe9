"""The workbench of a command: settings and declarations read, names looked up, and only then the servers it needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from flows.cli.everywhere import quiet, verbose

if TYPE_CHECKING:
    from deployments.settings import Settings
    from tasks.workbench import Workbench

Need = Literal["warehouse", "flows"]
"""`warehouse`: it is only asked, no flow runs, no source is read. `flows`: everything, a Prefect server included."""


def workbench(*, silent: bool = False, need: Need = "flows", asked: Sequence[str] = ()) -> Workbench:
    """The process's workbench; says what is started on the way.

    DeclarationError before anything is started: a broken declaration, or a name among `asked` that nothing has.
    """
    from deployments.closed_folder import own_state
    from deployments.project import load_project
    from deployments.settings import read_settings
    from flows.selecting import selected

    settings = read_settings()
    project = load_project(settings.project)
    if asked:
        selected(project, asked)
    own_state(settings.state)
    from tasks.workbench import use, with_blocks

    return use(_started(with_blocks(settings, project), need, silent=silent), project)


def tell_shared_places(bench: Workbench) -> None:
    """Say so when somebody else writes to this stage or report, too."""
    from tasks.shared_places import shared_places

    for text in shared_places(bench):
        click.echo(click.style("note ", fg="yellow") + text, err=True)


def _started(settings: Settings, need: Need, *, silent: bool) -> Settings:
    if not settings.embedded and (need != "flows" or os.environ.get("PREFECT_API_URL")):
        return settings
    from deployments.embedded.defaults import prefect_address, started
    from deployments.embedded.stack import PARTS

    progress = None if silent else _say
    if settings.embedded:
        if need == "flows":
            return started(settings, progress, PARTS)
        return started(settings, progress, ("postgres",), sources=False)
    prefect_address(settings, progress)
    return settings


def _say(text: str) -> None:
    """What is being started; servers that run already are no news."""
    if verbose() or (": runs on" not in text and not quiet()):
        click.secho(f"  {text}", dim=True, err=True)
