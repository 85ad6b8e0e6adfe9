"""`headgate review`: the weekly figures of a data lead, beside those of the week before."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expectations.review.figures import Figures, Reliability, Work
    from tasks.report_facts import NotGood
    from tasks.warehouses.reconciliations import Coverage


@click.command()
@click.option("--weeks", default=1, show_default=True, type=click.IntRange(1, 52), help="How many weeks, up to now.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures of both spans as JSON.")
def review(weeks: int, as_json: bool) -> None:
    """How often runs failed (core tables apart), whether promises were kept, incidents, rows, what took long, and
    which tables aren't good now.

    The last weeks up to now, beside as many before them. Changes nothing.
    """
    from datetime import UTC, datetime, timedelta

    from expectations.review.figures import figures
    from flows.cli import settings
    from tasks.report_facts import not_good
    from tasks.review import read_history
    from tasks.warehouses.reconciliations import coverage

    bench = settings.workbench(silent=as_json, need="warehouse")
    end = datetime.now(UTC)
    middle, start = end - timedelta(weeks=weeks), end - timedelta(weeks=2 * weeks)
    history = read_history(bench.warehouse, start, end)
    now, before = figures(bench.project, history, middle, end), figures(bench.project, history, start, middle)
    standing, covered = (
        not_good(bench.warehouse, bench.project, end),
        coverage(bench.warehouse, [*bench.project.tables]),
    )
    if as_json:
        print_json({
            "now": _facts(now), "before": _facts(before), "not_good": [asdict(item) for item in standing],
            "reconciled": {table: item.sentence() for table, item in covered.items()},
        })  # fmt: skip
    else:
        _tell(now, before)
        _tell_standing(standing)
        _tell_reconciled(covered)


def _tell(now: Figures, before: Figures) -> None:
    click.secho(f"{now.start:%Y-%m-%d %H:%M} to {now.end:%Y-%m-%d %H:%M} UTC", bold=True, nl=False)
    click.echo(f", beside {before.start:%Y-%m-%d} to {before.end:%Y-%m-%d}")
    if not now.all.runs and not before.all.runs:
        click.echo("  nothing ran")
        return
    lines = [
        ("runs that failed", _failed(now.all), _failed(before.all)),
        ("  of core tables", _failed(now.core), _failed(before.core)),
        ("incidents opened", f"{now.incidents_opened:,}", f"{before.incidents_opened:,}"),
        ("  still open", f"{now.incidents_open:,}", f"{before.incidents_open:,}"),
        ("  mean time to recover", _time(now.recovery_seconds), _time(before.recovery_seconds)),
        ("  mean time to answer", _answered(now), _answered(before)),
        ("batches told as unusual", f"{now.alarms.told:,}", f"{before.alarms.told:,}"),
        ("  said to be no news", f"{now.alarms.false:,}", f"{before.alarms.false:,}"),
        ("  not answered", f"{now.alarms.unanswered:,}", f"{before.alarms.unanswered:,}"),
        ("rows published", f"{now.rows_published:,}", f"{before.rows_published:,}"),
        ("rows set aside", f"{now.rows_quarantined:,}", f"{before.rows_quarantined:,}"),
    ]
    for name, this, that in lines:
        click.echo(f"  {name:<28} {this:<24} {that}".rstrip())
    if now.failures:
        click.echo("  failures: " + ", ".join(f"{code} {count}" for code, count in now.failures))
    _tell_promises(now, before)
    _tell_work("slowest (median)", now.slowest, before)
    _tell_work("most time in all", now.most_work, before)


def _answered(figures: Figures) -> str:
    return f"{_time(figures.answer_seconds)} ({figures.incidents_answered} of {figures.incidents_opened})"


def _tell_standing(standing: Sequence[NotGood]) -> None:
    """Tables that aren't good at this moment; a summary stands no better than what it is built from."""
    from expectations.report.texts import Texts

    texts = Texts()
    if standing:
        click.secho("not good now", bold=True)
    for item in standing:
        why = f"because of {', '.join(item.below)}" if item.below else ""
        click.echo(f"  {item.table:<32} {texts(f'state.{item.state}'):<24} {why}".rstrip())


def _tell_promises(now: Figures, before: Figures) -> None:
    earlier = {item.stakeholder: item for item in before.promises}
    if now.promises or before.promises:
        click.secho("promises kept", bold=True)
    for item in now.promises:
        that = earlier.get(item.stakeholder)
        said = f"{item.kept} of {item.due}"
        mark = click.style(f"{said:<24}", fg="red" if item.late else "green")
        click.echo(f"  for {item.stakeholder:<24} {mark} {f'{that.kept} of {that.due}' if that else '-'}")
        for table in item.late:
            click.echo(f"      late: {table}")


def _tell_reconciled(covered: Mapping[str, Coverage]) -> None:
    if covered:
        click.secho("held against their sources", bold=True)
    for table, item in covered.items():
        click.echo(f"  {table:<36} " + click.style(item.sentence(), fg="red" if item.differing else None))


def _tell_work(title: str, items: Sequence[Work], before: Figures) -> None:
    from expectations.report.words import duration

    if not items:
        return
    earlier = {item.target: item for item in (*before.slowest, *before.most_work)}
    click.secho(title, bold=True)
    for item in items:
        that = earlier.get(item.target)
        runs = f"{item.runs} run{'' if item.runs == 1 else 's'}"
        said = f"{duration(item.median_seconds)} a run, {duration(item.seconds)} in {runs}"
        was = f"before: {duration(that.median_seconds)} a run, {duration(that.seconds)}" if that else ""
        click.echo(f"  {item.target:<36} {said:<40} {was}".rstrip())


def _failed(found: Reliability) -> str:
    return "none ran" if found.rate is None else f"{found.failed:,} of {found.runs:,} ({100 * found.rate:.1f} %)"


def _time(seconds: float | None) -> str:
    from expectations.report.words import duration

    return "-" if seconds is None else duration(seconds)


def _facts(found: Figures) -> dict[str, object]:
    return {
        **asdict(found), "failures": dict(found.failures),
        "all": {**asdict(found.all), "rate": found.all.rate}, "core": {**asdict(found.core), "rate": found.core.rate},
        "start": found.start.isoformat(), "end": found.end.isoformat(),
    }  # fmt: skip
