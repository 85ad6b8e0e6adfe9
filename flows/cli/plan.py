"""`headgate plan`: what is loaded, what is missing, what a run would do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from deployments.errors import NO_RUN, HeadgateError
from deployments.quantities import plural
from flows.cli.console import print_json

if TYPE_CHECKING:
    from deployments.project import Project
    from flows.choosing import Selection
    from flows.plans import TablePlan
    from flows.summary_planning import SummaryPlan
    from flows.what_breaks import Broken
    from tasks.reachable import Line
    from tasks.workbench import Workbench


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@click.option("--window", help="One window, by its label.")
@click.option("--from", "start", metavar="DATE", help="First window.")
@click.option("--to", "end", metavar="DATE", help="End of the last window (exclusive).")
@click.option("--full-refresh", is_flag=True, help="As for run.")
@click.option(
    "--reprocess",
    type=click.Choice(["none", "failed", "all"]),
    default="failed",
    show_default=True,
    help="As for backfill.",
)
@click.option(
    "--source", "look", is_flag=True, help="Look at the sources: columns that appeared, went or were renamed."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    tables: tuple[str, ...], window: str | None, start: str | None, end: str | None, full_refresh: bool,
    reprocess: str, look: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show windows loaded, missing, failed and stale, which summaries are stale, and what `run` would do.

    TABLE is a name, a pattern such as 'shop.*', owner:, tier: or tag: with a value; none: everything. Changes nothing.
    """
    from datetime import UTC, datetime

    from flows.cli.settings import workbench
    from flows.selecting import selected

    bench = workbench(silent=as_json, need="warehouse", asked=tables)
    from flows.choosing import Selection
    from flows.hours import hours_lines, replica_lines
    from flows.metric_plan import metric_lines
    from flows.planning import plan_table

    wanted = selected(bench.project, tables)
    selection = Selection(window, start, end, full_refresh, reprocess)  # type: ignore[arg-type]
    plans: list[TablePlan] = []
    unread: dict[str, HeadgateError] = {}
    for name in (name for name in wanted if name in bench.project.tables):
        try:
            plans.append(
                plan_table(bench, bench.project.table(name), datetime.now(UTC), selection, counted=not as_json)
            )
        except HeadgateError as error:
            if len(wanted) == 1 or not error.is_of_a_source:
                raise
            unread[name] = error
    seen = _sources(bench, [item.table for item in plans]) if look else {}
    whole = [n for n in wanted if n in bench.project.summaries and bench.project.summaries[n].grid is None]
    summaries = _summaries(bench, whole)
    about = {name: metric_lines(bench.project, name) for name in wanted if name in bench.project.summaries}
    plans += _by_windows(bench, [n for n in wanted if n in bench.project.summaries and n not in whole], selection)
    gone = {item.table: found for item in plans if (found := _broken(bench.project, item))}
    hours = {name: list(hours_lines(bench.settings, bench.project.tables[name], datetime.now(UTC)))
             for name in wanted if name in bench.project.tables}  # fmt: skip
    replicas = {name: list(replica_lines(bench.settings, bench.project.tables[name])) for name in hours}
    reads = {name: table.source.read_in for name, table in bench.project.tables.items() if table.source.read_in}
    if as_json:
        print_json([
            *({**item.to_json(), **({"source": asdict(seen[item.table])} if item.table in seen else {}),
               **({"hours": hours[item.table]} if hours.get(item.table) else {}),
               **({"replica": replicas[item.table]} if replicas.get(item.table) else {}),
               **({"read": reads[item.table]} if item.table in reads else {}),
               **({"metrics": about[item.table]} if item.table in about else {}),
               **({"breaks": [asdict(broken) for broken in gone[item.table]]} if item.table in gone else {})} for item in plans),
            *(asdict(item) | {"metrics": about[item.table]} for item in summaries),
            *({"table": name, "error": why.to_json()} for name, why in unread.items()),
        ])  # fmt: skip
        _leave(unread)
        return

    for item in plans:
        counts = [
            f"{item.count(s)} {s}" for s in ("loaded", "stale", "undone", "failed", "missing", "waits") if item.count(s)
        ]
        looks = any(w.state == "look" for w in item.windows)
        nothing = "no object lies there" if item.batches == "object" else "no window is due"
        state = "looks at the source" if looks else ", ".join(counts) or nothing
        click.echo(click.style(f"{item.table:<34}", bold=True) + f" {state}")
        todo = [] if looks else [window for window in item.to_run if not window.reread]
        if item.missing is not None:
            click.echo(f"    {item.missing.message}")
            click.echo(f"    next: {item.missing.next_command}")
        elif item.changed:
            click.echo(f"    {item.changed}" + ("; run loads it again" if looks else ""))
        if item.paused:
            click.echo(f"    {item.paused}; run leaves it alone (headgate resume {item.table})")
        elif todo:
            span = todo[0].label if len(todo) == 1 else f"{todo[0].label} to {todo[-1].label}"
            estimate = ""
            if item.seconds_expected is not None and item.rows_expected is not None:
                estimate = f", about {plural(item.rows_expected, 'row')} in {item.seconds_expected:.0f} s"
            click.echo(f"    run would load {plural(len(todo), item.batches)}: {span}{estimate}")
        elif not looks and item.missing is None:
            click.echo(f"    nothing to do{f'; next due {item.due_said}' if item.due_said else ''}")
        if item.reread:
            again = item.reread
            span = again[0].label if len(again) == 1 else f"{again[0].label} to {again[-1].label}"
            click.echo(f"    and read {plural(len(again), item.batches)} again {item.why_again}: {span}")
        if item.reconciled:
            click.echo(f"    {item.reconciled}")
        if how := reads.get(item.table):
            click.echo(f"    it is read {how}")
        for line in (*replicas.get(item.table, ()), *hours.get(item.table, ())):
            click.echo(f"    {line}")
        for line in _explained(bench.project, item):
            click.echo(f"    {line}")
        if item.refusal is not None:
            said = item.refusal.message.replace("\n", "\n    ")
            click.echo(f"    run would publish nothing [{item.refusal.code}]: {said}")
            click.echo(
                f"    next: {(item.refusal.next_command or '').replace('headgate retry RUN', f'headgate plan {item.table}')}"
            )
        for change in item.changes:
            if item.refusal is None or str(change) not in item.refusal.message:
                click.echo(f"    schema: {change}")
        for broken in gone.get(item.table, ()):
            for line in broken.lines(bench.project):
                click.echo(f"    {line}")
        if item.table in seen:
            said = seen[item.table].said.replace("\n", "\n    ")
            click.echo(f"    source: {said}")
            if seen[item.table].next_command:
                click.echo(f"    next: {seen[item.table].next_command}")
        if item.kept:
            click.echo(f"    its rows are replaced, and the table stays for: {', '.join(item.kept)}")
        if item.stranger:
            click.echo(f"    {item.table} {item.stranger}: it isn't ours, and run publishes nothing into it (NOT-OURS)")
        for line in about.get(item.table, ()):
            click.echo(f"    {line}")
    for summary in summaries:
        click.echo(click.style(f"{summary.table:<34}", bold=True) + f" {summary.paused or summary.sentence}")
        if summary.layout:
            click.echo(f"    {_laid_out(summary.layout)}")
        for line in about[summary.table]:
            click.echo(f"    {line}")
    for name, why in unread.items():
        click.echo(click.style(f"{name:<34}", bold=True) + f" can't be planned [{why.code}]")
        for line in str(why).replace(*NO_RUN).splitlines():
            click.echo(f"    {line}")
    _leave(unread)


def _leave(unread: Mapping[str, HeadgateError]) -> None:
    """End as failed where a table couldn't be planned."""
    if unread:
        from flows.run import EXIT_FAILED

        raise SystemExit(EXIT_FAILED)


def _broken(project: Project, plan: TablePlan) -> list[Broken]:
    """What the columns feed that the live table has and its declaration has lost."""
    gone = [change.column for change in plan.changes if change.kind == "removed_column"]
    if not gone:
        return []
    # Imported here: reading SQL takes longer than most plans.
    from flows.what_breaks import broken_by

    return broken_by(project, plan.table, gone, [c.column for c in plan.changes if c.kind == "new_column"])


def _sources(bench: Workbench, wanted: Sequence[str]) -> dict[str, Line]:
    """What the head of each source has, against what is declared; a source that is away is told, and is no failure."""
    from datetime import UTC, datetime

    from tasks.live_source import compare_source

    return {name: compare_source(bench, bench.project.table(name), datetime.now(UTC)) for name in wanted}


def _summaries(bench: Workbench, wanted: Sequence[str]) -> list[SummaryPlan]:
    if not wanted:
        return []
    # Imported here: it takes half a second, which a plan of tables needn't wait.
    from datetime import UTC, datetime

    from flows.summary_planning import plan_summary

    now = datetime.now(UTC)
    return [plan_summary(bench, bench.project.summaries[name], now) for name in wanted]


def _by_windows(bench: Workbench, wanted: Sequence[str], selection: Selection) -> list[TablePlan]:
    if not wanted:
        return []
    from datetime import UTC, datetime

    from flows.summary_planning import plan_windows

    return [plan_windows(bench, bench.project.summaries[name], datetime.now(UTC), selection) for name in wanted]


def _laid_out(statements: Sequence[str]) -> str:
    how = "; ".join(statements)
    return f"layout: the live table has another one than physical, and no load changes it; its rows may stay: {how}"


def _explained(project: Project, plan: TablePlan) -> Iterator[str]:
    """What the states mean that `run` doesn't act on by itself."""
    is_summary = plan.table in project.summaries
    if plan.missing is not None:
        return
    if plan.count("waits"):
        yield "waits: an input lacks a window that it is made of (headgate plan, of the inputs)"
    if plan.count("stale") and not is_summary:
        more = "if more than the layout was changed, " if plan.layout else ""
        how = f" ({more}load it again: {plan.again_by})"
        if plan.again_by is None:
            how = " (mode append loads nothing twice)"
        yield f"stale: loaded by an older declaration, and stays as it is{'' if plan.refusal else how}"
    if plan.layout:
        yield _laid_out(plan.layout)
    undone = [window for window in plan.windows if window.state == "undone"]
    if undone:
        waits = (
            "waits until it is asked for"
            if not any(window.run for window in undone)
            else "loaded if its source has changed"
        )
        yield f"undone: rolled back; {waits} (headgate run {plan.table} --window {shlex.quote(undone[-1].label)})"
