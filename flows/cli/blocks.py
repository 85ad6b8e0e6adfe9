"""`headgate blocks`: settings kept on the Prefect server instead of in each worker's environment."""

from __future__ import annotations

import click

from flows.cli.console import print_json
from flows.cli.deploy import NO_LOGIN, prefect_server


@click.group()
def blocks() -> None:
    """Settings kept on the Prefect server. The environment of a worker wins over them."""


@blocks.command("register")
@click.option("--json", "as_json", is_flag=True, help="Print the block types as JSON.")
def register_types(as_json: bool) -> None:
    """Make the block types known to the server, to be filled in on its page. Safe to repeat."""
    server = prefect_server(no_login=True)
    from tasks.blocks import register

    made = register()
    if as_json:
        print_json(made)
        return
    click.echo("\n".join(made))
    click.echo(f"Next: {server.removesuffix('/api')}/blocks/catalog, or headgate blocks save")


@blocks.command("save")
@NO_LOGIN
@click.option("--json", "as_json", is_flag=True, help="Print the names of what was written as JSON.")
def save_settings(no_login: bool, as_json: bool) -> None:
    """Write this environment's warehouse, stage, connections and notice targets into blocks. Values aren't printed.

    Blocks are encrypted where the server keeps them, and handed out in clear by its API to whoever has its login.
    """
    from deployments.settings import read_settings

    settings = read_settings()
    prefect_server(no_login=no_login, secrets=True)
    from tasks.blocks import save

    written = save(settings)
    if as_json:
        print_json(written)
        return
    click.echo("\n".join(written) or "Nothing is set here: HEADGATE_WAREHOUSE_URL, HEADGATE_STAGE_URL, ...")
