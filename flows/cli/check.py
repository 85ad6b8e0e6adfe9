"""`headgate check`: every mistake in every declaration, at once and offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from deployments.declarations.problems import Problem
    from deployments.project import Project
    from deployments.settings import Settings


@click.command()
@click.option("--connect", is_flag=True, help="Try Prefect, warehouse, rights, stage, a load of one row, and sources.")
@click.option("--live", is_flag=True, help="Compare the contracts with the tables of the warehouse and the sources.")
@click.option("--json", "as_json", is_flag=True, help="Print the mistakes as JSON.")
def check(connect: bool, live: bool, as_json: bool) -> None:
    """Check tables, suites, summaries and the names of connections; needs no server.

    Exit code 2 when anything is declared wrong, 1 when something that --connect or --live tried failed.
    """
    from deployments.project import read_project
    from deployments.settings import read_settings
    from flows import checking

    settings = read_settings()
    project, problems = read_project(settings.project)
    wrong, doubtful = _of_sql(project, settings) if project.summaries else ([], [])
    problems = [
        *problems, *wrong, *checking.suite_problems(project), *checking.case_problems(project),
        *checking.connection_problems(project, settings), *checking.warehouse_problems(project, settings),
        *checking.channel_problems(settings), *checking.key_problems(project, settings),
    ]  # fmt: skip
    shop = settings.is_shop and settings.embedded
    notes = {
        "connections_not_set": [] if shop else checking.unset_connections(project, settings),
        "channels_not_set": checking.unset_channels(project, settings),
        "tables_without_suite": checking.without_suite(project),
        "not_read": checking.unread(project),
        "declared_logins": checking.declared_logins(project),
        "sql": doubtful,
        "breaks": _breaks(project) if wrong else [],
        "in_the_clear": checking.in_the_clear(settings),
        "from_environment": project.variables,
    }
    if (connect or live) and not problems:
        from flows.cli.connect import try_out

        if not as_json:
            _tell({"in_the_clear": notes["in_the_clear"]})
        raise click.exceptions.Exit(try_out(connect=connect, live=live, as_json=as_json))
    if as_json:
        print_json({
            "project": str(project.folder), "tables": len(project.tables), "suites": len(project.suites),
            "summaries": len(project.summaries), "problems": [problem.to_json() for problem in problems],
            **notes,
        })  # fmt: skip
    else:
        _print(project, problems, notes)
    raise click.exceptions.Exit(2 if problems else 0)


def _of_sql(project: Project, settings: Settings) -> tuple[list[Problem], list[str]]:
    # Imported here: resolving columns takes longer than all declarations of a project without summaries.
    from flows.reading_sql import sql_faults

    return sql_faults(project, settings)


def _breaks(project: Project) -> list[str]:
    """What columns feed that SQL names and no declaration has: they may have been there until now."""
    from flows.what_breaks import missing_columns

    return [line for item in missing_columns(project) for line in item.lines(project)]


_NOTES: dict[str, Callable[[str], str]] = {
    "connections_not_set": lambda name: f"HEADGATE_CONNECTION_{name.upper()} is not set here",
    "channels_not_set": lambda name: f"oncall.yaml: HEADGATE_NOTIFY_{name.upper()} is not set here",
    "tables_without_suite": lambda name: f"{name} has no suite: only its contract and drift are checked",
    "not_read": str,
    "declared_logins": str,
    "sql": str,
    "breaks": str,
    "in_the_clear": str,
    "from_environment": lambda name: f"{name} of the environment is read by declarations: workers need it, too",
}


def _print(project: Project, problems: Sequence[Problem], notes: Mapping[str, Sequence[str]]) -> None:
    for problem in problems:
        click.echo(click.style("mistake ", fg="red") + str(problem), err=True)
    from deployments.quantities import plural

    _tell(notes)
    summaries = len(project.summaries)
    counts = [plural(len(project.tables), "table"), plural(len(project.suites), "suite")]
    counts.append(f"{summaries} summar{'y' if summaries == 1 else 'ies'}")
    said = plural(len(problems), "mistake") if problems else "no mistakes"
    click.echo(f"{project.folder}: {', '.join(counts)}: {said}")


def _tell(notes: Mapping[str, Sequence[str]]) -> None:
    for kind, found in notes.items():
        for item in found:
            click.echo(click.style("note ", fg="yellow") + _NOTES[kind](item))
