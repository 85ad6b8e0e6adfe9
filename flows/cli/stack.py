"""The commands of the local stack: `headgate up`, `down` and `status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit, urlunsplit

import click

from deployments.embedded.service import PartName

if TYPE_CHECKING:
    from pathlib import Path

    from deployments.embedded.stack import StackState


def state_folder() -> Path:
    """The folder for local state: `HEADGATE_STATE`, else `.headgate` in the current folder."""
    from deployments.settings import read_settings

    return read_settings().state


@click.command()
@click.option(
    "--only",
    "parts",
    type=click.Choice(get_args(PartName)),
    multiple=True,
    help="Start only this server; can be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def up(parts: tuple[PartName, ...], as_json: bool) -> None:
    """Start the local PostgreSQL, S3 and Prefect servers, unless they run."""
    from deployments.embedded.stack import PARTS, EmbeddedStack

    progress = None if as_json else click.echo
    _print(EmbeddedStack(state_folder()).up(parts or PARTS, progress), as_json)


@click.command()
@click.option("--purge", is_flag=True, help="Delete the local data too: warehouse, Prefect's history, logs.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def down(purge: bool, as_json: bool) -> None:
    """Stop the local servers. Data stay for the next `up`, except S3 objects: they are in memory."""
    from deployments.embedded.stack import EmbeddedStack

    stack = EmbeddedStack(state_folder())
    purged = purge and stack.folder.exists()
    stopped = stack.down(purge, None if as_json else click.echo)
    if as_json:
        click.echo(json.dumps({"stopped": stopped, "purged": purged, "folder": str(stack.folder)}))
    elif purged:
        click.echo(f"Removed {stack.folder}")
    elif not stopped:
        click.echo("Nothing was running." + (f" There is no {stack.folder} to remove." if purge else ""))


@click.command()
@click.option(
    "--show-password", is_flag=True, help="Print the warehouse's address with its password, and Prefect's login."
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def status(show_password: bool, as_json: bool) -> None:
    """Show which local servers run and how to reach them."""
    from deployments.embedded.stack import EmbeddedStack

    state = EmbeddedStack(state_folder()).status()
    _print(state, as_json, show_password)
    if show_password and not as_json and state.prefect_login:
        click.echo(f"{'login of its page':<15} {state.prefect_login}")


def _print(state: StackState, as_json: bool, show_password: bool = False) -> None:
    warehouse = state.warehouse_url if show_password else _without_password(state.warehouse_url)
    addresses = {"postgres": warehouse, "s3": state.s3_endpoint, "prefect": state.prefect_api_url}
    if as_json:
        servers = {
            server.name: {
                "running": server.running,
                "url": addresses[server.name],
                "pid": server.pid,
                "log": str(server.log),
            }
            for server in state.servers
        }
        login = {"prefect_login": state.prefect_login} if show_password else {}
        click.echo(json.dumps({"folder": str(state.folder), "servers": servers, "s3_bucket": state.s3_bucket} | login))
        return
    for server in state.servers:
        click.echo(f"{server.title:<15} {addresses[server.name] or 'not running'}")
    if not state.running:
        click.echo("next: headgate up")
    elif not show_password:
        click.echo(
            'next: headgate run <table>, or "headgate status --show-password" for psql and for the page of Prefect'
        )


def _without_password(url: str | None) -> str | None:
    if url is None:
        return None
    found = urlsplit(url)
    return urlunsplit((found.scheme, f"{found.username}@{found.hostname}:{found.port}", found.path, "", ""))
