"""`headgate quarantine replay|discard`: rows set aside go through the gate again, or are given up."""

from __future__ import annotations

import click

from flows.cli.console import Console, print_json, telling


@click.command()
@click.argument("table")
@click.option("--code", help="Only rows set aside for this reason.")
@click.option("--window", help="Only rows of this window (its label).")
@click.option("--no-dependents", is_flag=True, help="Don't rebuild the summaries that read the table.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def replay(table: str, code: str | None, window: str | None, no_dependents: bool, as_json: bool) -> None:
    """Check the open rows of TABLE again, by the contract and rules as they are now, and publish those that fit.

    For after a rule, the contract or the data was mended. Each row is published once, whatever happens on the way; rows
    that still fail stay set aside. Exit code 3 while rows stay set aside.
    """
    from flows.cli.settings import workbench

    bench = workbench(silent=as_json, asked=[table])
    from flows.replaying import waiting

    name = bench.project.table(table).table
    if not waiting(bench, name, window, code):
        if as_json:
            print_json({"table": name, "runs": [], "failures": []})
        else:
            click.echo(f"{name}: no row is open in quarantine")
        return
    from flows import actions
    from flows.run import without_heartbeat

    with without_heartbeat(), telling(Console(silent=as_json)):
        outcome = actions.replay(bench, name, window, code, with_dependents=not no_dependents)
    if as_json:
        print_json({
            "table": name, "runs": [record.model_dump(mode="json", exclude={"profile"}) for record in outcome.records],
            "failures": [f"{failed}: {error}" for failed, _, error in outcome.failures],
        })  # fmt: skip
    raise click.exceptions.Exit(outcome.exit_code)


@click.command()
@click.argument("table")
@click.option("--code", required=True, help="The reason of the rows to give up.")
@click.option("--window", help="Only rows of this window (its label).")
@click.option("--reason", required=True, help="Why; kept with the decision.")
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def discard(table: str, code: str, window: str | None, reason: str, by: str | None, as_json: bool) -> None:
    """Give up the open rows of TABLE with this reason: they are no longer counted as open, and deleted when old."""
    from flows.cli.settings import workbench

    bench = workbench(silent=True, need="warehouse", asked=[table])
    from deployments.quantities import plural
    from tasks.discard import discard_rows

    name = bench.project.table(table).table
    count = discard_rows(bench, name, code, window, reason, by)
    if as_json:
        print_json({"table": name, "code": code, "discarded": count})
    elif count:
        click.echo(f"{name}: {plural(count, 'row')} with {code} discarded")
    else:
        click.echo(f"{name}: no row with {code} is open; headgate quarantine list shows the reasons")
