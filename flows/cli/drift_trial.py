"""`headgate drift sensitivity|backtest`: what would be noticed, and what of the past would be told, before a suite is changed."""

from __future__ import annotations

# Nothing of weight at the top: `headgate drift score` shares this module and must start at once.
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expectations.drift.model import Sensitivity
    from expectations.record import WouldBeTold
    from tasks.backtest import Tried

COLORS = {"page": "red", "digest": "yellow", "learning": "blue", "pass": "green"}


@click.command()
@click.argument("which", metavar="TABLE|FOLDER")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sensitivity(which: str, as_json: bool) -> None:
    """From which change of each column on the next batch of TABLE would be told, by its kept profiles, and the rule to write
    where that is coarse. FOLDER: the same of the .csv and .csv.gz files in it.
    """
    from expectations.drift.words import NOTHING
    from flows.cli.console import print_json

    found = _of_folder(Path(which)) if Path(which).is_dir() else _of_table(which)
    if as_json:
        print_json([one.model_dump() for one in found])
        return
    if not found:
        click.echo(f"{which}: too few batches to know; after six of them it can be told")
        return
    column = ""
    for one in found:
        if (one.column or "table") != column:
            column = one.column or "table"
            click.secho(column, bold=True)
        told = f"told at the latest {one.told}"
        if one.told.startswith(NOTHING):
            told = f"no change of it is told{one.told.removeprefix(NOTHING)}"
        further = f" ({one.further:.0f} times as far, by an owner's answer)" if one.further else ""
        click.echo(f"  {one.figure}: usually {one.usual}, {told}{further}")
    _tell_quieter(which, found)
    rules = [one.rule for one in found if one.rule]
    if rules:
        click.echo("\nthat is coarse in places; rules that tell less, for the suite (look at their numbers first):")
        for rule in rules:
            click.echo(f"  {rule}")


def _tell_quieter(which: str, found: Sequence[WouldBeTold]) -> None:
    """How to take back what an owner said not to be interesting."""
    said = dict.fromkeys((one.column or "table", one.kind) for one in found if one.further)
    if said:
        changes = ", ".join(f"{column} {kind}" for column, kind in said)
        click.echo(f"\nquieter by answers: {changes}; as before again by:")
        click.echo(f'  headgate drift answer {which} interesting --reason "..."')


@click.command()
@click.argument("name", metavar="TABLE")
@click.option("--sensitivity", "tried", type=click.Choice(["low", "normal", "high"]),
              help="Try this instead of what the suite says.")  # fmt: skip
@click.option("--exit-code", "by_answers", is_flag=True,
              help="Exit with 1 where the owner's answers say otherwise: a false alarm is told, or a change isn't.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per batch.")
def backtest(name: str, tried: Sensitivity | None, by_answers: bool, as_json: bool) -> None:
    """What of TABLE's kept batches would be told today, each held against those before it, beside its owner's answers.

    Nothing is written: a changed suite, or --sensitivity, is tried before it is merged, with --exit-code in CI.
    """
    from flows.cli.settings import workbench
    from tasks import backtest as verb

    bench = workbench(silent=True, need="warehouse")
    table = bench.project.table(name)
    found = list(verb.backtest(bench, table, tried or bench.project.suite(table.table).drift.sensitivity))
    if as_json:
        from flows.cli.console import print_json

        print_json([_facts(one) for one in found])
    else:
        _tell(found)
    if by_answers and (_false(found) or _missed(found)):
        raise click.exceptions.Exit(1)


def _false(found: Sequence[Tried]) -> list[Tried]:
    return [one for one in found if one.answer == "not-interesting" and one.verdict.alerts]


def _missed(found: Sequence[Tried]) -> list[Tried]:
    return [one for one in found if one.answer in ("meant", "not-meant") and not one.verdict.alerts]


def _tell(found: Sequence[Tried]) -> None:
    for one in found:
        mark = click.style(one.verdict.verdict, fg=COLORS[one.verdict.verdict])
        click.echo(f"{one.label}  {mark}  {one.verdict.score:.2f}{f'  answered: {one.answer}' if one.answer else ''}")
        for alert in one.verdict.alerts[:1]:
            more = f" (and {len(one.verdict.alerts) - 1} more)" if len(one.verdict.alerts) > 1 else ""
            click.echo(f"    {alert.column or 'table'} · {alert.kind}: {alert.message}{more}")
    _sum_up(found)


def _sum_up(found: Sequence[Tried]) -> None:
    from deployments.quantities import plural

    told = [one for one in found if one.verdict.alerts]
    right = [one for one in told if one.answer in ("meant", "not-meant")]
    missed, false = _missed(found), _false(found)
    pages = sum(one.verdict.verdict == "page" for one in found)
    click.echo(
        f"{plural(len(found), 'batch')}: {len(told)} told, {pages} of them as a page; "
        f"by answers {len(right)} right, {len(false)} false, {len(told) - len(right) - len(false)} not answered"
    )
    if missed:
        click.echo(f"not told, though an owner called it a change: {', '.join(one.label for one in missed)}")


def _of_table(name: str) -> tuple[WouldBeTold, ...]:
    from flows.cli.settings import workbench
    from tasks.backtest import sensitivity_of

    bench = workbench(silent=True, need="warehouse")
    return sensitivity_of(bench, bench.project.table(name))


def _of_folder(folder: Path) -> tuple[WouldBeTold, ...]:
    from expectations.drift.noticed import noticed
    from expectations.drift.replay import batch_files, cache_folder, measured_file

    measured = [(path.name, measured_file(path, cache=cache_folder())) for path in batch_files(folder)]
    known = [(label, profile) for label, profile in measured if profile is not None]
    return noticed([profile for _, profile in known], [label for label, _ in known])


def _facts(one: Tried) -> dict[str, object]:
    return {
        "batch": one.label, "run": one.run_id, "verdict": one.verdict.verdict, "score": one.verdict.score,
        "answer": one.answer, "alerts": [alert.to_json() for alert in one.verdict.alerts],
    }  # fmt: skip
