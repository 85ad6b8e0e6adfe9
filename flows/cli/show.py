"""`headgate show`: the story of one run, or the newest runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from flows.cli.console import Console, print_json

if TYPE_CHECKING:
    from expectations.record import RunRecord
    from tasks.workbench import Workbench


_MEANT = {"warning": "warned", "error": "failed", "critical": "failed", "ok": "published", "success": "published",
          "loaded": "published"}  # fmt: skip


@click.command()
@click.argument("run", required=False, metavar="[RUN]")
@click.option(
    "--table", "tables", multiple=True, metavar="TABLE", help="Runs of these only: name, pattern, owner:, tier:, tag:."
)
@click.option("--status", help="Runs that ended so only: published, warned, failed, unchanged, ...")
@click.option("--since", metavar="WHEN", help="Runs that began then or later: 2h, 7d (ago), 2026-12-31 (UTC).")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def show(
    run: str | None, tables: tuple[str, ...], status: str | None, since: str | None, limit: int, as_json: bool
) -> None:
    """The story of a run: steps, counts, checks, drift, failure and what to do. Without RUN: the newest runs.

    RUN may be shortened as long as only one run begins so.
    """
    from flows.cli.settings import workbench

    if run is not None and (tables or status or since):
        raise click.UsageError("a run by its name, or runs by --table, --status and --since")
    _check_status(status)
    bench = workbench(silent=True, need="warehouse", asked=tables)
    if run is None:
        _list(bench, tables, status, since, limit, as_json)
        return
    from flows.overriding import known

    record = known(bench, run)
    if as_json:
        print_json(record.model_dump(mode="json", exclude={"profile"}))
        return
    console = Console()
    for step in record.steps:
        console.step(record, step)
    console.end(record)
    for rule in record.rules:
        click.echo(f"    {rule.outcome:<7} {rule.code:<20} {rule.sentence}")
    if record.sql:
        click.echo("  PostgreSQL got, rewritten from what was written for Redshift:")
        for line in record.sql.splitlines():
            click.echo(f"    {line}")
    if record.kind == "summary":
        for line in _inputs_not_good(bench, record.table):
            click.echo(f"  {line}")
    for line in what_to_do(record):
        click.echo(f"  next: {line}")


def what_to_do(record: RunRecord) -> list[str]:
    """What follows from a failure, for somebody who looks at it already."""
    from expectations.report.actions import OVERRIDABLE
    from tasks.overrides import failed_codes

    if record.failure is None:
        return []
    told = record.failure.next_command or ""
    steps = [] if told.startswith("headgate show") else [told]
    if told.startswith("headgate show"):
        steps.append(f"headgate retry {record.run_id}   (once it is mended)")
    if record.kind in OVERRIDABLE and (codes := failed_codes(record)):
        overrides = " ".join(f"--override {code}" for code in codes)
        steps.append(
            f'headgate publish {record.run_id} {overrides} --reason "..." --expires 1d   (knowingly, as it is)'
        )
    return [step for step in steps if step]


def _inputs_not_good(bench: Workbench, summary: str) -> list[str]:
    """What a summary shows can't be better than what it is built from."""
    from datetime import UTC, datetime

    from expectations.report.texts import Texts
    from tasks.report_facts import not_good

    found = {item.table: item for item in not_good(bench.warehouse, bench.project, datetime.now(UTC))}
    below = found[summary].below if summary in found else ()
    return [
        f"input {name}: {Texts()(f'state.{found[name].state}').lower()}; next: headgate report open {name}"
        for name in below
    ]


def _check_status(status: str | None) -> None:
    from deployments.declarations.problems import nearest
    from expectations.record import Status

    if status is not None and status not in get_args(Status):
        # The words of checks and of people, for what a run of them ends as.
        near = _MEANT.get(status.lower()) or nearest(status, get_args(Status))
        hint = f"; did you mean '{near}'?" if near else ""
        raise click.BadParameter(f"'{status}' is none of {', '.join(get_args(Status))}{hint}", param_hint="--status")


def _list(
    bench: Workbench, tables: tuple[str, ...], status: str | None, since: str | None, limit: int, as_json: bool
) -> None:
    from datetime import UTC, datetime

    from deployments.moments import back_to
    from flows.selecting import selected
    from tasks.warehouses import ops

    found = ops.last_runs(
        bench.warehouse, selected(bench.project, tables) if tables else None, limit, status=status,
        since=None if since is None else back_to(since, datetime.now(UTC), "--since"),
    )  # fmt: skip
    if as_json:
        print_json(found)
        return
    if found:
        click.secho(f"{'run':<40} {'ended':<9} {'began (UTC)':<16} {'rows':>9}", bold=True)
    for item in found:
        rows = item["failure_code"] or f"{item['published'] or 0:,}"
        click.echo(f"{item['run_id']!s:<40} {item['status']!s:<9} {item['started_at']:%Y-%m-%d %H:%M} {rows:>9}")
    if not found:
        click.echo("no run is like that" if tables or status or since else "nothing was run yet; next: headgate plan")
