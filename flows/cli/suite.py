"""`headgate suite backtest`: what a suite's rules would say of past batches, before it is merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.suite_backtest import TriedRules

COLORS = {"stop": "red", "warn": "yellow", "pass": "green"}


@click.group()
def suite() -> None:
    """Try a table's rules."""


@suite.command()
@click.argument("name", metavar="TABLE")
@click.option(
    "--rule", "codes", multiple=True, metavar="CODE", help="Only this rule (repeatable). Default: the whole suite."
)
@click.option("--last", type=click.IntRange(1, 1_000), default=30, show_default=True,
              help="How many of the newest batches.")  # fmt: skip
@click.option("--exit-code", "by_answers", is_flag=True,
              help="Exit with 1 where people said otherwise: an alarm about a good batch, none about a bad one, a batch that "
              "can't be judged.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backtest(name: str, codes: tuple[str, ...], last: int, by_answers: bool, as_json: bool) -> None:
    """What TABLE's suite, as it is checked out, would say of its past batches: those that stand, with their rows in quarantine,
    and those that failed their checks, read from the source again.

    Nothing is written: a new or changed rule is tried before it is merged, with --exit-code in CI. Good are batches that were
    published although they failed, or whose drift an owner called meant or not interesting; bad those whose drift wasn't meant.
    """
    from flows.cli.settings import workbench
    from tasks.suite_backtest import backtest_rules, chosen_of, past_of

    bench = workbench(silent=True, need="warehouse")
    table = bench.project.table(name)
    chosen = chosen_of(bench, table, codes)
    found = list(backtest_rules(bench, table, chosen, past_of(bench, table, last)))
    if as_json:
        from flows.cli.console import print_json

        print_json(
            {"table": table.table, "not_tried": dict(chosen.left_out), "batches": [_facts(one) for one in found]}
        )
    else:
        _tell(found, chosen.left_out)
    if by_answers and any(_is_false(one) or _is_missed(one) or one.unknown for one in found):
        raise click.exceptions.Exit(1)


def _is_false(one: TriedRules) -> bool:
    return one.truth == "good" and bool(one.alarms)


def _is_missed(one: TriedRules) -> bool:
    return one.truth == "bad" and not one.alarms


def _tell(found: Sequence[TriedRules], left_out: Mapping[str, str]) -> None:
    from deployments.quantities import plural

    for one in found:
        of = "" if one.batch.stands else ", failed then"
        aside = f", {one.set_aside:,} of them set aside" if one.set_aside else ""
        said = f"  said to be {one.truth}" if one.truth else ""
        mark = click.style(one.say, fg=COLORS[one.say])
        click.echo(f"{one.batch.label}  {mark}  {plural(one.rows, 'row')}{aside}{of}{said}")
        for rule in one.alarms:
            click.echo(f"    {rule.code} ({rule.severity}): {rule.message}")
        if one.unknown:
            click.echo(f"    not judged: {one.unknown}")
    told = [one for one in found if one.alarms]
    false, missed = [one for one in found if _is_false(one)], [one for one in found if _is_missed(one)]
    right = sum(one.truth == "bad" for one in told)
    stopped = sum(one.say == "stop" for one in found)
    click.echo(
        f"{plural(len(found), 'batch')}: {len(told)} told, {stopped} of them stopped; "
        f"by answers {right} right, {len(false)} false, {len(told) - right - len(false)} not answered"
    )
    if missed:
        click.echo(f"not told, though an owner called it not meant: {', '.join(one.batch.label for one in missed)}")
    for code, why in left_out.items():
        click.echo(f"not tried: {code} ({why})")


def _facts(one: TriedRules) -> dict[str, object]:
    return {
        "batch": one.batch.label, "run": one.batch.run_id, "stands": one.batch.stands, "say": one.say, "rows": one.rows,
        "set_aside": one.set_aside, "answer": one.truth, "not_judged": one.unknown,
        "rules": [
            {"code": r.code, "severity": r.severity, "outcome": r.outcome, "rows_failed": r.rows_failed, "message": r.message}
            for r in one.rules
        ],
    }  # fmt: skip
