"""`headgate retry RUN`: run again what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flows.cli.console import Console, print_json, telling

if TYPE_CHECKING:
    from expectations.record import RunRecord
    from tasks.workbench import Workbench


@click.command()
@click.argument("run")
@click.option("--no-dependents", is_flag=True, help="Don't rebuild the summaries that read the table.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def retry(run: str, no_dependents: bool, as_json: bool) -> None:
    """Run the batch of a failed RUN again. A batch that was published since is left alone.

    Overrides given for RUN that haven't expired hold for this try, too.
    """
    from deployments.errors import HeadgateError
    from flows.cli.settings import workbench

    bench = workbench(silent=as_json)
    from flows.overriding import known

    record = known(bench, run)
    done = _nothing_to_retry(bench, record)
    if done is not None:
        if as_json:
            print_json({"runs": [], "nothing": done})
        else:
            click.echo(f"{record.table} {record.label}: {done}")
        return
    from flows.run import Outcome, build_summaries, without_heartbeat
    from flows.story import told_to

    outcome = Outcome()
    with without_heartbeat(), told_to(outcome), telling(Console(silent=as_json)):
        try:
            _again(bench, record)
        except HeadgateError as failed:
            outcome.failures.append((record.table, record.label, failed))
        if not no_dependents:
            build_summaries(bench, [], outcome, with_dependents=True, rebuild=False)
    if as_json:
        print_json({
            "runs": [item.model_dump(mode="json", exclude={"profile"}) for item in outcome.records],
            "failures": [{"table": table, "window": label, "error": str(error)} for table, label, error in outcome.failures],
        })  # fmt: skip
    else:
        for _, _, failure in outcome.failures:
            if isinstance(failure, HeadgateError) and failure.next_command:
                click.echo(f"next: {failure.next_command}", err=True)
    raise click.exceptions.Exit(outcome.exit_code)


def _nothing_to_retry(bench: Workbench, record: RunRecord) -> str | None:
    """Why there is nothing to do, if so."""
    from tasks.overrides import published_since

    if record.status != "failed":
        return f"run {record.run_id} didn't fail ({record.status})"
    since = None if record.kind == "replay" else published_since(bench, record)
    return None if since is None else f"published by {since.run_id} since; nothing to do"


def _again(bench: Workbench, record: RunRecord) -> None:
    from datetime import UTC, datetime

    from tasks.batch import is_whole, window_of
    from tasks.overrides import in_force

    if record.kind == "replay":
        from flows.replay import replay

        replay(record.table, None if is_whole(record.batch_key) else record.batch_key)
    elif in_force(bench, record, datetime.now(UTC)):
        from flows.override import publish_override

        publish_override(record.run_id)
    elif record.kind == "summary":
        from flows.summarize import summarize

        summarize(record.table, window=window_of(record.batch_key))
    else:
        from flows.ingest import ingest
        from flows.part_runner import on_part_runner

        on_part_runner(ingest)(record.table, window_of(record.batch_key))
