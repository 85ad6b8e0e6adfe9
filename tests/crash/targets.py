"""The tables of the trials: one per load mode, and a summary per way of building, declared as a user would declare them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2001, 1, 1)
READERS = "crash_readers"
COLUMNS = ("id", "happened_at", "amount", "note", "updated_at")
GENERATIONS = 2
BAD_AMOUNT = "1_000"
"""Python and DuckDB would read it as a number; the contract sets the row aside."""

_CONTRACT = """columns:
  - {name: id, type: bigint, nullable: false, description: Number}
  - {name: happened_at, type: timestamp, source_timezone: UTC, nullable: false, description: When}
  - {name: amount, type: integer, unit: USD, description: How much}
  - {name: note, type: varchar(200), description: Any text}
  - {name: updated_at, type: timestamp, source_timezone: UTC, nullable: false, description: Last change}
"""
SUMMARIES = ("summary", "summary_window", "summary_merge")
_DAILY = 'window: {every: day, timezone: UTC, start: 2001-01-01, end: 2002-01-01}\nschedule: {cron: "0 2 * * *"}\n'


@dataclass(frozen=True)
class Target:
    """One table of one worker."""

    mode: str
    table: str

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def windowed(self) -> bool:
        return self.mode in ("append", "replace_window", "merge", "summary_window", "summary_merge")

    @property
    def is_summary(self) -> bool:
        return self.mode in SUMMARIES

    def label(self, day: int) -> str:
        return f"{FIRST_DAY + timedelta(days=day):%Y-%m-%d}" if self.windowed else "source"

    def batch_key(self, label: str) -> str:
        if not self.windowed:
            return "source"
        start = datetime.fromisoformat(label)
        return f"{start:%Y-%m-%dT00:00:00Z}/{start + timedelta(days=1):%Y-%m-%dT00:00:00Z}"


def targets(worker: str) -> dict[str, Target]:
    """The tables of a worker, by mode."""
    made = {mode: Target(mode, f"raw_data.crash_{mode}_{worker}")
            for mode in ("full_refresh", "append", "replace_window", "merge")}  # fmt: skip
    return {**made, **{mode: Target(mode, f"analytics.crash_{mode}_{worker}") for mode in SUMMARIES}}


def write_project(folder: Path, worker: str, mended: bool = False) -> None:
    """A project folder as `headgate init` would lay it out. `mended`: with a contract that the bad rows fit."""
    for name in ("tables", "summaries", "suites"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for mode, target in targets(worker).items():
        if target.is_summary:
            text = _summary(worker) if mode == "summary" else _by_windows(worker, target)
            (folder / "summaries" / f"{target.name}.sql").write_text(text)
        else:
            text = _table(target)
            if mended:
                text = text.replace("type: integer", f"type: integer, 'null': ['{BAD_AMOUNT}']")
            (folder / "tables" / f"{target.name}.yaml").write_text(text)


def _table(target: Target) -> str:
    source = f"source: {{kind: csv, connection: files, url: '/{target.name}/source.csv'}}\n"
    window, key, load = "", "", f"mode: {target.mode}"
    if target.windowed:
        window = _DAILY
        url = f"/{target.name}/{{window.start:%Y-%m-%d}}.csv"
        source = f"source: {{kind: csv, connection: files, url: '{url}', on_missing: empty}}\n"
    if target.mode == "merge":
        source = ("source:\n  kind: postgres\n  connection: history\n"
                  f"  query: SELECT id, happened_at, amount, note, updated_at FROM public.{target.name} ORDER BY seq\n"
                  "  cursor: {column: updated_at, kind: mutable}\n")  # fmt: skip
        load += ", keep: {latest_by: updated_at}"
    if target.mode == "replace_window":
        load += ", window_column: happened_at"
    if target.mode != "append":
        # Without a key nothing but the proof stands between a second append and doubled rows.
        key = "key: [id]\n"
    if target.mode == "full_refresh":
        load += ", shrink_guard: 99%"
    load += f", tolerance: 60%, generations: {GENERATIONS}"
    return (
        f"table: {target.table}\ndescription: Rows of the crash trials.\nowner: crash@example.com\n{source}{window}"
        f"{_CONTRACT}{key}load: {{{load}}}\ngrants: [{READERS}]\n"
    )


def _summary(worker: str) -> str:
    known = targets(worker)
    return f"""/*
target: {known["summary"].table}
description: Rows and amounts per day.
owner: crash@example.com
inputs:
  - table: {known["replace_window"].table}
grants: [{READERS}]
generations: {GENERATIONS}
allow_empty: true
*/
SELECT CAST(happened_at AS date) AS day, COUNT(*) AS lines, COALESCE(SUM(amount), 0) AS amount
FROM {known["replace_window"].table}
GROUP BY CAST(happened_at AS date)
"""


def _by_windows(worker: str, target: Target) -> str:
    """One row a day, of a day without rows as well."""
    source = targets(worker)["replace_window"].table
    how = "window\nwindow_column: day" if target.mode == "summary_window" else "merge"
    return f"""/*
target: {target.table}
description: Rows and amounts of each day.
owner: crash@example.com
mode: {how}
window: {{every: day, timezone: UTC, start: 2001-01-01, end: 2002-01-01}}
inputs:
  - table: {source}
columns:
  - {{name: day, type: date, nullable: false}}
  - {{name: lines, type: integer, nullable: false}}
  - {{name: amount, type: bigint, nullable: false}}
key: [day]
grants: [{READERS}]
generations: {GENERATIONS}
*/
SELECT {{window.start.date}} AS day, COUNT(*) AS lines, COALESCE(SUM(amount), 0) AS amount
FROM {source}
WHERE happened_at >= {{window.start}} AND happened_at < {{window.end}}
"""
