"""`headgate init`: a project of one's own, with one example that runs at once."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from deployments.quantities import plural
from flows.cli.console import print_json


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the files as JSON.")
def init(folder: Path, as_json: bool) -> None:
    """Make a project in DIR, which must be empty or not there: declarations, settings, CI workflow, compose file."""
    from deployments.scaffold import make_project

    files = make_project(folder)
    if as_json:
        print_json({"folder": str(folder), "files": [file.relative_to(folder).as_posix() for file in files]})
        return
    click.secho(f"{folder}: a project of {plural(len(files), 'file')}", bold=True)
    for name, text in (
        ("tables/parcel.yaml", "a table: source, windows, contract, load"),
        ("suites/parcel.yaml", "its checks"),
        ("summaries/parcels_by_city.sql", "a summary made from it"),
        ("warehouse.yaml", "groups and what they may do"),
        (".env", "settings; git ignores it, .env.example shows them all"),
    ):
        click.echo(f"  {name:<32} {text}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    click.echo(f"next: {there}headgate check && headgate plan && headgate run all")
