"""`headgate worker`: a Prefect worker that hands this folder's settings to the runs it starts."""

from __future__ import annotations

import os
import sys

import click

from flows.cli.deploy import NO_LOGIN, prefect_server


@click.command()
@click.option("--pool", default="headgate", show_default=True, metavar="NAME", help="The work pool to serve.")
@click.option("--name", help="The worker's name on Prefect's page; default: one that Prefect makes up.")
@click.option("--limit", type=click.IntRange(1, 64), default=4, show_default=True, help="Runs at the same time.")
@NO_LOGIN
def worker(pool: str, name: str | None, limit: int, no_login: bool) -> None:
    """Serve a process pool. Runs get the project, the state folder and the settings of `.env` from here.

    The same as `prefect worker start` with HEADGATE_PROJECT, HEADGATE_STATE and the rest in its environment.
    """
    from deployments.project import load_project
    from deployments.settings import environment_for_runs, read_settings
    from flows.cli import QUIET

    load_project(read_settings().project)
    prefect_server(no_login=no_login)
    os.environ.update(environment_for_runs())
    # Our other commands speak for themselves; a worker's log is what its supervisor keeps.
    for variable in ("PREFECT_LOGGING_LEVEL", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"):
        if os.environ.get(variable) == QUIET[variable]:
            del os.environ[variable]
    arguments = ["worker", "start", "--pool", pool, "--type", "process", "--limit", str(limit)]
    if name:
        arguments += ["--name", name]
    # The same process from here on: a supervisor's signals reach Prefect's worker itself. -P: nothing of the current folder
    # may be imported instead of a package.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "prefect", *arguments])  # noqa: S606
