"""`headgate repair`: books that are behind the proofs, and a live table that somebody has dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from tasks.workbench import Workbench


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@click.option("--plan", "only_plan", is_flag=True, help="Show what is missing and change nothing.")
@click.option("--lost", is_flag=True, help="TABLE was dropped for good: note it, so that run loads everything again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def repair(tables: tuple[str, ...], only_plan: bool, lost: bool, as_json: bool) -> None:
    """Enter into ops.ledger and ops.run what the proofs know and a killed process couldn't write any more.

    Every run does this for its table by itself. Without TABLE: all tables and summaries.
    """
    from deployments.quantities import plural
    from flows.books import repair as enter
    from flows.cli.settings import workbench
    from tasks.books import gaps
    from tasks.warehouses import ops
    from tasks.warehouses.names import TableName

    if lost and (len(tables) != 1 or only_plan):
        raise click.UsageError("--lost is for one table that was dropped, and without --plan")
    bench: Workbench = workbench(silent=as_json)
    project = bench.project
    names = [project.full_name(name) for name in tables] or [*project.tables, *project.summaries]
    dropped = _note_lost(bench, names[0]) if lost else []
    found = [gap for name in names for gap in gaps(bench.warehouse, TableName.parse(name))]
    if not only_plan and found:
        ops.prepare(bench.warehouse, [])
        enter(bench, found)
    if as_json:
        print_json({"lost": dropped, "repaired": not only_plan, "gaps": [
            {"table": str(gap.target), "run": gap.proof.run_id, "kind": gap.proof.kind, "sequence": gap.proof.sequence,
             "in_ledger": gap.in_ledger, "in_runs": gap.in_runs} for gap in found
        ]})  # fmt: skip
        return
    # Of a table that is lost all publishes are entered anew: their number says as much.
    for gap in [] if dropped else found:
        click.echo(str(gap))
    if dropped:
        click.echo(f"{names[0]}: {plural(len(dropped), 'publish')} noted as lost; next: headgate run {names[0]}")
    elif not found:
        click.echo("the books are in order")
    else:
        click.echo(f"{len(found)} to enter; next: headgate repair" if only_plan else f"{len(found)} entered")


def _note_lost(bench: Workbench, name: str) -> list[str]:
    from flows.story import new_run_id
    from tasks.batch import new_attempt
    from tasks.warehouses import clock
    from tasks.warehouses.names import TableName
    from tasks.warehouses.undo import note_lost

    attempt = new_attempt(clock.now(bench.warehouse))
    return [proof.run_id for proof in
            note_lost(bench.warehouse, TableName.parse(name), new_run_id(name, "lost"), attempt)]  # fmt: skip
