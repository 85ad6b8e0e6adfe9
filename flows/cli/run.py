"""`headgate run`: load what plan shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flows.cli.console import Console, print_json, telling
from flows.cli.everywhere import quiet

if TYPE_CHECKING:
    from deployments.errors import HeadgateError
    from flows.plans import TablePlan
    from flows.run import Outcome

MANY_WINDOWS = 5
UNTIL = ("extract", "validate", "stage", "copy", "audit", "judge", "publish")


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@click.option("--window", help="One window, by its label (2020-08-10); loads it again if it is loaded.")
@click.option("--from", "start", metavar="DATE", help="First window; default: the first one due.")
@click.option("--to", "end", metavar="DATE", help="End of the last window (exclusive).")
@click.option("--full-refresh", is_flag=True, help="Load everything asked for again.")
@click.option("--until", type=click.Choice(UNTIL), default="publish", show_default=True,
              help="Stop after this step; nothing is published before publish.")  # fmt: skip
@click.option("--no-dependents", is_flag=True, help="Don't rebuild the summaries that read the tables.")
@click.option("--json", "as_json", is_flag=True, help="Print the records of all runs as JSON.")
def run(
    tables: tuple[str, ...],
    window: str | None,
    start: str | None,
    end: str | None,
    full_refresh: bool,
    until: str,
    no_dependents: bool,
    as_json: bool,
) -> None:
    """Load tables: exactly the windows `headgate plan` shows, oldest first, then the summaries that read them.

    TABLE is a name, a pattern such as 'shop.*', owner:, tier: or tag: with a value, or all. Exit codes: 0 done, 1 a failure
    (the text says what was published), 2 a wrong declaration or call, 3 published with warnings.
    """
    from flows.cli.settings import tell_shared_places, workbench
    from flows.selecting import selected

    bench = workbench(silent=as_json, asked=tables)
    names = selected(bench.project, tables)
    tell_shared_places(bench)
    # Not before: Prefect reads its settings when it is imported, and the local server's address is among them now.
    from flows.choosing import Selection

    selection = Selection(window=window, start=start, end=end, full_refresh=full_refresh)
    from flows.run import run_tables

    console = Console(silent=as_json)

    def announce(plan: TablePlan) -> None:
        # Step by step for a few windows; a line each for many.
        console.brief = len(plan.to_run) > MANY_WINDOWS
        if not as_json:
            announce_plan(plan)

    with telling(console):
        outcome = run_tables(bench, names, selection, until=until, with_dependents=not no_dependents, announce=announce)
    if as_json:
        print_json({
            "runs": [record.model_dump(mode="json", exclude={"profile"}) for record in outcome.records],
            "failures": [{"table": t, "window": w, "error": _error(e)} for t, w, e in outcome.failures],
            "skipped": [{"table": t, "window": w} for t, w, _ in outcome.skipped],
            "laid_out_otherwise": outcome.laid_out_otherwise,
            "exit_code": outcome.exit_code,
        })  # fmt: skip
    else:
        tell_end(outcome)
    raise click.exceptions.Exit(outcome.exit_code)


def announce_plan(plan: TablePlan) -> None:
    """What is going to be loaded of a table, and why nothing is."""
    from deployments.quantities import plural

    if plan.paused:
        click.echo(f"{plan.table}: {plan.paused}; nothing is loaded (headgate resume {plan.table})")
        return
    if plan.missing:
        return
    count, again = len(plan.to_run), len(plan.reread)
    loaded, stale = plan.count("loaded"), plan.count("stale")
    if again:
        click.echo(f"{plan.table}: {plural(again, plan.batches)} read again {plan.why_again}")
    if count and count == again:
        return
    if not count:
        # A declaration that was changed loads nothing again by itself, which is what one who changed it waits for.
        said = [f"{plural(loaded, plan.batches)} loaded"]
        said += [f"{stale:,} by an older declaration{_again(plan)}"] if stale else []
        said += [f"next due {plan.due_said}"] if plan.due_said else []
        click.echo(f"{plan.table}: nothing to do ({', '.join(said)})")
    elif count - again > 1:
        labels = [window for window in plan.to_run if not window.reread]
        click.echo(
            f"{plan.table}: {plural(len(labels), plan.batches)} to load, {labels[0].label} to {labels[-1].label}"
        )


def _again(plan: TablePlan) -> str:
    """How batches that an older declaration has loaded are loaded again."""
    if plan.refusal is not None:
        return f", which can't be loaded again [{plan.refusal.code}]: headgate plan {plan.table} says what to do"
    return (
        ", and stay: mode append loads nothing twice"
        if plan.again_by is None
        else f": {plan.again_by} loads them again"
    )


def tell_end(outcome: Outcome) -> None:
    """What became of it all, with the next command of what failed."""
    from deployments.errors import BY_HAND, NO_RUN, WHO_ACTS
    from deployments.quantities import plural
    from tasks.warehouses.layouts import laid_out_otherwise

    for record in outcome.mended:
        click.echo(
            f"{record.table} {record.label}: {record.run_id} was killed after its COMMIT; its books are in order now"
        )
    for text in outcome.changed:
        click.secho(f"warning: {text}", fg="yellow", err=True)
    for table in outcome.laid_out_otherwise:
        click.echo(f"{table}: {laid_out_otherwise(table)}")
    said = [f"{plural(len(outcome.published), 'batch')} published"]
    if outcome.failures:
        said.append(f"{len(outcome.failures)} failed")
    if outcome.skipped:
        said.append(outcome.not_tried)
    click.echo()
    click.secho(", ".join(said), bold=True)
    told = [record for record in outcome.records if record.failure]
    for table, window, error in outcome.failures:
        # A summary that is built as a whole is named without the day its run is named by.
        known = (
            record.failure
            for record in told
            if record.table == table and (window == record.label or (not window and record.kind == "summary"))
        )
        failure = None if quiet() else next(known, None)
        click.secho(f"failed {f'{table} {window}'.rstrip()} [{error.code}]", fg="red", bold=True, err=True)
        if failure is None:
            # Before its run had begun, or while nothing but errors was asked for.
            click.echo(f"  {error}".replace(*NO_RUN).replace(WHO_ACTS["retryable"], BY_HAND), err=True)
        elif failure.next_command:
            click.echo(f"  next: {failure.next_command}", err=True)


def _error(error: HeadgateError) -> dict[str, object]:
    return {key: value for key, value in error.to_json().items() if key != "facts"}
