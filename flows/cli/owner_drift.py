"""`headgate drift explain|accept|answer`: what a change means is its owner's word."""

from __future__ import annotations

# Nothing of weight at the top: `headgate drift score` shares this module and must start at once.
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expectations.record import DriftAlert, RunRecord
    from tasks.acceptances import Answered
    from tasks.answers import Answer
    from tasks.workbench import Workbench


@click.command()
@click.argument("which", metavar="RUN|TABLE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(which: str, as_json: bool) -> None:
    """What RUN's batch has that its history doesn't explain, what was expected, and what to type.

    With TABLE: the last run of it that told a change.
    """
    from flows.cli.console import print_json
    from flows.cli.settings import workbench
    from tasks.shown import shown_by

    bench = workbench(silent=True, need="warehouse")
    record = _asked(bench, which)
    seen = shown_by(bench, record)
    if as_json:
        told = None if record.drift is None else record.drift.model_dump(mode="json")
        for one in told["alerts"] if told else ():
            if (one["column"], one["kind"]) in seen:
                look = seen[one["column"], one["kind"]]
                one |= {"shown_by": look.what, "keys": list(look.keys)}
        print_json(told)
        return
    click.secho(f"{record.table} {record.label}: {_verdict(record)}", bold=True)
    leading = record.drift.leading if record.drift else ()
    for alert in leading:
        click.echo(f"\n  {alert.level:<6} {alert.column or 'table'} · {alert.kind}: {alert.message}")
        if alert.since and alert.since != record.label:
            click.echo(f"         since {alert.since}")
        if alert.examples:
            click.echo(f"         for example {', '.join(map(str, alert.examples))}")
        if alert.smallest_change:
            click.echo(f"         told from: {alert.smallest_change}")
        if alert.cause:
            click.echo(f"         likely: {alert.cause} (confidence {alert.confidence:.2f})")
        by = seen.get((alert.column, alert.kind))
        if by is not None and by.keys:
            click.echo(f"         rows: {'; '.join(', '.join(f'{k} {v}' for k, v in key.items()) for key in by.keys)}")
        if by is not None:
            click.echo(f"         see: {by.what}")
        folded = record.drift.folded_under(alert) if record.drift else ()
        for one in folded:
            click.echo(f"         with it: {one.place} · {one.kind}: {one.message}")
        for place, kinds in _by_column((alert, *(folded if len(leading) > 1 else ()))).items():
            click.echo(f"         meant? headgate drift accept {record.run_id} --column {place} "
                       f'--kind {" --kind ".join(kinds)} --reason "..."')  # fmt: skip
    if record.drift and len(record.drift.alerts) > 1:
        click.echo(f'\nall of it meant? headgate drift accept {record.run_id} --reason "..."')
    if record.drift and record.drift.alerts:
        click.echo(f"\nnot meant? {_not_meant(bench, record)}")
        click.echo(f'not worth telling? headgate drift answer {record.run_id} not-interesting --reason "..."')


def _by_column(alerts: Sequence[DriftAlert]) -> dict[str, list[str]]:
    """The kinds of each column, in the order in which they are told."""
    found: dict[str, list[str]] = {}
    for alert in alerts:
        found.setdefault(alert.place, []).append(alert.kind)
    return found


def _not_meant(bench: Workbench, record: RunRecord) -> str:
    """What takes this run's batch back; of another batch than this it never speaks."""
    from tasks.rollback import undoable
    from tasks.warehouses.names import TableName, anew

    if record.is_failure:
        return f"tell the source's owner, and when it is mended: headgate retry {record.run_id}"
    table = bench.project.tables.get(record.table)
    if table is None:
        return "the table isn't declared any more: tell whoever reads it"
    windowed = table.names_batches
    if record.run_id in undoable(bench, record.table):
        which = f" --window {record.label}" if windowed else ""
        return f'headgate rollback {record.table}{which} --reason "..."'
    again = f"headgate run {record.table} --window {record.label}" if windowed else f"headgate run {record.table}"
    if table.load.does.only_adds:
        again = anew(TableName.parse(record.table))
    return f"nothing is kept to undo it, or others were published on it; tell the source's owner, and when it is mended: {again}"


@click.command()
@click.argument("which", metavar="RUN|TABLE")
@click.option(
    "--column", help="Only this column; 'table' for the table as a whole. Default: every column that was told."
)
@click.option("--kind", "kinds", multiple=True,
              help="Only this kind of change as it was told, such as values (repeatable; * for every kind). Default: "
                   "every kind that was told.")  # fmt: skip
@click.option("--reason", required=True, help="Why the change is meant; kept and shown.")
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--until", "expires", metavar="WHEN", help="Until when it is meant: 7d, 2026-12-31; default: for good.")
@click.option("--from", "run", metavar="RUN", help="With TABLE: the run that told it; default: the last one that did.")
@click.option("--yes", is_flag=True, help="With TABLE: don't ask, though it is more than one change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def accept(
    which: str, column: str | None, kinds: tuple[str, ...], reason: str, by: str | None, expires: str | None,
    run: str | None, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say that what RUN told (or the last run of TABLE that told such a change) is meant: later batches are held to it.

    With TABLE, what would be accepted is shown first and asked for, unless it is one change or named by --column or --kind.
    Prints the change of the suite that follows, if one does. A batch that was stopped is loaded by headgate retry.
    """
    from datetime import UTC, datetime

    from deployments.moments import until
    from flows.cli.console import print_json
    from flows.cli.settings import workbench
    from tasks.acceptances import answered, write

    bench = workbench(silent=True, need="warehouse")
    moment = None if expires is None else until(expires, datetime.now(UTC), "--until")
    done = answered(bench, which, column=column, kinds=kinds, run_id=run)
    if which != done.record.run_id and len(done.changes) > 1 and not (column or kinds or run or yes):
        _ask(done)
    done = write(bench, done, by, reason, moment)
    record, changes = done.record, [(of or "table", kind) for of, kind in done.changes]
    already = [(of or "table", kind) for of, kind in done.so_already]
    diff = _proposed(bench, record, list(dict.fromkeys(of for of, _ in changes)))
    if as_json:
        said = [{"column": of, "kind": kind, "already": (of, kind) in already} for of, kind in changes]
        print_json({"table": record.table, "run": record.run_id, "accepted": said, "diff": diff})
        return
    held = f" until {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
    for of, kind in changes:
        so = f"accepted already{held}; nothing was changed" if (of, kind) in already else (
            f"accepted{held}; {record.label} is the new level"
        )  # fmt: skip
        click.echo(f"{record.table} {of} {kind}: {so}")
    if diff:
        click.echo("\nThe suite says otherwise; this change of it follows (git apply):\n")
        click.echo(diff, nl=False)
    if record.is_failure:
        click.echo(f"next: headgate retry {record.run_id}")


ANSWERED = {
    "not-meant": "not meant; the batch doesn't count as usual",
    "not-interesting": "not interesting; told from larger changes on",
    "interesting": "told as before",
}


@click.command()
@click.argument("which", metavar="RUN|TABLE")
@click.argument("said", metavar="ANSWER", type=click.Choice(list(ANSWERED)))
@click.option("--column", help="Only this column; 'table' for the table as a whole. Default: every column it is about.")
@click.option("--kind", "kinds", multiple=True,
              help="Only this kind of change as it was told (repeatable; * for every kind). Default: every kind.")  # fmt: skip
@click.option("--reason", required=True, help="Why; kept and shown.")
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--until", "expires", metavar="WHEN", help="Until when it holds: 7d, 2026-12-31; default: for good.")
@click.option("--from", "run", metavar="RUN", help="With TABLE: the run that told it; default: the last one that did.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def answer(
    which: str, said: Answer, column: str | None, kinds: tuple[str, ...], reason: str, by: str | None,
    expires: str | None, run: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say that what RUN told (or the last run of TABLE that told it) is not-meant or not-interesting; a change that is meant is
    accepted by headgate drift accept.

    not-meant: the alarm was right; its batch doesn't count as usual. not-interesting: a false alarm: such a change has to be
    twice as large to be told from now on, four times after another such answer, eight times at most. interesting: as before.
    """
    from datetime import UTC, datetime

    from deployments.moments import until
    from flows.cli.console import print_json
    from flows.cli.settings import workbench
    from tasks import answers

    bench = workbench(silent=True, need="warehouse")
    moment = None if expires is None else until(expires, datetime.now(UTC), "--until")
    table, changes, already = answers.answer(
        bench, which, said, column=column, kinds=kinds, by=by, reason=reason, until=moment, run_id=run
    )
    if as_json:
        about = [{"column": of, "kind": kind, "already": (of, kind) in already} for of, kind in changes]
        print_json({"table": table, "answer": said, "changes": about})
        return
    for of, kind in changes:
        so = f"{said} was said already; nothing was changed" if (of, kind) in already else ANSWERED[said]
        click.echo(f"{table} {of or 'table'} {kind}: {so}")
    if said == "not-interesting":
        click.echo(f'taken back by: headgate drift answer {table} interesting --reason "..."')


def _ask(found: Answered) -> None:
    """Show what would be accepted and ask; where nobody can be asked, the run is to be named."""
    from deployments.errors import DeclarationError
    from deployments.quantities import plural

    record = found.record
    click.echo(
        f"{record.table} {record.label} told {plural(len(found.changes), 'change')} (run {record.run_id}):", err=True
    )
    for of, kind in found.changes:
        alert = (
            next((a for a in record.drift.alerts if (a.column, a.kind) == (of, kind)), None) if record.drift else None
        )
        click.echo(f"  {of or 'table'} {kind}" + (f": {alert.message}" if alert else ""), err=True)
    if not sys.stdin.isatty():
        raise DeclarationError(
            "nothing was accepted: that are several changes at once, and nobody can be asked here", code="ACCEPT-REFUSED",
            next_command=f'headgate drift accept {record.run_id} --reason "..."   (all of them), or with --column and --kind',
        )  # fmt: skip
    click.confirm("Is all of it meant?", abort=True, err=True)


def _asked(bench: Workbench, which: str) -> RunRecord:
    """The run of that name, or the last run of the table that told a change."""
    from deployments.errors import DeclarationError
    from flows.overriding import known
    from tasks.acceptances import last_told

    names = [name for name in bench.project.tables if which in (name, name.partition(".")[2])]
    if not names:
        return known(bench, which)
    table = bench.project.table(which)
    run = last_told(bench, table)
    if run is None:
        raise DeclarationError(
            f"no run of {table.table} told a change",
            code="UNKNOWN-RUN",
            next_command=f"headgate show --table {table.table}",
        )
    return known(bench, run)


def _proposed(bench: Workbench, record: RunRecord, columns: list[str]) -> str:
    from expectations.suites.proposals import proposed_diff

    name = record.table.partition(".")[2]
    file = bench.project.folder / "suites" / f"{name}.yaml"
    if not file.is_file() or record.drift is None:
        return ""
    return proposed_diff(file, columns, record.drift.alerts, record.failed_rules)


def _verdict(record: RunRecord) -> str:
    from deployments.quantities import few

    drift = record.drift
    if drift is None:
        return "no drift was measured"
    absent = f"\nnot held against windows that nothing stood of: {few(drift.without)}" if drift.without else ""
    if not drift.alerts:
        return f"nothing that {drift.history} earlier batches don't explain{absent}"
    done = "stopped" if record.is_failure else "published"
    waiting = f"\nnot counted as usual until accepted: {', '.join(drift.left_out)}" if drift.left_out else ""
    return f"differs from {drift.history} earlier batches; {done} (policy: {drift.policy}){absent}{waiting}"
