"""How runs are told on a terminal: one line a step, a progress bar on long work, the sum, the next command."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click

from expectations.record import RunRecord, Step
from flows.cli.everywhere import quiet, verbose
from tasks.batch import is_whole
from tasks.progress import hear_waits, listen

MARKS = {"published": "ok", "warned": "warning", "unchanged": "same", "already_published": "same", "checked": "ok",
         "held": "held", "failed": "FAILED"}  # fmt: skip
COLORS = {"published": "green", "checked": "green", "warned": "yellow", "failed": "red", "held": "yellow"}


class Console:
    """Tells runs as they happen; with `brief` a run without news is one line."""

    def __init__(self, *, brief: bool = False, silent: bool = False) -> None:
        self.brief, self.silent = brief, silent
        self._verbose = verbose()
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._quiet = quiet()
        self._bar = _Bar(enabled=not silent and not self._quiet and sys.stderr.isatty())

    def step(self, record: RunRecord, step: Step) -> None:
        if self.silent or (self.brief and not self._verbose):
            return
        with self._lock:
            self._bar.clear()
            self._head(record)
            click.echo(f"  {step.name:<12} {step.seconds:6.2f} s  {step.line}")

    def end(self, record: RunRecord) -> None:
        if self.silent:
            return
        with self._lock:
            self._bar.clear()
            if self.brief and not self._verbose:
                self._one_line(record)
            else:
                self._summary(record)

    def progress(self, step: str, amount: int, unit: str) -> None:
        self._bar.show(step, amount, unit)

    def wait(self, sentence: str) -> None:
        """What is waited for, where progress is told: a run is silent otherwise, for as long as a server is away."""
        if self._quiet:
            return
        with self._lock:
            self._bar.clear()
            click.echo(f"  {sentence}", err=True)

    def _one_line(self, record: RunRecord) -> None:
        mark = click.style(f"{MARKS.get(record.status, record.status):<7}", fg=COLORS.get(record.status))
        rows = record.counts.get("published", 0)
        said = f"{rows:>9,} rows" if record.counts else " " * 14
        line = f"  {mark} {record.table:<33} {record.label:<12} {said} {record.seconds:6.2f} s"
        click.echo(line.rstrip())
        for text in news(record):
            told(text, " " * 11)

    def _head(self, record: RunRecord) -> None:
        """What the run is about, once: before its first step, or its end where no step was finished."""
        if record.run_id not in self._begun:
            self._begun.add(record.run_id)
            click.secho(f"{record.table} {record.label}", bold=True)

    def _summary(self, record: RunRecord) -> None:
        self._head(record)
        if record.accounting:
            click.echo(f"  {record.accounting}")
        mark = click.style(MARKS.get(record.status, record.status), fg=COLORS.get(record.status), bold=True)
        said = {
            "unchanged": "the source has what is published already; nothing to do",
            "already_published": "another run had published it; nothing changed",
            "checked": "nothing published, as asked",
            "held": "the source still has what was rolled back; not loaded again (ask for it: "
            f"headgate run {record.table} "
            + ("--full-refresh)" if is_whole(record.batch_key) else f"--window {shlex.quote(record.label)})"),
        }.get(record.status, f"{record.seconds:.1f} s, run {record.run_id}")
        click.echo(f"  {mark}: {said}")
        for text in news(record):
            told(text, " " * 4)


def told(text: str, indent: str) -> None:
    """A sentence, in lines as wide as the terminal; whole where no terminal reads it."""
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns, 60)
        text = textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False
        )
    else:
        text = indent + text
    click.echo(text)


def news(record: RunRecord) -> list[str]:
    """What a reader must know of a run beyond its counts."""
    told = [*record.overrides, *record.warnings]
    told += [f"quarantined {reason.rows:,}: {reason.code}: {reason.sentence}" for reason in record.quarantine]
    told += [
        f"{rule.severity} {rule.code}{' (overridden)' if rule.overridden_by else ''}: {rule.message}"
        for rule in record.failed_rules
    ]
    if record.drift is not None:
        told += [f"drift ({alert.level}) {alert.column or 'table'}: {alert.message}" for alert in record.drift.leading]
    if record.failure is not None:
        told.append(f"[{record.failure.code}] at {record.failure.step}: {record.failure.message}")
        told.append(f"who must act: {record.failure.who_must_act}")
    return told


class _Bar:
    """A line on the terminal that shows how far the running step is."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._shown = 0.0
        self._started: dict[str, float] = {}
        self._dirty = False

    def show(self, step: str, amount: int, unit: str) -> None:
        now = time.monotonic()
        begun = self._started.setdefault(step, now)
        # Steps shorter than this are over before anyone has read a bar.
        if not self._enabled or now - begun < 1.0 or now - self._shown < 0.2:
            return
        self._shown, self._dirty = now, True
        rate = amount / max(now - begun, 1e-9)
        from deployments.quantities import size

        said = f"{size(amount)}, {size(rate)}/s" if unit == "B" else f"{amount:,} {unit}, {rate:,.0f}/s"
        click.echo(f"\r  {step:<12} ... {said}          ", nl=False, err=True)

    def clear(self) -> None:
        self._started.clear()
        if self._dirty:
            click.echo("\r" + " " * 70 + "\r", nl=False, err=True)
            self._dirty = False


@contextmanager
def telling(console: Console) -> Iterator[Console]:
    """Tell the runs of this process on the console."""
    from flows.story import told_to

    with ExitStack() as stops, told_to(console):
        stops.callback(listen(console.progress))
        stops.callback(hear_waits(console.wait))
        yield console


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))
