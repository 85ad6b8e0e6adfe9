"""Options that say how a source is to be read, shared by the commands that look at one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flows.looking import Wanted

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--format", "form", type=click.Choice(["csv", "json", "parquet"]), help="Default: by its first bytes."),
    click.option("--delimiter", help="Of a CSV; default: by its header."),
    click.option("--encoding", help="Of a CSV, such as cp1252 or utf-16; default: utf-8."),
    click.option("--records", metavar="PATH", help="Of JSON: dotted path of the list of records; default: the only one."),
    click.option("--next", "following", metavar="PATH", help="Of JSON: dotted path of the next page's address."),
    click.option("--query", help="Of a database: one SELECT."),
    click.option("--table", "of_table", metavar="NAME", help="Of a database: all columns of a table or view."),
    click.option("--window", metavar="DATE", help="The window that fills {window.start:...} in the address."),
    click.option("--to", metavar="DATE", help="Read the windows up to here (exclusive) as well, as far as they are there."),
    click.option("--every", default="day", show_default=True, help="How long a window is: hour, day, week, month, 15m."),
    click.option("--timezone", metavar="ZONE", help="Zone of days and of times without one, such as Asia/Seoul."),
)  # fmt: skip


def source_options(command: Command) -> Command:
    """Add the options; `wanted_from` takes what they give."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted_from(source: str, rows: int, given: dict[str, Any]) -> Wanted:
    """What is to be looked at, from the command's arguments. DeclarationError when the zone isn't one."""
    from deployments.declarations.model import check_zone
    from deployments.errors import DeclarationError
    from flows.looking import Wanted
    from tasks.sources.spoken import Spoken

    if given["timezone"] is not None:
        try:
            check_zone(given["timezone"])
        except ValueError as error:
            raise DeclarationError(f"--timezone: {error}", code="SOURCE", next_command="headgate peek --help") from None
    spoken = Spoken(source, given["form"], given["delimiter"], given["encoding"], given["records"], given["following"],
                    given["query"], given["of_table"])  # fmt: skip
    return Wanted(spoken, rows, given["timezone"], given["window"], given["to"], given["every"])
