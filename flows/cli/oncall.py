"""`headgate oncall`: who is on call now, who is next, and the weeks to come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from deployments.declarations.oncall import OnCall
    from deployments.rota import Shift

_AT = click.option("--at", metavar="TIME", help="As of this local time of the rota (2026-12-24T03:00); default: now.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def oncall() -> None:
    """Who is on call, from oncall.yaml. Needs no server. Exit code 1 when nobody is."""


@oncall.command()
@_AT
@_JSON
def now(at: str | None, as_json: bool) -> None:
    """Who is on call at this moment, until when, and how to reach them."""
    from deployments.rota import shift_at

    rota = _rota()
    _tell(rota, [shift_at(rota, _moment(rota, at))], as_json, one=True)


@oncall.command("next")
@_AT
@_JSON
def following(at: str | None, as_json: bool) -> None:
    """Who takes over, and when."""
    from deployments.rota import relief

    rota = _rota()
    shift = relief(rota, _moment(rota, at))
    _tell(rota, [] if shift is None else [shift], as_json, one=True)


@oncall.command()
@_AT
@click.option("--weeks", type=click.IntRange(1, 53), default=1, show_default=True, help="So many weeks.")
@_JSON
def week(at: str | None, weeks: int, as_json: bool) -> None:
    """The whole week, from handover to handover, with stand-ins and swaps."""
    from deployments.rota import WEEK, shifts, week_at

    rota = _rota()
    start, _ = week_at(rota, _moment(rota, at))
    # A moment well inside the last week: clocks may change on the way.
    _, end = week_at(rota, start + weeks * WEEK - WEEK / 2)
    _tell(rota, shifts(rota, start, end), as_json, one=False)


def _rota() -> OnCall:
    from deployments.errors import DeclarationError
    from deployments.project import load_project
    from deployments.settings import read_settings

    project = load_project(read_settings().project)
    if project.oncall is None:
        raise DeclarationError(
            f"{project.folder} has no oncall.yaml: nobody is on call", code="NO-ROTA",
            next_command="write oncall.yaml (docs/on-call-rota.md), then: headgate check",
        )  # fmt: skip
    return project.oncall


def _moment(rota: OnCall, at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        local = datetime.fromisoformat(at)
    except ValueError:
        raise click.BadParameter(f"'{at}' isn't a time such as 2026-12-24T03:00", param_hint="--at") from None
    return local if local.tzinfo else local.replace(tzinfo=ZoneInfo(rota.timezone))


def _tell(rota: OnCall, found: list[Shift], as_json: bool, *, one: bool) -> None:
    zone = ZoneInfo(rota.timezone)
    if as_json:
        told = [_as_json(rota, shift, zone) for shift in found]
        print_json((told[0] if told else None) if one else told)
    else:
        for shift in found:
            local = [moment.astimezone(zone) for moment in (shift.start, shift.end)]
            person = rota.people.get(shift.person or "")
            who = f"{person.name} <{person.email}>" if person else click.style("NOBODY", fg="red", bold=True)
            span = f"{local[0]:%a %Y-%m-%d %H:%M} to {local[1]:%a %Y-%m-%d %H:%M}"
            click.echo(f"{span}  {who}" + (f"  ({shift.reason})" if shift.reason else ""))
        click.echo(f"Times of {rota.timezone}." if found else "Nobody else follows within four weeks.")
    if not found or any(shift.person is None for shift in found):
        raise click.exceptions.Exit(1)


def _as_json(rota: OnCall, shift: Shift, zone: ZoneInfo) -> dict[str, object]:
    person = rota.people.get(shift.person or "")
    return {
        "from": shift.start.astimezone(zone).isoformat(), "to": shift.end.astimezone(zone).isoformat(),
        "person": shift.person, "name": person.name if person else None, "email": person.email if person else None,
        "slack": person.slack if person else None, "reason": shift.reason or None,
    }  # fmt: skip
