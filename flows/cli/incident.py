"""`headgate incident`: what is open, and the answers to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from tasks.incidents.model import Incident
    from tasks.incidents.settle import Answer, Which
    from tasks.workbench import Workbench

COLORS = {"critical": "red", "major": "yellow", "minor": "white"}
_BY = click.option("--by", help="Who says so; default: HEADGATE_USER, else your login.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_WHICH = click.argument("which", nargs=-1, metavar="[INCIDENT...]")
_ALL = click.option("--all", "everything", is_flag=True, help="Every incident that is open.")


@click.group()
def incident() -> None:
    """What is wrong now and who has it.

    INCIDENT is an id from a notice (one about several names them all), or a table that has one incident open.
    """


@incident.command("list")
@click.option("--all", "everything", is_flag=True, help="Those of the last 30 days that are over as well.")
@_JSON
def listing(everything: bool, as_json: bool) -> None:
    """Open incidents, the worst first. While the warehouse is down: those this machine knows."""
    from tasks.incidents import store
    from tasks.incidents.model import ORDER

    bench = _bench()
    found = [item for item in store.incidents(bench, datetime.now(UTC)) if everything or item.active]
    found.sort(key=lambda item: (not item.active, ORDER.index(item.trouble.severity), item.opened_at))
    if as_json:
        print_json([item.model_dump(mode="json") for item in found])
        return
    for item in found:
        _line(bench, item)
    if not found:
        click.echo("No incident is open.")


@incident.command()
@_WHICH
@_ALL
@_BY
@_JSON
def ack(which: tuple[str, ...], everything: bool, by: str | None, as_json: bool) -> None:
    """I have it: nobody else is called, and it is repeated once a day only."""
    from tasks.incidents.answers import acknowledge

    _answer(_meant(which, everything), as_json, acknowledge, by)


@incident.command()
@_WHICH
@_ALL
@click.option("--until", required=True, metavar="WHEN", help="2h, 1d, 2026-12-31, 2026-12-31T18:00 (UTC).")
@click.option("--reason", default="", help="Why, for the colleagues.")
@_BY
@_JSON
def silence(which: tuple[str, ...], everything: bool, until: str, reason: str, by: str | None, as_json: bool) -> None:
    """Not now: nothing more is told until then."""
    from deployments import moments
    from tasks.incidents.answers import silence as keep_quiet

    moment = moments.until(until, datetime.now(UTC), "--until")
    _answer(_meant(which, everything), as_json, lambda item, who, now: keep_quiet(item, moment, who, reason, now), by)


@incident.command()
@_WHICH
@_ALL
@click.option("--reason", default="", help="How, for the colleagues.")
@_BY
@_JSON
def resolve(which: tuple[str, ...], everything: bool, reason: str, by: str | None, as_json: bool) -> None:
    """It is settled: closed whatever the watch sees, until it happens anew."""
    from tasks.incidents.answers import resolve as settle

    _answer(_meant(which, everything), as_json, lambda item, who, now: settle(item, who, reason, now), by)


def _meant(names: tuple[str, ...], everything: bool) -> Which:
    from tasks.incidents.answers import every_open, named

    if bool(names) == everything:
        raise click.UsageError("say which incidents, or --all")
    return every_open if everything else lambda known: named(known, names)


def _answer(which: Which, as_json: bool, said: Answer, by: str | None) -> None:
    from tasks.deciding import somebody
    from tasks.incidents.settle import answer

    bench = _bench()
    who = by or somebody()
    done = answer(bench, which, said, who, datetime.now(UTC))
    if as_json:
        print_json(
            [item.model_dump(mode="json") | {"already": item.incident_id in done.so_already} for item in done.incidents]
        )
        return
    for item in done.incidents:
        _line(bench, item)
        if item.incident_id in done.so_already:
            click.echo(f"        {who} has said so already; nothing was changed")
    if not done.durable:
        click.echo("The warehouse can't be reached: kept on this machine, and written there later.")


def _bench() -> Workbench:
    from flows.cli.settings import workbench

    return workbench(silent=True, need="warehouse")


def _zone(bench: Workbench) -> ZoneInfo:
    rota = bench.project.oncall
    return ZoneInfo(rota.timezone if rota else "UTC")


def _line(bench: Workbench, item: Incident) -> None:
    from tasks.notices.compose import Context, what

    trouble, zone = item.trouble, _zone(bench)
    said = what(trouble, Context(project=bench.project, now=item.changed_at))
    mark = click.style(f"{trouble.severity:<8}", fg=COLORS[trouble.severity])
    since = trouble.since.astimezone(zone)
    who = f", {item.acknowledged_by}" if item.state == "acknowledged" else ""
    quiet = f", silent until {item.silenced_until.astimezone(zone):%Y-%m-%d %H:%M}" if item.silenced_until else ""
    click.echo(f"{item.incident_id}  {mark} {said}  since {since:%Y-%m-%d %H:%M}  ({item.state}{who}{quiet})")
    click.echo(f"        {trouble.message}")
    if item.active and trouble.next_command:
        click.echo(f"        next: {trouble.next_command}")
