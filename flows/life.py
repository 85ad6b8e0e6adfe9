"""The life of a run: begun, told and finished the same way, whatever it does; and kept where people and later runs look."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.declarations.summary import Summary
from deployments.declarations.table import Table
from deployments.errors import HeadgateError
from expectations.record import RunKind, RunRecord, Status, Step
from flows.story import Story
from tasks import report
from tasks.batch import Batch
from tasks.spool import hold, release
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.warehouses.publish_plan import Published
from tasks.workbench import Workbench, workbench

if TYPE_CHECKING:
    from tasks.summarize import Job

logger = logging.getLogger(__name__)


def made_ready(bench: Workbench, live: TableName, declared: Table | Summary) -> None:
    """Make what the warehouse needs beside a target. The local stack has nobody who provisions it; a real warehouse's groups
    are made by `headgate provision`."""
    groups = (*declared.grants, *bench.project.readers(declared.schema_name)) if bench.settings.local_stack else ()
    stateful = [live] if isinstance(declared, Table) and declared.source.keeps_state else []
    ops.prepare(bench.warehouse, [live], groups, stateful=stateful)


def begin(work: Batch | Job, kind: RunKind, found: tuple[str, ...] = (), **known: Any) -> Story:
    """Begin the story of a run. Its spool is marked as in use on this machine: what it leaves when it is killed is found by
    that. `found`: what was wrong before; `known`: more of its record."""
    target, window = str(work.live), work.window
    hold(work.spool, target, work.attempt_id, work.stage_key)
    record = _record(
        workbench(), target, kind, run_id=work.run_id, batch_key=work.batch_key, label=work.label, attempt_id=work.attempt_id,
        window_start=window.start if window else None, window_end=window.end if window else None, status="running",
        started_at=datetime.now(UTC), flow_run_id=_flow_run_id(), attempt=_attempt_number(), **known,
    )  # fmt: skip
    return Story(record, found=found)


def done(bench: Workbench, target: str, what: str, began: datetime, line: str, rows: int, **known: Any) -> RunRecord:
    """Keep the record of a run of one step, `what`, that has changed the table by hand: a plain function did it, which must
    work while the Prefect server is down."""
    over = datetime.now(UTC)
    record = _record(
        bench, target, "rollback", mode=what, status="published", started_at=began, finished_at=over,
        steps=(Step(name=what, seconds=(over - began).total_seconds(), rows=rows, line=line),), **known,
    )  # fmt: skip
    keep(bench, record)
    return record


def _record(bench: Workbench, target: str, kind: RunKind, **known: Any) -> RunRecord:
    """What a run is of, with what it repeats of its table or summary, as it is declared now."""
    summary = bench.project.summaries.get(target)
    declared = summary or bench.project.table(target)
    if isinstance(declared, Table):
        known = {"mode": declared.load.mode, "suite_hash": bench.project.suite_hash(target), **known}
    return RunRecord(
        **{"mode": "full_refresh", **known}, table=target, kind=kind, description=declared.description,
        owner=declared.owner, tier=declared.tier, declaration_hash=declared.fingerprint,
    )  # fmt: skip


@contextmanager
def to_its_end(story: Story, spool: Path) -> Iterator[None]:
    """However a run ends: a failure is kept with its story, and the raw bytes, which may hold personal data, go."""
    try:
        yield
    except BaseException as error:
        _name_source(story.record, error)
        keep(workbench(), story.fail(error))
        _let_go(error)
        raise
    finally:
        release(spool)


def finished(story: Story, status: Status, published: Published | None = None) -> RunRecord:
    """End the story, and keep it. `published` tells itself how it went."""
    if published is not None:
        warned = story.found or has_warnings(story.record)
        status = "already_published" if not published.by_this_attempt else "warned" if warned else "published"
    record = story.finish(status)
    keep(workbench(), record, profile=published is not None and published.by_this_attempt)
    return record


def has_warnings(record: RunRecord) -> bool:
    """Whether somebody should look at what was published."""
    alerts = record.drift.alerts if record.drift else ()
    failed = any(rule.severity == "warning" for rule in record.failed_rules)
    return bool(record.warnings or record.overrides or record.quarantine or alerts or failed)


def keep(bench: Workbench, record: RunRecord, *, profile: bool = False) -> None:
    """Write the record where people and later runs look: locally first, then the ops tables and the report. `profile`: that of
    its batch counts from now on."""
    for what, keeper in (("on disk", _on_disk), ("in the warehouse", _in_warehouse), ("as a page", _as_page)):
        try:
            keeper(bench, record, profile=profile)
        except Exception as error:  # noqa: BLE001
            # Whatever it is: the data's own state is proven elsewhere, and neither a lost record nor a fault in a page
            # may turn a published batch into a failed run, or hide why a run failed.
            logger.warning("the record of %s could not be kept %s: %s", record.run_id, what, error)
    # A stop from outside is nobody's incident: the next run does what is left.
    stopped = record.failure is not None and record.failure.code == "INTERRUPTED"
    if (record.is_failure and not stopped) or (bench.settings.state / "incidents.json").exists():
        # Imported here: a run without news doesn't pay for what sends messages.
        from tasks.incidents.watching import after_run

        try:
            after_run(bench, record, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - as above; the watch looks at the run again
            logger.warning("nobody was told of %s: %s", record.run_id, error)


def _on_disk(bench: Workbench, record: RunRecord, *, profile: bool) -> None:
    report.keep_locally(bench, record)


def _in_warehouse(bench: Workbench, record: RunRecord, *, profile: bool) -> None:
    ops.save_run(bench.warehouse, record)
    if profile and record.profile is not None:
        ops.number_profile(bench.warehouse, record)


def _as_page(bench: Workbench, record: RunRecord, *, profile: bool) -> None:
    report.publish_report(bench, record)


def _let_go(error: BaseException | None) -> None:
    """Empty the frames that an error goes through: it is kept until the process ends, and would keep the batch's
    connections and frames of data alive with it. The text of its traceback stays."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _name_source(record: RunRecord, error: BaseException) -> None:
    """Let the next command of a failure name the source of the table it is about."""
    from tasks.sources.spoken import with_source

    tables = workbench().project.tables
    if isinstance(error, HeadgateError) and error.next_command and record.table in tables:
        error.next_command = with_source(error.next_command, tables[record.table], record.label)


def _flow_run_id() -> str | None:
    """The id of the Prefect flow run this code is in, if any."""
    from prefect.runtime import flow_run

    identifier = flow_run.get_id()
    return None if identifier is None else str(identifier)


def _attempt_number() -> int:
    """Which try of the flow run this is, from 1."""
    from prefect.runtime import flow_run

    return int(flow_run.get_run_count() or os.environ.get("PREFECT__FLOW_RUN_COUNT", 1))
