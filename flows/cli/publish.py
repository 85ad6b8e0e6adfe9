"""`headgate publish RUN --override CODE`: publish a batch although it failed, knowingly."""

from __future__ import annotations

import click

from flows.cli.console import Console, print_json, telling


@click.command()
@click.argument("run")
@click.option("--override", "codes", multiple=True, required=True, metavar="CODE",
              help="What it failed on: the code of a rule, TOLERANCE, DRIFT or SHRINK-GUARD. May be given again.")  # fmt: skip
@click.option("--reason", required=True, help="Why it may be published; kept and shown.")
@click.option("--expires", required=True, metavar="WHEN", help="Until when this may be used: 2h, 1d, 2026-12-31.")
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--no-dependents", is_flag=True, help="Don't rebuild the summaries that read the table.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def publish(
    run: str, codes: tuple[str, ...], reason: str, expires: str, by: str | None, no_dependents: bool, as_json: bool
) -> None:
    """Publish the batch of a failed RUN although it failed a check, a tolerance, drift or the shrink guard.

    What the run had staged is published if it is still there and neither declaration nor suite has changed; otherwise the
    source is read again. Whatever else fails stops it as before. Exit code 3: published with warnings.
    """
    from datetime import UTC, datetime

    from deployments.moments import until
    from flows.cli.settings import workbench

    bench, now = workbench(silent=as_json), datetime.now(UTC)
    from flows import actions
    from flows.overriding import known
    from flows.run import without_heartbeat

    moment = until(expires, now, "--expires")
    with without_heartbeat(), telling(Console(silent=as_json)):
        outcome = actions.publish_anyway(
            bench, known(bench, run), codes, moment, by, reason, with_dependents=not no_dependents
        )
    if as_json:
        print_json([item.model_dump(mode="json", exclude={"profile"}) for item in outcome.records])
    raise click.exceptions.Exit(outcome.exit_code)
