"""`headgate deploy`: Prefect deployments from the declarations, the difference first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from flows.deploy.difference import Change

MARKS = {"new": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}

NO_LOGIN = click.option("--server-has-no-login", "no_login", is_flag=True,
                        help="Use a Prefect server without a login: its network is closed.")  # fmt: skip


@click.command()
@click.option("--plan", "plan_only", is_flag=True, help="Only show what would change.")
@click.option("--pool", default="headgate", show_default=True, metavar="NAME",
              help="Work pool; one that doesn't exist becomes a process pool.")  # fmt: skip
@click.option("--write", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Only write them as a file for `prefect deploy`.")  # fmt: skip
@click.option("--take-over", is_flag=True, help="Take this pool from another project or warehouse.")
@NO_LOGIN
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def deploy(
    plan_only: bool, pool: str, file: Path | None, take_over: bool, no_login: bool, as_json: bool
) -> None:  # fmt: skip
    """Make a deployment per table and summary on the Prefect server: schedules, limits, triggers, forms.

    Running it twice changes nothing. Deployments of this pool that are no longer declared are removed; what others made
    is never touched. Without PREFECT_API_URL the local server is used.
    """
    from deployments.project import load_project
    from deployments.settings import read_settings

    settings = read_settings()
    project = load_project(settings.project)
    if file is not None:
        from flows.deploy.prefect_yaml import prefect_yaml
        from flows.deploy.wanted import wanted

        file.write_text(prefect_yaml(wanted(project), pool), encoding="utf-8")
        click.echo(f"{file} written. Next: prefect deploy --all --prefect-file {file}")
        return
    server = prefect_server(no_login=no_login or plan_only)
    from prefect.client.orchestration import get_client

    from flows.deploy.apply import apply, compare, taken_by
    from flows.deploy.standing import read_standing
    from flows.deploy.wanted import wanted
    from flows.deploy.watching import NAME, watch_dead_runs
    from tasks.shared_places import warehouse_id

    with get_client(sync_client=True) as client:
        if plan_only:
            changes = compare(client, pool, wanted(project))
            taken = taken_by(client, pool, changes, read_standing(client, pool), warehouse_id(settings))
            if taken and not take_over:
                click.echo(click.style("note ", fg="yellow") + f"{taken}: refused without --take-over", err=True)
        else:
            changes = apply(client, pool, wanted(project), warehouse=warehouse_id(settings), take_over=take_over)
        dead_runs = watch_dead_runs(client, change=not plan_only)
    if as_json:
        print_json({
            "server": server, "pool": pool, "planned_only": plan_only, "automation_changed": dead_runs,
            "changes": [{"deployment": c.key, "kind": c.kind, "what": c.said} for c in changes],
        })  # fmt: skip
        return
    _tell(changes, plan_only)
    if dead_runs:
        click.echo(click.style("~ ", fg="yellow") + NAME)
    where = server.removesuffix("/api")
    if not plan_only:
        click.echo(f"Deployed to pool '{pool}' at {where}/deployments")
        click.echo(f"Next: headgate worker --pool {pool}   (on every machine that is to load)")
    elif dead_runs or any(change.kind != "same" for change in changes):
        click.echo(f"Nothing was changed. Next: headgate deploy --pool {pool}")


def prefect_server(*, no_login: bool, secrets: bool = False) -> str:
    """The address of the Prefect server to use; starts the local one when none is configured.

    DeclarationError when it asks for no login, unless that is said to be right. `secrets`: they are to be sent there.
    """
    from deployments.embedded.defaults import prefect_address
    from deployments.settings import read_settings

    address = prefect_address(read_settings())
    from flows.deploy.login import require_login

    for text in require_login(address, anyway=no_login, secrets=secrets):
        click.echo(click.style("note ", fg="yellow") + text, err=True)
    return address


def _tell(changes: list[Change], plan_only: bool) -> None:
    for change in changes:
        if change.kind == "same":
            continue
        mark, color = MARKS[change.kind]
        click.echo(click.style(f"{mark} {change.key:<44} ", fg=color) + (change.said[0] if change.said else ""))
        for line in change.said[1:]:
            click.echo(" " * 46 + line)
    counts = {kind: sum(change.kind == kind for change in changes) for kind in ("new", "changed", "removed", "same")}
    would = "would be " if plan_only else ""
    click.secho(
        f"{counts['new']} {would}new, {counts['changed']} {would}changed, {counts['removed']} {would}removed, "
        f"{counts['same']} as they are",
        bold=True,
    )
