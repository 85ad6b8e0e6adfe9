"""`headgate summary`: drafts, cases, and an analyst's rehearsal on real data that nobody sees and that leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployments.quantities import plural
from flows.cli.console import print_json

if TYPE_CHECKING:
    from deployments.declarations.summary import Summary
    from deployments.project import Project
    from deployments.settings import Settings
    from deployments.windows import Window
    from tasks.summary_cases import Outcome
    from tasks.trial import Compared, Trial

_WIDE = 28
DAYS = 7


@click.group()
def summary() -> None:
    """Summaries, for those who write them."""


@summary.command("try")
@click.argument("file", metavar="FILE")
@click.option(
    "--window", metavar="LABEL", help="Of a summary built by windows: which one; default: the newest that is over."
)
@click.option("--into", type=click.Choice(["adhoc"]), help="Keep what was built in the schema adhoc, for you to read.")
@click.option("--days", type=click.IntRange(1, 90), help="With --into: for so many days; default: 7.")
@click.option(
    "--for", "reader", metavar="NAME", help="With --into: the login or group that may read it; default: your user name."
)
@click.option("--json", "as_json", is_flag=True, help="Print counts, checks and columns as JSON, without any row.")
def try_(
    file: str, window: str | None, into: str | None, days: int | None, reader: str | None, as_json: bool
) -> None:  # fmt: skip
    """Build the summary of FILE (a .sql file, or the name of a declared summary) for real, and publish nothing.

    Checks its inputs, runs the SELECT on the warehouse into a table that nobody else may read, checks the result,
    shows its first rows, what it costs, and what would change in the live table, key by key; then everything is gone, but
    for what --into keeps (columns of pii aren't in it). headgate clean and every run remove that when its days are over.
    Exit code 1: it would not have been published.
    """
    from flows.cli import settings

    if into is None and (days is not None or reader is not None):
        raise click.UsageError("--days and --for belong to --into adhoc: without it nothing is kept")
    bench = settings.workbench(silent=as_json)
    # Imported here: Prefect takes 1.7 s, which a mistyped name should not cost.
    from tasks.workbench import use

    wanted, project = declared(bench.project, file)
    notes = doubts(wanted, project, file, bench.settings)
    from tasks.trial import Keep, try_summary

    keep = None if into is None else Keep(days or DAYS, reader)
    trial = try_summary(use(bench.settings, project), wanted, _window(wanted, window), keep)
    refused = trial.failed or (trial.would_be_refused and not wanted.allow_empty)
    if as_json:
        print_json(_facts(trial, refused=refused) | {"notes": notes})
    else:
        for note in notes:
            click.echo(click.style("note ", fg="yellow") + note)
        _tell(trial, file, refused=refused)
    raise click.exceptions.Exit(1 if refused else 0)


@summary.command("new")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", help="Who answers for the figures.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def new(file: Path, owner: str | None, force: bool, as_json: bool) -> None:
    """Draft summaries/NAME.sql from the SELECT in FILE: its inputs, its columns with their types, its key.

    The SELECT runs once on the warehouse, to see how long texts are and which columns are never empty. The draft passes
    `headgate check`; lines with DECIDE wait for a person. A header that FILE has is kept, and gets its columns.
    """
    from deployments.errors import DeclarationError
    from flows.cli import settings

    bench = settings.workbench(silent=as_json, need="warehouse")
    from flows.summary_drafting import draft_summary

    if bench.settings.is_shop:
        raise DeclarationError(
            "there is no project of your own here: nothing is drafted into the example that is shipped",
            code="NO-PROJECT", next_command="headgate init DIR && cd DIR",
        )  # fmt: skip
    written = bench.settings.project / "summaries" / file.name
    if written.exists() and not written.samefile(file) and not force:
        raise DeclarationError(
            f"{written} is there already; nothing was written", code="DRAFT-EXISTS",
            next_command=f"headgate summary new {file} --force",
        )  # fmt: skip
    made = draft_summary(bench, file, owner)
    written.parent.mkdir(exist_ok=True)
    written.write_text(made.text, encoding="utf-8")
    if as_json:
        print_json({"target": made.target, "file": str(written), "rows": made.rows, "to_decide": made.to_decide})
        return
    click.echo(
        f"{written}: drafted from {plural(made.rows, 'row')} that the SELECT gives now; {made.to_decide} lines to decide"
    )
    click.echo(f"next: look at it; then: headgate check && headgate summary try {written}")


@summary.command("test")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome of each case as JSON.")
def test(name: str | None, as_json: bool) -> None:
    """Run the cases of the summary NAME, or of all: small inputs and the rows that must come of them.

    They stand in summaries/NAME.test.yaml, their rows there or in CSV files beside it. The SELECT runs on the warehouse, over
    tables of the case that are gone afterwards; no live table is read. Exit code 1: other rows came out.
    """
    from deployments.declarations.problems import Problem, fail_on
    from deployments.declarations.summary_cases import read_cases
    from flows.cli import settings

    bench = settings.workbench(silent=as_json, need="warehouse")
    from tasks.summary_cases import run_case

    wanted = [bench.project.summary(name)] if name else list(bench.project.summaries.values())
    problems: list[Problem] = []
    cases = [(item, case) for item in wanted for case in read_cases(bench.project.files[item.target], problems)]
    fail_on(problems)
    if not cases:
        where = (
            bench.project.files[wanted[0].target].with_suffix(".test.yaml") if wanted else "summaries/NAME.test.yaml"
        )
        raise click.UsageError(f"there are no cases; they stand in {where} (docs/add-a-summary.md)")
    outcomes = []
    for item, case in cases:
        outcomes.append(run_case(bench, item, case))
        if not as_json:
            _tell_case(outcomes[-1])
    failed = sum(not outcome.ok for outcome in outcomes)
    if as_json:
        print_json({"cases": [{**asdict(outcome), "ok": outcome.ok} for outcome in outcomes], "failed": failed})
    else:
        click.echo(f"{failed} of {len(outcomes)} failed" if failed else f"{len(outcomes)} passed")
    raise click.exceptions.Exit(1 if failed else 0)


def _tell_case(outcome: Outcome) -> None:
    mark = click.style("ok     ", fg="green") if outcome.ok else click.style("FAILED ", fg="red", bold=True)
    click.echo(f"{mark} {outcome.summary}: {outcome.case}")
    for words, found in (
        ("expected, and didn't come out", outcome.missing),
        ("came out, and wasn't expected", outcome.unexpected),
    ):
        for row in found:
            values = ", ".join(f"{name}: {_cell(value)}" for name, value in zip(outcome.columns, row, strict=True))
            click.echo(f"        {words}: {values}")


def _window(wanted: Summary, label: str | None) -> Window | None:
    from datetime import UTC, datetime

    from flows.builds import window_of
    from flows.choosing import no_such_window

    if wanted.grid is None:
        if label is not None:
            raise no_such_window(wanted.target, "it is built as a whole, without windows")
        return None
    if label is not None:
        return window_of(wanted, label)
    over = list(wanted.grid.due(datetime.now(UTC)))
    if not over:
        raise no_such_window(wanted.target, "none of its windows is over yet")
    return over[-1]


def declared(project: Project, file: str) -> tuple[Summary, Project]:
    """The summary of a file, and the project with it; DeclarationError with every mistake of the file."""
    from deployments.declarations.folder import Place, told_at
    from deployments.declarations.metrics import with_metrics
    from deployments.declarations.problems import Problem, fail_on
    from deployments.declarations.project_rules import Declared, project_faults
    from deployments.declarations.summary import read_summary
    from deployments.declarations.summary_rules import summary_faults

    path = Path(file)
    if not path.is_file() and path.suffix != ".sql":
        return project.summary(file), project
    if not path.is_file():
        raise click.BadParameter(f"{file} isn't there", param_hint="FILE")
    problems: list[Problem] = []
    found = read_summary(path, problems)
    fail_on(problems)
    assert found is not None
    assert found.summary is not None
    made = with_metrics(found.summary, project.metrics)
    project = replace(project, summaries={**project.summaries, made.target: made})
    whole = Declared(project.tables, {**project.summaries, made.target: found.summary},
                     {*project.tables, *project.summaries}, project.provisioning, project.metrics)  # fmt: skip
    faults = [fault for name, fault in project_faults(whole) if name == made.target]
    place = Place(path, found.header, found.header_line, sql=found.where)
    fail_on([told_at(place, fault) for fault in (*summary_faults(made, found.select), *faults)])
    return made, project


def doubts(wanted: Summary, project: Project, file: str, settings: Settings) -> list[str]:
    """What may not be meant in the SQL; DeclarationError where it is wrong."""
    from deployments.declarations.folder import Place
    from deployments.declarations.problems import fail_on
    from deployments.declarations.summary import read_summary
    from flows.reading_sql import faults_of, known_tables

    path = Path(file) if Path(file).is_file() else project.files[wanted.target]
    content = read_summary(path, [])
    assert content is not None
    place = Place(path, content.header, content.header_line, sql=content.where)
    wrong, notes = faults_of(wanted, place, known_tables(project), settings)
    fail_on(wrong)
    return notes


def _tell(trial: Trial, file: str, *, refused: bool) -> None:

    click.secho(trial.target, bold=True)
    for table, count in trial.input_rows.items():
        click.echo(f"  reads {table}: {plural(count, 'row')}")
    for rule in trial.rules:
        good = rule.outcome == "pass"
        mark = click.style(
            "ok" if good else rule.severity, fg="green" if good else "red" if rule.severity == "critical" else "yellow"
        )
        click.echo(
            f"  {mark} {rule.code} ({'input' if rule.place == 'input' else 'result'}): {rule.sentence if good else rule.message}"
        )
    if trial.rows is not None:
        click.echo(f"  result: {plural(trial.rows, 'row')}, {plural(len(trial.columns), 'column')}")
        assert trial.compared is not None
        for line in (*_costs(trial), *_differences(trial.rows, trial.compared), *_keys(trial)):
            click.echo(f"  {line}")
        _table(trial)
    left = "nothing is left"
    if trial.kept is not None:
        left = f"{trial.kept.table} is left, until {trial.kept.moment}"
        click.echo(f"look at it: SELECT * FROM {trial.kept.table}")
    if not refused:
        click.echo(f"nothing was published and {left}; next: headgate check && headgate run {trial.target}")
        return
    if not trial.failed:
        click.secho("  an empty result doesn't replace rows, unless the header says allow_empty: true", fg="red")
    click.echo(f"a run would have published nothing; {left}; next: mend it; then: headgate summary try {file}")


def _costs(trial: Trial) -> Iterator[str]:
    """What the SELECT took, and what the server says of it."""

    yield f"built in {trial.seconds or 0:.1f} s"
    cost = trial.cost
    if cost is None:
        return
    yield (
        f"the warehouse expected {plural(cost.rows, 'row')}; {cost.share:.0%} of the work is {cost.step}, "
        f"some {plural(cost.step_rows, 'row')}"
    )
    yield from cost.sent


def _keys(trial: Trial) -> Iterator[str]:
    found = trial.by_key
    if found is None or not (found.added or found.gone or found.changed):
        return
    columns = ", ".join(f"{name} in {count:,}" for name, count in found.columns.items())
    yield f"by key: {found.added:,} new, {found.gone:,} gone, {found.changed:,} with other values" + (
        f" ({columns})" if columns else ""
    )
    yield from (f"  {line}" for line in found.examples)


def _differences(count: int, compared: Compared) -> list[str]:

    if compared.live_rows is None:
        return ["there is no live table yet"]
    told = [f"the live table has {plural(compared.live_rows, 'row')} ({count - compared.live_rows:+,})"]
    for what, columns in (("new", compared.added), ("gone", compared.removed), ("of another type", compared.retyped)):
        if columns:
            told.append(f"columns {what}: {', '.join(columns)}")
    if compared.only_new == compared.only_live == 0:
        told.append("its rows are those of the live table")
    elif compared.only_new is not None:
        told.append(
            f"rows that aren't in the live table: {compared.only_new:,}; rows of it that would go: {compared.only_live:,}"
        )
    return told


def _table(trial: Trial) -> None:
    """The first rows, in columns as wide as they need to be."""
    cells = [[column.name for column in trial.columns], *([_cell(value) for value in row] for row in trial.first)]
    widths = [min(_WIDE, max(len(line[i]) for line in cells)) for i in range(len(trial.columns))]
    click.echo()
    for number, line in enumerate(cells):
        text = "  ".join(f"{cell[:width]:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(f"  {click.style(text, bold=True) if number == 0 else text}")
    click.echo()


def _cell(value: object) -> str:
    return "(null)" if value is None else str(value).replace("\n", " ")


def _facts(trial: Trial, *, refused: bool) -> dict[str, object]:
    return {
        "target": trial.target, "would_publish": not refused, "input_rows": trial.input_rows, "rows": trial.rows,
        "rules": [rule.model_dump(mode="json") for rule in trial.rules],
        "columns": [{"name": column.name, "type": column.type} for column in trial.columns],
        "compared": None if trial.compared is None else asdict(trial.compared),
        "by_key": None if trial.by_key is None else {k: v for k, v in asdict(trial.by_key).items() if k != "examples"},
        "kept": None if trial.kept is None else {"table": trial.kept.table, "until": trial.kept.moment},
        "cost": None if trial.cost is None else asdict(trial.cost), "seconds": trial.seconds,
    }  # fmt: skip
