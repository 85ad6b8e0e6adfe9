"""What Prefect's page shows of a run of several windows: a table of them, kept under one key so that there is a history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from deployments.declarations.table import Table
from expectations.record import RunRecord
from flows.run import Outcome

if TYPE_CHECKING:
    from flows.due import Due

MOST_ROWS = 200


def key_of(kind: str, name: str) -> str:
    """An artifact's key: lower-case letters, digits and dashes only."""
    return f"{kind}-" + "".join(c if c.isalnum() else "-" for c in name.lower())


def table_artifact(table: Table, due: Due) -> None:
    """The windows one scheduled run loaded, waits for, failed at or didn't try."""
    outcome = due.outcome
    if not (outcome.records or outcome.failures or due.waiting):
        return
    text = [f"# {table.table}", table.description, "", *windows_table(outcome)]
    for item in due.waiting:
        late = "" if item.until is None else f" (late from {item.until:%Y-%m-%d %H:%M} UTC)"
        text.append(f"\nWaiting: {item.label}: {item.awaited}{late}")
    keep_markdown(key_of("load", table.table), "\n".join(text), f"Last run of {table.table}")


def windows_table(outcome: Outcome) -> list[str]:
    """Markdown: a line per window with rows, verdict and the next command."""
    lines = ["| window | outcome | rows | seconds | run |", "|---|---|---:|---:|---|"]
    lines += [_line(record) for record in outcome.records[:MOST_ROWS]]
    if len(outcome.records) > MOST_ROWS:
        lines.append(f"| {len(outcome.records) - MOST_ROWS} more | | | | `headgate show` |")
    lines += [f"| {label} | not tried | | | |" for label in _first([label for _, label, _ in outcome.skipped])]
    for table, label, error in outcome.failures:
        code = getattr(error, "code", type(error).__name__)
        lines.append(f"\n**{table} {label} failed: {code}**\n\n```\n{error}\n```")
    return lines


def keep_markdown(key: str, text: str, description: str) -> None:
    """Store a markdown artifact of the current flow run."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(markdown=text, key=key, description=description)


def _line(record: RunRecord) -> str:
    rows = f"{record.counts['published']:,}" if "published" in record.counts else ""
    return f"| {record.label} | {record.status} | {rows} | {record.seconds:.1f} | `{record.run_id}` |"


def _first(labels: Sequence[str]) -> Iterable[str]:
    return labels if len(labels) <= MOST_ROWS else (*labels[:MOST_ROWS], f"{len(labels) - MOST_ROWS} more")
