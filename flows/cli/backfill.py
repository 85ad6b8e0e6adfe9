"""`headgate backfill`: windows of the past, planned first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.quantities import plural
from flows.cli.console import Console, print_json, telling

if TYPE_CHECKING:
    from flows.plans import TablePlan
    from flows.run import Outcome


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@click.option("--from", "start", metavar="DATE", default="", help="First window; default: the table's first one.")
@click.option("--to", "end", metavar="DATE", default="", help="End of the last window (exclusive).")
@click.option("--reprocess", type=click.Choice(["none", "failed", "all"]), default="failed", show_default=True,
              help="Besides missing windows: none, those that failed, or all of them again.")  # fmt: skip
@click.option("--parallel", type=click.IntRange(1, 32), default=2, show_default=True, help="Windows at the same time.")
@click.option("--spread", is_flag=True, help="Give the windows to the workers of the pool (after headgate deploy).")
@click.option("--plan", "plan_only", is_flag=True, help="Only show what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def backfill(
    tables: tuple[str, ...], start: str, end: str, reprocess: str, parallel: int, spread: bool, plan_only: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Load windows of the past that are missing or failed; summaries that read a table are built once, at its end.

    TABLE is a name, a pattern such as 'shop.*', owner:, tier: or tag: with a value: one table after the other; those without
    windows are passed over where a pattern means them. Killed or interrupted it leaves whole windows; run again it does
    what is left. Exit codes as for `run`.
    """
    from datetime import UTC, datetime

    from flows.cli.settings import workbench

    bench = workbench(silent=as_json, need="warehouse" if plan_only else "flows", asked=tables)
    # Imported here: Prefect alone takes 1.7 s, which a mistyped name should not cost.
    from flows.backfill import Asked, plan_backfill, run_backfill, with_windows

    several = [
        Asked(name, start, end, reprocess, parallel, spread)  # type: ignore[arg-type]
        for name in with_windows(bench.project, tables)
    ]
    # All are planned before one is loaded: what can't be is told at once.
    plans = [plan_backfill(bench, asked, datetime.now(UTC)) for asked in several]
    if plan_only and as_json:
        told = [plan.to_json() for plan in plans]
        print_json(told if len(told) > 1 else told[0])
        return
    outcome = None
    for asked, plan in zip(several, plans, strict=True):
        if plan_only:
            _show_plan(plan, parallel)
            continue
        if not as_json:
            _say(plan, parallel)
        with telling(Console(brief=True, silent=as_json)):
            done = run_backfill(asked)
        outcome = done if outcome is None else outcome.with_later(done)
    if outcome is not None:
        _close(outcome, as_json)
        raise click.exceptions.Exit(outcome.exit_code)


def _show_plan(plan: TablePlan, parallel: int) -> None:
    _say(plan, parallel)
    for window in plan.windows:
        rows = "" if window.rows is None else f"{plural(window.rows, 'row')}"
        click.echo(f"  {'load' if window.run else '':<6}{window.label:<18}{window.state:<9}{rows:>14}".rstrip())
    for change in plan.changes:
        click.echo(f"  schema: {change}")
    if plan.kept:
        click.echo(f"  its rows are replaced, and the table stays for: {', '.join(plan.kept)}")
    if plan.stranger:
        click.echo(f"  {plan.table} {plan.stranger}: it isn't ours, and run publishes nothing into it (NOT-OURS)")


def _say(plan: TablePlan, parallel: int) -> None:

    counts = [f"{plan.count(s)} {s}" for s in ("loaded", "missing", "failed", "stale") if plan.count(s)]
    click.secho(f"{plan.table}: {', '.join(counts) or 'no windows'}", bold=True)
    todo = plan.to_run
    if plan.paused:
        click.echo(f"{plan.paused}; next: headgate resume {plan.table}")
        return
    if not todo:
        click.echo("nothing to load")
        return
    if plan.refusal is not None:
        click.echo(f"nothing of it can be published [{plan.refusal.code}]: headgate plan {plan.table} says what to do")
    said = f"{plural(len(todo), 'window')} to load, {todo[0].label} to {todo[-1].label}, {parallel} at a time"
    if plan.seconds_expected is not None and plan.rows_expected is not None:
        said += f": about {plural(plan.rows_expected, 'row')} in {plan.seconds_expected / parallel:,.0f} s"
    click.echo(said)


def _close(outcome: Outcome, as_json: bool) -> None:
    from tasks.batch import is_whole

    if as_json:
        print_json({
            "published": [{"table": r.table, "window": r.label, "rows": r.counts.get("published"), "run": r.run_id}
                          for r in outcome.published],
            "failures": [{"table": t, "window": w, "error": e.to_json() | {"facts": None}}
                         for t, w, e in outcome.failures],
            "exit_code": outcome.exit_code,
        })  # fmt: skip
        return

    # Windows of a summary are builds; a summary that is built as a whole because of them has none.
    done = sum(not is_whole(record.batch_key) for record in outcome.published)
    failed = len(outcome.failures)
    click.echo()
    left = sum(table in {name for name, _, _ in outcome.failures} for table, _, _ in outcome.skipped)
    said = [f"{plural(done, 'window')} published"]
    said += [f"{failed} failed"] if failed else []
    said += [f"{plural(left, 'window')} not tried"] if left else []
    click.secho(", ".join(said), bold=True)
    for table, window, error in outcome.failures:
        click.echo(click.style("failed ", fg="red", bold=True) + f"{table} {window}: [{error.code}]", err=True)
        if error.next_command:
            click.echo(f"  next: {error.next_command}", err=True)
