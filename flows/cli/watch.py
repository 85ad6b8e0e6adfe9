"""`headgate watch`: one look at runs, promises and Prefect, or one every so often."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from tasks.incidents.watching import Pass
    from tasks.workbench import Workbench


def _place(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise click.BadParameter(f"'{value}' must be a port, or a host and a port such as 127.0.0.1:8077")
    return host.strip("[]") or "127.0.0.1", int(port)


@click.command()
@click.option("--every", type=click.IntRange(5, 3600), metavar="SECONDS", help="Go on looking; default: once.")
@click.option(
    "--answers",
    metavar="[HOST:]PORT",
    callback=_place,
    help="With --every: serve the page that links in notices lead "
    "to, over HTTP, on this machine alone unless another HOST is given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each pass as one JSON document.")
def watch(every: int | None, answers: tuple[str, int] | None, as_json: bool) -> None:
    """Open, remind, escalate and close incidents, and deliver notices that wait.

    A deployment does this every minute; run it here, from cron or as a service, to have a watch outside of Prefect: it also
    tells when Prefect itself is down. With --every, declarations are read again before each look.
    """
    from datetime import UTC, datetime

    from deployments.errors import HeadgateError
    from flows.cli.settings import workbench

    if answers is not None and every is None:
        raise click.UsageError("--answers needs --every: the page is there as long as the watch goes on")
    bench = workbench(silent=as_json)
    # Not before: Prefect reads its settings when it is imported, and the local server's address is among them now.
    from flows.watch import told, watch_once

    present = [bench]
    if answers is not None:
        _serve(*answers, present)
    while True:
        begun = time.monotonic()
        bench = present[0] = _as_declared_now(bench)
        try:
            done, news = watch_once(bench, datetime.now(UTC))
        except HeadgateError as error:
            if every is None:
                raise
            # A watch that ends at the first trouble watches nothing; this pass is told and the next one comes.
            click.echo(f"[{error.code}] {error.message}", err=True)
        else:
            _print(done, [*told(done), *news], as_json)
        if every is None:
            return
        time.sleep(max(every - (time.monotonic() - begun), 1))


def _serve(host: str, port: int, present: list[Workbench]) -> None:
    """The page behind signed links, for the project as it is `present`."""
    from deployments.errors import DeclarationError
    from flows.answer_server import serve
    from tasks.incidents.settle import signer

    signs = signer(present[0].settings)
    if signs is None:
        raise DeclarationError(
            "no notice has links to that page: HEADGATE_ANSWER_URL and HEADGATE_ANSWER_KEY aren't set", code="SETTING",
            next_command="mend the environment or .env; then: headgate watch",
        )  # fmt: skip
    try:
        server = serve(host, port, signs, lambda: present[0])
    except OSError as error:
        raise DeclarationError(
            f"--answers {host}:{port} can't be opened: {error.strerror}", code="SETTING",
            next_command="headgate watch --every 60 --answers PORT   (another one)",
        ) from None  # fmt: skip
    click.echo(f"answers are taken at http://{host}:{server.server_port}/, links lead to {signs.address}/", err=True)


def _as_declared_now(bench: Workbench) -> Workbench:
    """The workbench with the project as its files are now; the last one that could be read while they can't be."""
    from deployments.errors import DeclarationError
    from deployments.project import load_project
    from tasks.workbench import use

    try:
        return use(bench.settings, load_project(bench.settings.project))
    except DeclarationError as error:
        click.echo(f"[{error.code}] {error.message}\n  watched meanwhile: what was declared before", err=True)
        return bench


def _print(done: Pass, said: list[str], as_json: bool) -> None:
    if as_json:
        active = [item for item in done.settled.incidents if item.active]
        print_json({
            "open": [{"id": i.incident_id, "scope": i.trouble.scope, "code": i.trouble.code} for i in active],
            "told": [{"kind": a.kind, "incidents": [i.incident_id for i in a.incidents]} for a in done.settled.actions],
            "sent": len(done.delivered.sent), "kept": len(done.delivered.kept), "durable": done.settled.durable,
        })  # fmt: skip
        return
    for line in said or ["nothing found"]:
        click.echo(line)
