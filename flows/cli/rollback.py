"""`headgate rollback`: readers see again what they saw before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deployments.quantities import plural
from flows.cli.console import Console, print_json, telling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployments.project import Project
    from tasks.workbench import Workbench


@click.command()
@click.argument("table", nargs=-1, required=True, metavar="TABLE")
@click.option("--window", help="Undo the last publish of this window (its label, such as 2020-08-10).")
@click.option("--to", "to_run", metavar="RUN", help="Undo everything that was published after this run.")
@click.option("--reason", default="", help="Why; kept with the rollback. Needed without --window and --to.")
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--no-dependents", is_flag=True, help="Don't rebuild the summaries that read the table.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def rollback(
    table: tuple[str, ...], window: str | None, to_run: str | None, reason: str, by: str | None, no_dependents: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Undo the last publish of TABLE in one transaction: rows, not views, grants or comments.

    Without --window and --to it says what it would undo, and wants a --reason.
    The last publishes are kept for this (load.generations, default 2). Typing the command again changes nothing: to go
    further back, say --to RUN. What was undone isn't loaded again by itself while the source has the same content.
    """
    from flows.cli.settings import workbench

    bench = workbench(silent=as_json, asked=table)
    name = _one(bench.project, table)
    from flows.taking_back import roll_back

    if window is None and to_run is None and not reason:
        _refuse_bare(bench, name)
    done = roll_back(bench, name, window=window, to=to_run, by=by, reason=reason)
    rebuild = bool(done.dependents) and done.record is not None and not no_dependents
    if not as_json:
        _tell(name, done)
    failures = []
    if rebuild:
        from flows import actions
        from flows.run import without_heartbeat

        with without_heartbeat(), telling(Console(brief=True, silent=as_json)):
            failures = actions.rebuild(bench, done.dependents).failures
    if as_json:
        print_json({
            "table": name, "undone": [proof.run_id for proof in done.publishes],
            "run": None if done.record is None else done.record.run_id,
            "counts": {} if done.record is None else done.record.counts, "stale": list(done.dependents),
            "rebuilt": rebuild, "failures": [f"{failed}: {error}" for failed, _, error in failures],
        })  # fmt: skip
    else:
        for failed, _, error in failures:
            click.echo(click.style("failed ", fg="red", bold=True) + f"{failed}: {error}", err=True)
        if done.dependents and not rebuild and done.record is not None:
            click.echo(f"next: headgate run {' '.join(done.dependents)}   (they still show what was undone)")
    raise click.exceptions.Exit(1 if failures else 0)


def _one(project: Project, asked: Sequence[str]) -> str:
    """The table that is meant. Of several each undo is looked at and decided by itself: a publish of each is another one."""
    from deployments.errors import DeclarationError
    from flows.selecting import selected

    found = selected(project, asked)
    if len(found) == 1:
        return found[0]
    told = " ".join(f"--table {name}" for name in found)
    raise DeclarationError(
        f"an undo is of one table: {', '.join(asked)} means {len(found)}, each with a last publish of its own. Nothing was "
        "changed",
        code="ROLLBACK-ONE",
        # None of them bare: which publish it would undo has to be seen first.
        next_command=f"headgate show {told}   (what was published last); then: one of them",
    )


def _refuse_bare(bench: Workbench, table: str) -> None:
    """Say what the last publish is: whoever means another one sees it here. Nothing when it is undone already."""
    from deployments.errors import DeclarationError
    from tasks.batch import is_whole
    from tasks.rollback import choose, label_of, target_of
    from tasks.warehouses import ops

    target = target_of(bench, table)
    ops.prepare(bench.warehouse, [target.live])
    chosen = choose(bench, target, None, None)
    if not chosen:
        return
    (proof,) = chosen
    label = "" if is_whole(proof.batch_key) else label_of(bench, target.name, proof.batch_key)
    about, which = f"{target.name} {label}".rstrip(), f" --window {label}" if label else ""
    raise DeclarationError(
        f"this would undo the last publish, {about}: run {proof.run_id}, {plural(proof.counts.published, 'row')}, published "
        f"{proof.published_at:%Y-%m-%d %H:%M} UTC. Nothing was changed: say why, and of which window",
        code="ROLLBACK-UNSAID",
        next_command=f'headgate rollback {target.name}{which} --reason "..."',
    )  # fmt: skip


def _tell(name: str, done) -> None:  # type: ignore[no-untyped-def]
    from tasks.batch import SOURCE_KEY

    if done.record is None:
        click.echo(f"{name}: that is undone already; nothing was changed")
        click.echo(f"next: headgate rollback {name} --to RUN   (to go further back; headgate show lists runs)")
        return
    # A table without windows has one batch: its label says nothing to people.
    label = "" if done.record.label == SOURCE_KEY else f" {done.record.label}"
    click.secho(f"{name}{label}: rolled back", bold=True)
    for proof in done.publishes:
        click.echo(f"  undone: {proof.run_id}, published {proof.published_at:%Y-%m-%d %H:%M} UTC")
    counts = done.record.counts
    click.echo(
        f"  {plural(counts['deleted'], 'row')} taken out, {counts['inserted']:,} put back; run {done.record.run_id}"
    )
