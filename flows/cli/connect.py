"""`headgate check --connect` and `--live`: one line for each thing tried, as it is tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from tasks.reachable import Line
    from tasks.workbench import Workbench


def try_out(*, connect: bool, live: bool, as_json: bool) -> int:
    """Try, tell, and return the exit code: 0 when everything works."""
    from flows.cli.settings import workbench

    bench = workbench(silent=as_json, need="flows" if connect else "warehouse")
    lines = []
    for line in _lines(bench, connect=connect, live=live):
        lines.append(line)
        if not as_json:
            _tell(line)
    failed = [line for line in lines if not line.ok]
    if as_json:
        print_json({"lines": [asdict(line) for line in lines], "failed": len(failed)})
    else:
        click.echo(f"{len(lines) - len(failed)} of {len(lines)} work" if failed else "everything works")
    return 1 if failed else 0


def _lines(bench: Workbench, *, connect: bool, live: bool) -> Iterator[Line]:
    from tasks.connect import try_everything
    from tasks.hash_keys import look_at_keys
    from tasks.live_contract import compare_live, compare_summaries
    from tasks.live_decisions import look_at_decisions
    from tasks.live_source import compare_source

    if connect:
        yield from try_everything(bench)
    if live:
        yield look_at_decisions(bench)
        yield from look_at_keys(bench)
        yield from compare_live(bench)
        yield from compare_summaries(bench)
        yield from (compare_source(bench, table, datetime.now(UTC)) for table in bench.project.tables.values())


def _tell(line: Line) -> None:
    mark = click.style("ok     ", fg="green") if line.ok else click.style("FAILED ", fg="red", bold=True)
    click.echo(f"{mark} {line.what:<34} {line.said}")
    if not line.ok and line.next_command:
        click.echo(f"        next: {line.next_command}")
