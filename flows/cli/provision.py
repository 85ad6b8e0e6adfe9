"""`headgate provision`: schemas, groups, membership and grants as declared."""

from __future__ import annotations

import click

from flows.cli.console import print_json


@click.command()
@click.option("--plan", "only_plan", is_flag=True, help="Show the difference and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the difference as JSON.")
def provision(only_plan: bool, as_json: bool) -> None:
    """Make schemas, groups and rights what warehouse.yaml and the tables' grants say; the difference is shown first.

    Safe to repeat. Users and their passwords are nobody's business here: a member that doesn't exist is told.
    Exit code 3 when something is left that only a person can do.
    """
    from dataclasses import asdict

    from deployments.errors import HeadgateError
    from deployments.quantities import plural
    from flows.cli.settings import workbench
    from tasks.provision import plan_provision
    from tasks.provision import provision as apply

    bench = workbench(silent=as_json, need="warehouse")
    found = plan_provision(bench)
    if not only_plan and any(item.sql is not None for item in found):
        if not as_json:
            click.echo("to be done, in one transaction:")
            _tell(found)
        try:
            apply(bench)
        except HeadgateError:
            click.echo("refused; what is left to do: headgate provision --plan", err=True)
            raise
        left = plan_provision(bench)
    else:
        left = [item for item in found if item.sql is None]
        if not as_json:
            _tell(found)
    if as_json:
        print_json({"difference": [asdict(item) for item in found], "left": [item.what for item in left]})
    elif not found:
        click.echo("the warehouse is as declared")
    elif only_plan:
        click.echo(f"{plural(len(found), 'difference')}; nothing was changed. next: headgate provision")
    else:
        click.echo(f"done; {len(left)} left" + (": " + "; ".join(item.what for item in left) if left else ""))
    raise click.exceptions.Exit(3 if left and not only_plan else 0)


def _tell(found) -> None:  # type: ignore[no-untyped-def]
    for item in found:
        mark = click.style("+ ", fg="green") if item.sql else click.style("! ", fg="yellow")
        click.echo(mark + item.what)
        if item.sql:
            click.secho(f"    {item.sql}", dim=True)
