"""`headgate show`: the story of one run, or the newest runs."""

from __future__ import annotations

import click

from flows.cli.console import Console, print_json


@click.command()
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def show(run: str | None, as_json: bool) -> None:
    """The story of a run: steps, counts, checks, drift, failure and what to do. Without RUN: the newest runs."""
    from deployments.errors import DeclarationError
    from flows.cli.settings import workbench
    from tasks.warehouses import ops

    bench = workbench(silent=True)
    if run is None:
        found = ops.last_runs(bench.warehouse, limit=20)
        if as_json:
            print_json(found)
            return
        for item in found:
            click.echo(f"{item['run_id']!s:<48} {item['status']!s:<10} {item['started_at']:%Y-%m-%d %H:%M}"
                       f"  {item['published'] or 0:>9,} rows  {item['failure_code'] or ''}".rstrip())  # fmt: skip
        return
    record = ops.record(bench.warehouse, run)
    if record is None:
        raise DeclarationError(f"no run '{run}' is known", code="UNKNOWN-RUN", next_command="headgate show")
    if as_json:
        print_json(record.model_dump(mode="json", exclude={"profile"}))
        return
    console = Console()
    for step in record.steps:
        console.step(record, step)
    console.end(record)
    for rule in record.rules:
        click.echo(f"    {rule.outcome:<7} {rule.code:<20} {rule.sentence}")
    if record.failure is not None and record.failure.next_command:
        click.echo(f"  next: {record.failure.next_command}")
