"""`headgate demo`: the main job on the shipped example, from nothing; good when exactly the planted warnings occur."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from deployments.settings import SHOP_NAME
from flows.cli.console import Console, news, print_json, telling

if TYPE_CHECKING:
    from expectations.record import RunRecord
    from flows.run import Outcome
    from tasks.workbench import Workbench

ELSEWHERE = ("HEADGATE_", "AWS_", "PREFECT_API_")
KEPT = ("HEADGATE_STATE", "HEADGATE_LANGUAGE", "HEADGATE_DEBUG")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def demo(as_json: bool) -> None:
    """Load a small shop end to end: real PostgreSQL, S3 and Prefect servers on this machine, no account needed.

    One bad row and one change of meaning are planted in its data. Exit code 0 when exactly these are told.
    """
    _only_local()
    started = time.perf_counter()
    from flows.cli.settings import workbench

    if not as_json:
        click.secho("Starting the local stack", bold=True)
    bench = workbench(silent=as_json)
    from flows.choosing import Selection
    from flows.run import run_tables

    names = [*bench.project.tables, *bench.project.build_order()]
    if not as_json:
        click.secho("\nLoading the shop: extract, validate, stage, COPY, audit, publish; then summarize", bold=True)
    with telling(Console(brief=True, silent=as_json)):
        outcome = run_tables(bench, names, Selection())
    seconds = time.perf_counter() - started
    surprises = unplanned(bench, outcome)
    if as_json:
        print_json({
            "published": len(outcome.published), "unchanged": len(outcome.records) - len(outcome.published),
            "failures": len(outcome.failures), "unplanned": surprises, "seconds": round(seconds, 1),
        })  # fmt: skip
    else:
        tell(bench, outcome, surprises, seconds)
    raise click.exceptions.Exit(1 if surprises or outcome.failures else 0)


def _only_local() -> None:
    """Take everything out of this process's environment that leads to servers of somebody's own; `.env` was in it."""
    for name in [name for name in os.environ if name.startswith(ELSEWHERE) and name not in KEPT]:
        del os.environ[name]
    os.environ["HEADGATE_PROJECT"] = SHOP_NAME


def unplanned(bench: Workbench, outcome: Outcome) -> list[str]:
    """Warnings that were not planted, and planted ones that nobody told; empty when the demo went as it should.

    A second demo finds everything loaded: then there is nothing to tell, and nothing is missing.
    """
    from deployments.shop.world.planted import BAD_ANSWER, DRIFT

    found: list[str] = []
    seen: set[str] = set()
    for record in outcome.records:
        start = None if record.window_start is None else record.window_start.replace(tzinfo=None)
        for reason in record.quarantine:
            if (record.table, start, reason.code) == (BAD_ANSWER.table, BAD_ANSWER.window_start, BAD_ANSWER.reason):
                seen.add("row")
            else:
                found.append(f"{record.table} {record.label}: quarantined {reason.rows} {reason.code}")
        for alert in record.drift.leading if record.drift else ():
            if (record.table, start, alert.column) == (DRIFT.table, DRIFT.window_start, DRIFT.column):
                seen.add("drift")
            else:
                found.append(f"{record.table} {record.label}: {alert.message}")
        found += [f"{record.table} {record.label}: {rule.code}: {rule.message}" for rule in record.failed_rules]
        found += [f"{record.table} {record.label}: {warning}" for warning in record.warnings]
    loaded = {(record.table, None if record.window_start is None else record.window_start.replace(tzinfo=None))
              for record in outcome.published}  # fmt: skip
    for what, name in ((BAD_ANSWER, "row"), (DRIFT, "drift")):
        if (what.table, what.window_start) in loaded and name not in seen:
            found.append(f"not told: {what.sentence}")
    return found


def tell(bench: Workbench, outcome: Outcome, surprises: list[str], seconds: float) -> None:
    """What came of it, and where to look next."""
    from deployments.quantities import plural
    from deployments.shop.world.planted import BAD_ANSWER, DRIFT

    published = outcome.published
    click.echo()
    if not published and not outcome.failures:
        click.secho("Everything is loaded already: nothing was loaded twice.", bold=True)
    else:
        rows = sum(record.counts.get("published", 0) for record in published)
        click.secho(f"{plural(len(published), 'batch')} published, {plural(rows, 'row')}.", bold=True)
    for record in published:
        if record.status == "warned":
            _explain(record, BAD_ANSWER.sentence if record.quarantine else DRIFT.sentence)
    for table, window, error in outcome.failures:
        click.secho(f"failed {table} {window}: {error}", fg="red", err=True)
    for text in surprises:
        click.secho(f"not expected: {text}", fg="red", err=True)
    for record in published:
        if record.table == "analytics.channel_month":
            _sample(bench, record.table)
    click.echo(f"\n{seconds:.0f} s. The report: {bench.report_url}/index.html")
    click.echo(
        "Next, each with --project shop: headgate plan · headgate show · headgate quarantine list · headgate down"
    )


def _explain(record: RunRecord, planted: str) -> None:
    click.echo()
    click.secho(f"{record.table} {record.label}: published, with a warning", fg="yellow", bold=True)
    for text in news(record):
        click.echo(f"  {text}")
    click.echo(f"  (planted: {planted})")
    click.echo(f"  {record.accounting}")
    click.echo(f"  next: headgate --project shop show {record.run_id}")


def _sample(bench: Workbench, name: str) -> None:
    """The last month of a summary, as an analyst would see it."""
    from tasks.warehouses.session import rows, session

    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        found = rows(
            cursor,
            "SELECT month, channel, unique_users, paid_users, conversion_rate, net_revenue FROM analytics.channel_month "
            "WHERE month = (SELECT max(month) FROM analytics.channel_month) ORDER BY channel",
        )
    click.echo()
    click.secho(f"{name}, last month", bold=True)
    click.echo(f"  {'month':<12}{'channel':<12}{'users':>8}{'buyers':>8}{'conversion':>12}{'net USD':>10}")
    for month, channel, users, buyers, rate, net in found:
        shown = "" if rate is None else f"{float(rate):.3f}"
        click.echo(f"  {month!s:<12}{channel:<12}{users:>8}{buyers:>8}{shown:>12}{net:>10}")
