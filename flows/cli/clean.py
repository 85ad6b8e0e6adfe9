"""`headgate clean`: what dead runs left behind, and what is kept no longer."""

from __future__ import annotations

from dataclasses import asdict

import click

from flows.cli.console import print_json


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would go and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def clean(tables: tuple[str, ...], only_plan: bool, as_json: bool) -> None:
    """Remove candidates, staged parts and spool of runs that were killed, quarantined rows that are too old, and trials in
    `adhoc` whose days are over.

    Every run does this for its table by itself. What a failed run left stays for HEADGATE_KEEP_DAYS (7), quarantined rows
    for HEADGATE_QUARANTINE_DAYS (90), details of runs for good unless HEADGATE_HISTORY_DAYS is set.
    """
    from flows.cli.settings import workbench
    from flows.selecting import selected
    from tasks.leftovers import find_leftovers, remove, trials_kept
    from tasks.warehouses import clock

    bench = workbench(silent=as_json, need="warehouse", asked=tables)
    now = clock.now(bench.warehouse)
    targets = selected(bench.project, tables)
    found = list(find_leftovers(bench, targets, now))
    for leftover in found:
        if not only_plan:
            remove(bench, leftover, now)
        if not as_json:
            click.echo(f"{leftover.kind:<11} {leftover.name}   ({leftover.why})")
    staying = [item for item in trials_kept(bench) if item.until > now]
    if as_json:
        print_json({"leftovers": [asdict(item) for item in found], "removed": not only_plan,
                    "adhoc": [{"table": item.table, "until": item.moment} for item in staying]})  # fmt: skip
        return
    for item in staying if only_plan else ():
        click.echo(f"{'stays':<11} {item.table}   (a trial, until {item.moment})")
    if not found:
        click.echo("nothing to remove")
    else:
        click.echo(f"{len(found)} would go; next: headgate clean" if only_plan else f"{len(found)} removed")
