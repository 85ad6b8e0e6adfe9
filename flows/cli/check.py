"""`headgate check`: every mistake in every declaration, at once and offline."""

from __future__ import annotations

import click

from flows.cli.console import print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the mistakes as JSON.")
def check(as_json: bool) -> None:
    """Check tables, suites, summaries and the names of connections; needs no server.

    Exit code 2 when anything is wrong.
    """
    from deployments.project import read_project
    from deployments.settings import read_settings
    from flows.checking import suite_problems, unset_connections

    settings = read_settings()
    project, problems = read_project(settings.project)
    problems = [*problems, *suite_problems(project)]
    missing = [] if settings.is_shop and settings.embedded else unset_connections(project, settings)
    if as_json:
        print_json({
            "project": str(project.folder), "tables": len(project.tables), "suites": len(project.suites),
            "summaries": len(project.summaries), "problems": [problem.to_json() for problem in problems],
            "connections_not_set": missing,
        })  # fmt: skip
    else:
        _print(project.folder, problems, missing, len(project.tables), len(project.suites), len(project.summaries))
    raise click.exceptions.Exit(2 if problems else 0)


def _print(folder, problems, missing, tables: int, suites: int, summaries: int) -> None:  # type: ignore[no-untyped-def]
    for problem in problems:
        click.echo(click.style("mistake ", fg="red") + str(problem), err=True)
    for name in missing:
        click.echo(click.style("note ", fg="yellow") + f"HEADGATE_CONNECTION_{name.upper()} is not set here")
    count = len(problems)
    said = "no mistakes" if not count else f"{count} mistake{'s' if count > 1 else ''}"
    click.echo(f"{folder}: {tables} tables, {suites} suites, {summaries} summaries: {said}")
