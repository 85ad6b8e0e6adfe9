"""`headgate pause` and `resume`: tables that aren't loaded for a while, by somebody's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from tasks.workbench import Workbench

JSON = click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
ALL = click.option("--all", "everything", is_flag=True, help="Every table and summary.")
BY = click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@ALL
@click.option("--until", "expires", required=True, metavar="WHEN", help="2h, 1d, 2026-12-31, 2026-12-31T18:00 (UTC).")
@click.option("--reason", required=True, help="Why; told to whoever looks.")
@BY
@JSON
def pause(tables: tuple[str, ...], everything: bool, expires: str, reason: str, by: str | None, as_json: bool) -> None:
    """Don't load TABLE until WHEN: plan and run say so and leave it alone. What runs already goes on.

    One batch can still be loaded by hand: headgate retry, headgate publish.
    """
    from datetime import UTC, datetime

    from deployments.moments import until

    now = datetime.now(UTC)
    moment = until(expires, now, "--until")
    bench, meant = _meant(tables, everything)
    # Not before: Prefect reads its settings when it is imported.
    from flows import actions

    names, already = actions.pause(bench, meant, moment, by, reason)
    if as_json:
        print_json({"paused": names, "paused_already": already, "until": moment.isoformat()})
        return
    if names:
        click.echo(f"paused until {moment:%Y-%m-%d %H:%M} UTC: {', '.join(names)}")
    if already:
        click.echo(f"paused until then already: {', '.join(already)}; nothing was changed")
    click.echo(f"next: headgate resume {'--all' if everything else ' '.join([*names, *already])}")


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@ALL
@click.option("--reason", default="", help="Why; kept with the decision.")
@BY
@JSON
def resume(tables: tuple[str, ...], everything: bool, reason: str, by: str | None, as_json: bool) -> None:
    """End a pause: the next run loads what has become due meanwhile.

    A schedule that was switched off on the page of the server in PREFECT_API_URL is followed again.
    """
    bench, meant = _meant(tables, everything)
    # Not before: Prefect reads its settings when it is imported.
    from flows import actions
    from flows.deploy.switching import switch_on_where_deployed

    names, going_on = actions.resume(bench, meant, by, reason)
    switched = switch_on_where_deployed(meant)
    if as_json:
        print_json({"resumed": names, "not_paused": going_on, "schedules_switched_on": switched})
        return
    if names:
        click.echo(f"resumed: {', '.join(names)}")
    if going_on:
        told = "nothing was paused" if everything else f"not paused: {', '.join(going_on)}"
        click.echo(told + ("" if switched else "; nothing was changed"))
    if switched:
        click.echo(f"schedules switched on in Prefect: {', '.join(switched)}")
    click.echo("next: headgate plan")


def _meant(tables: tuple[str, ...], everything: bool) -> tuple[Workbench, list[str] | None]:
    """The tables and summaries by their full names; None: all of them."""
    from flows.cli.settings import workbench
    from flows.selecting import selected

    if bool(tables) == everything:
        raise click.UsageError("say which tables, or --all")
    bench = workbench(silent=True, need="warehouse", asked=tables)
    return bench, None if everything else selected(bench.project, tables)
