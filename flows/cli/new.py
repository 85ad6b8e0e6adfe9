"""`headgate new`: the two files of a table, drafted from real records and proven on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deployments.quantities import plural
from flows.cli.console import print_json
from flows.cli.source_options import source_options, wanted_from

if TYPE_CHECKING:
    from pathlib import Path

    from deployments.settings import Settings
    from flows.drafting import Draft
    from flows.drafting_many import Drafted
    from flows.looking import Looked, Wanted

ROWS = 200_000


@click.command()
@click.argument("name", metavar="[TABLE]", required=False)
@click.option("--source", required=True, metavar="SOURCE", help="As for peek: a file, an address, connection:NAME.")
@source_options
@click.option(
    "--tables", "pattern", metavar="PATTERN", help="Of a database: draft all tables it names, such as 'public.*'."
)
@click.option(
    "--cursor", metavar="COLUMN", help="Of a database: the column that says what is new; cuts it into windows."
)
@click.option("--owner", help="Who answers for the data.")
@click.option("--rows", default=ROWS, show_default=True, type=click.IntRange(0), help="Records to read; 0: all.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def new(
    name: str | None, source: str, pattern: str | None, cursor: str | None, owner: str | None, rows: int, force: bool,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Draft tables/TABLE.yaml and suites/TABLE.yaml from real records of SOURCE; with --tables, of many tables at once.

    The draft passes `headgate check` and can be run at once; lines with DECIDE wait for a person. Of values it holds
    nothing but spellings of "no value" and sets of few categories.
    """
    from deployments.errors import DeclarationError
    from deployments.project import read_project
    from deployments.settings import read_settings
    from flows.drafting import draft, full_name, target_files, write_draft
    from flows.looking import look

    settings = read_settings()
    if settings.is_shop:
        raise DeclarationError(
            "there is no project of your own here: nothing is drafted into the example that is shipped",
            code="NO-PROJECT", next_command="headgate init DIR && cd DIR",
        )  # fmt: skip
    if (name is None) == (pattern is None):
        raise click.UsageError("say either TABLE, or --tables PATTERN for many tables of a database")
    if pattern is not None:
        if given["query"] or given["of_table"] or given["window"]:
            raise click.UsageError("--tables drafts whole tables: without --query, --table and --window")
        raise click.exceptions.Exit(
            _many(settings, wanted_from(source, rows, given), pattern, owner, cursor, force, as_json)
        )
    assert name is not None
    table = full_name(read_project(settings.project)[0], name)
    files = target_files(settings.project, table, force=force)
    wanted = wanted_from(source, rows, given)
    with look(settings, wanted, table) as looked:
        made = draft(looked, wanted, table, owner, cursor)
        write_draft(made, files)
        if as_json:
            print_json(_facts(made, looked, files))
        else:
            _tell(made, looked, files, settings.project)


def _many(
    settings: Settings, wanted: Wanted, pattern: str, owner: str | None, cursor: str | None, force: bool, as_json: bool
) -> int:
    """Draft every table of a pattern; the exit code: 1 where one couldn't be drafted."""
    from deployments.quantities import plural
    from flows.drafting_many import draft_many

    done = []
    for item in draft_many(settings, wanted, pattern, owner, cursor, force=force):
        done.append(item)
        if not as_json:
            _tell_one(item)
    failed = [item for item in done if item.error is not None]
    drafted = [item for item in done if item.draft is not None]
    if as_json:
        print_json({
            "drafted": [{"source": item.source_table, "table": item.table, "files": [str(file) for file in item.files],
                         "records": item.draft.rows, "to_decide": item.draft.to_decide} for item in drafted if item.draft],
            "there_already": [item.table for item in done if item.draft is None and item.error is None],
            "failed": [{"source": item.source_table, "table": item.table, "error": item.error.to_json() | {"facts": None}}
                       for item in failed if item.error],
        })  # fmt: skip
    else:
        there = len(done) - len(drafted) - len(failed)
        said = [f"{plural(len(drafted), 'table')} drafted"]
        said += [f"{there} there already"] if there else []
        said += [f"{len(failed)} couldn't be drafted"] if failed else []
        click.secho(", ".join(said), bold=True)
        if drafted:
            click.echo("next: look for DECIDE in the files; headgate check && headgate plan")
    return 1 if failed else 0


def _tell_one(item: Drafted) -> None:
    if item.error is not None:
        click.echo(
            click.style("failed ", fg="red") + f"{item.source_table}: {item.error.message.splitlines()[0]}", err=True
        )
        click.echo(f"  next: {item.error.next_command}", err=True)
    elif item.draft is None:
        click.echo(f"{item.source_table:<36} is there already: {item.table} (--force writes it again)")
    else:
        fit = item.draft.rows - item.draft.set_aside.total()
        said = f"{fit:,} of {plural(item.draft.rows, 'record')} fit, {item.draft.to_decide} to decide"
        click.echo(f"{item.source_table:<36} tables/{item.files[0].name}: {said}")


def _tell(made: Draft, looked: Looked, files: tuple[Path, Path], project: Path) -> None:
    from deployments.quantities import plural

    sample = looked.sample
    for file, what in zip(files, ("source, contract, load", "starter rules"), strict=True):
        click.secho(f"{file.relative_to(project)}", bold=True, nl=False)
        click.echo(f"   {what}")
    for text in looked.found_out:
        click.echo(f"  found out: {text}")
    bad = made.set_aside.total()
    read = "all" if sample.whole else "those read"
    if sample.looked_for > 1:
        what = "object" if looked.source.has_objects else "window"
        read += f", {plural(sample.looked_for - sample.absent, what)} from"
    else:
        read += " of"
    click.echo(f"  {made.rows - bad:,} of {plural(made.rows, 'record')} fit the draft ({read} {sample.where})")
    for (code, column), count in made.set_aside.most_common():
        click.secho(f"    {count:,} would be set aside: {code}" + (f" ({column})" if column else ""), fg="yellow")
    click.echo(f"  {plural(made.to_decide, 'line')} to decide: look for DECIDE in both files")
    for text in _hints(made, looked):
        click.echo(f"  {text}")
    run = f"headgate run {made.table}" + (f" --window {made.window}" if made.window else "")
    click.echo(f"  next: headgate check && {run}")


def _hints(made: Draft, looked: Looked) -> list[str]:
    from expectations.draft.loading import cursor_hint
    from expectations.draft.table_text import dated_address

    if not looked.windows and (dated := dated_address(looked.source)) is not None:
        url, day = dated
        return ["the address holds a date: to load such files day by day,",
                f"  headgate new {made.table} --source '{_source(looked, url)}' --window {day} --force"]  # fmt: skip
    if (looked.source.address or "").endswith("/") and not (looked.windows or looked.source.has_objects):
        return ["all files below the address are one batch; to load each that comes once, as a batch of its own:",
                "  source.objects: each, and load.mode: append or merge   (docs/load-from-a-bucket.md)"]  # fmt: skip
    if looked.source.is_database and looked.source.cut_by is None and "cursor:" not in made.table_text:
        column = cursor_hint(looked.proposal)
        if column is not None:
            return [f"loads everything each time; to load what is new only: --cursor {column} --force"]
    return []


def _source(looked: Looked, url: str) -> str:
    return f"connection:{looked.source.connection}{url}" if looked.source.connection else url


def _facts(made: Draft, looked: Looked, files: tuple[Path, Path]) -> dict[str, object]:
    return {
        "table": made.table, "files": [str(file) for file in files], "records": made.rows, "whole": looked.sample.whole,
        "set_aside": [{"code": code, "column": column, "records": count}
                      for (code, column), count in made.set_aside.most_common()],
        "to_decide": made.to_decide, "window": made.window, "hints": _hints(made, looked),
    }  # fmt: skip
