"""`headgate reconcile`: published windows held against their source again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.quantities import plural
from flows.cli.console import Console, print_json, telling

if TYPE_CHECKING:
    from flows.reconciling import Reconciliation
    from tasks.reconcile.compare import Finding

WARNED, FAILED = 3, 1


@click.command()
@click.argument("table")
@click.option("--from", "start", metavar="DATE", default="", help="First window; default: the first published one.")
@click.option("--to", "end", metavar="DATE", default="", help="End of the last window (exclusive).")
@click.option("--repair", is_flag=True, help="Load windows that differ again, and compare them once more.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def reconcile(table: str, start: str, end: str, repair: bool, as_json: bool) -> None:
    """Hold the published rows of TABLE against its source: rows that came late, were lost, changed or doubled, by window.

    Both sides are read at one snapshot each; rows that aren't due yet are no difference. What is found is kept, and shown by
    plan, report and review. Exit codes: 0 nothing differs, 3 something does, 1 a window couldn't be loaded again.
    """
    from datetime import UTC, datetime

    from flows.cli.settings import workbench

    bench = workbench(silent=as_json, asked=[table])
    from flows.reconciling import Asked, run_reconcile

    name = bench.project.table(table).table
    asked = Asked(name, start, end, repair=repair)

    def told(found: Finding) -> None:
        if found.unknown or found.differs:
            _say(found)

    with telling(Console(brief=True, silent=as_json)):
        done, outcome = run_reconcile(bench, asked, datetime.now(UTC), None if as_json else told)
    if as_json:
        print_json(done.to_json())
    else:
        _close(done)
    failed = bool(done.failures or outcome.failures)
    raise click.exceptions.Exit(FAILED if failed else WARNED if done.differing else 0)


def _say(found: Finding) -> None:
    if found.unknown:
        click.echo(f"{found.label:<18} not compared: {found.unknown}")
        return
    rows = f"source {plural(found.source_rows, 'row')}, live {found.live_rows:,}"
    click.echo(f"{found.label:<18} " + click.style(str(found.difference), fg="yellow") + f"   ({rows})")
    for what, keys in found.difference.keys.items():
        for key in keys:
            click.echo(f"  {what:<9} " + ", ".join(f"{name}={value}" for name, value in key.items()))


def _close(done: Reconciliation) -> None:
    if not done.findings:
        click.echo(f"{done.table}: nothing is published that could be compared; next: headgate run {done.table}")
        return
    if done.repaired:
        for found in done.differing:
            click.echo("still differs:")
            _say(found)
    click.secho(f"{done.table}: {done.sentence()}", bold=True)
    for label, error in done.failures:
        click.secho(f"failed {done.table} {label} [{error.code}]", fg="red", bold=True, err=True)
        click.echo(f"  {error.message}", err=True)
        click.echo(f"  next: {error.next_command}", err=True)
    if done.differing and not done.repaired and not done.failures:
        click.echo(f"next: {done.next_command}")
