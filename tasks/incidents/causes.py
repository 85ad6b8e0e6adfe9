"""From runs that failed to troubles: what they have in common, and the cause in lines that hold no values of people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deployments.project import Project
from deployments.quantities import plural
from expectations.record import RunRecord
from expectations.withheld import cleaned
from tasks.incidents.freshness import severity_of
from tasks.incidents.model import ORDER, THE_WAREHOUSE, Trouble
from tasks.warehouses.metric_comparisons import Comparison
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.reconciliations import Differing

WAREHOUSE = frozenset(
    {
        "WAREHOUSE-UNREACHABLE",
        "CONNECTION-LOST",
        "IN-DOUBT",
        "WAREHOUSE-LOGIN",
        "WAREHOUSE-TLS",
        "WAREHOUSE-FULL",
        "WAREHOUSE-READ-ONLY",
        "WAREHOUSE-FAULT",
    }
)
STAGE = frozenset({"STAGE-UNREACHABLE", "STAGE-RIGHTS", "COPY-RIGHTS", "COPY-ROLE"})
SOURCE = frozenset({"SOURCE-UNREACHABLE", "SOURCE-LOGIN", "SOURCE-BUSY"})
_SAME_REASON = {"CONNECTION-LOST": "WAREHOUSE-UNREACHABLE", "IN-DOUBT": "WAREHOUSE-UNREACHABLE"}
_LINES = 8
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Failing:
    """A batch that isn't published because its last run failed: that run, since when, and how many times in a row."""

    record: RunRecord
    since: datetime
    times: int


def run_troubles(project: Project, failing: Sequence[Failing]) -> list[Trouble]:
    """A trouble per batch that fails; folding makes one of those with one reason."""
    return [trouble(project, item) for item in failing if item.record.failure is not None]


def differing_troubles(project: Project, differing: Sequence[Differing]) -> list[Trouble]:
    """A trouble per table of which windows differ from their source."""
    found: dict[str, list[Differing]] = {}
    for item in differing:
        if item.target in project.tables:
            found.setdefault(item.target, []).append(item)
    troubles = []
    for table, windows in found.items():
        first, more = windows[0], len(windows) - 1
        whole = project.tables[table].grid is None
        place = "" if whole else f" in {first.label}" + (f" and {more:,} more windows" if more else "")
        span = "" if whole else f" --from {first.label}"
        troubles.append(
            Trouble(
                scope=table, code="SOURCE-DIFFERS", domain="run", family="upstream", severity=severity_of(project, table),
                message=f"{table} has other rows than its source{place}: {first}",
                since=min(item.at for item in windows), latest=max(item.at for item in windows), tables=(table,),
                times=len(windows), label="" if whole else first.label, step="reconcile",
                next_command=anew(TableName.parse(table))
                if project.tables[table].load.does.only_adds
                else f"headgate reconcile {table}{span} --repair",
                details=tuple(f"{item.label}: {item}" for item in windows[:_LINES]),
            )
        )  # fmt: skip
    return troubles


def metric_troubles(project: Project, compared: Sequence[Comparison]) -> list[Trouble]:
    """A trouble per metric that isn't the same in two summaries which both still have it."""
    found: dict[str, list[Comparison]] = {}
    for item in compared:
        if item.differing and {item.target, item.other} <= project.summaries_with(item.metric).keys():
            found.setdefault(item.metric, []).append(item)
    troubles = []
    for metric, pairs in found.items():
        tables = tuple(dict.fromkeys(name for item in pairs for name in (item.target, item.other)))
        severities = [severity_of(project, name) for name in tables]
        first = pairs[0]
        troubles.append(
            Trouble(
                scope=f"metric {metric}", code="METRIC-DIFFERS", domain="run", family="declaration",
                severity=min(severities, key=ORDER.index),
                message=f"{metric} isn't the same in {first.target} and {first.other} {first.grain}: {first.differing:,} of "
                f"{first.compared:,} differ",
                since=min(item.at for item in pairs), latest=max(item.at for item in pairs), tables=tables, times=len(pairs),
                step="compare metrics", run_id=first.run_id, next_command=f"headgate lineage {first.target}",
                details=tuple(
                    f"{item.target} here, {item.other} there; {line}" for item in pairs for line in item.examples
                )[:_LINES],
            )
        )  # fmt: skip
    return troubles


def trouble(project: Project, item: Failing) -> Trouble:
    """What one failing batch says."""
    record = cleaned(item.record)
    failure = record.failure
    assert failure is not None
    code = reason(failure.code)
    declared = record.table in project.tables or record.table in project.summaries
    return Trouble(
        scope=scope(project, record.table, code), code=code, domain="run", family=failure.family,
        severity=severity_of(project, record.table) if declared else "major",
        message=fit_to_tell(failure.code, failure.message.splitlines()[0]),
        since=item.since, latest=record.finished_at or record.started_at,
        tables=(record.table,), times=item.times, label="" if record.label == "source" else record.label,
        step=failure.step, run_id=record.run_id, flow_run_id=record.flow_run_id, next_command=failure.next_command,
        details=details(record),
    )  # fmt: skip


def reason(code: str) -> str:
    """The code that an incident goes by: two codes for one reason are one."""
    return _SAME_REASON.get(code, code)


def fit_to_tell(code: str, message: str) -> str:
    """The message as it may be told: a server that refuses a value quotes it."""
    return _QUOTED.sub('"..."', message) if code.startswith("SQL-22") else message


def scope(project: Project, table: str, code: str) -> str:
    """What fails: the table, or something that several tables need."""
    if code in WAREHOUSE:
        return THE_WAREHOUSE
    if code in STAGE:
        return "the stage"
    declared = project.tables.get(table)
    if code in SOURCE and declared is not None and declared.source.connection:
        return f"connection {declared.source.connection}"
    return table


def details(record: RunRecord) -> tuple[str, ...]:
    """The cause in lines: rules that failed with observed against expected, drift, rows set aside, the rest of the message.

    The record must be cleaned of masked values. Keys and examples of rows are never told.
    """
    failure = record.failure
    lines = []
    if failure is not None:
        rest = (line.strip() for line in failure.message.splitlines()[1:])
        lines = [fit_to_tell(failure.code, line) for line in rest if line]
    for rule in record.failed_rules:
        told = any(line.startswith(f"{rule.code}:") for line in lines)
        if rule.severity != "info" and rule.overridden_by is None and not told:
            lines.append(
                f"{rule.code}: {rule.sentence}" + _observed(rule.rows_failed, rule.rows_checked, rule.observed)
            )
    if record.drift is not None:
        lines += [
            f"drift of {alert.column or 'the table'}: {alert.message}"
            for alert in record.drift.leading
            if alert.message not in lines
        ]
    lines += [f"{aside.code}: {plural(aside.rows, 'row')} set aside: {aside.sentence}" for aside in record.quarantine]
    unique = list(dict.fromkeys(line[:400] for line in lines))
    more = len(unique) - _LINES
    return tuple(unique) if more <= 0 else (*unique[:_LINES], f"and {more} more")


def _observed(failed: int | None, checked: int | None, observed: object) -> str:
    if failed is not None and checked:
        return f" ({failed:,} of {plural(checked, 'row')} break it)"
    # Only figures: a text that was observed may be somebody's.
    return f" (observed {observed})" if isinstance(observed, int | float) and not isinstance(observed, bool) else ""
