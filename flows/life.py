"""The life of a run: begun, told and finished the same way, whatever it does; and kept where people and later runs look."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.errors import HeadgateError
from deployments.windows import Window
from expectations.record import RunKind, RunRecord, Status
from flows.story import Story
from tasks import report
from tasks.sources.spoken import with_source
from tasks.spool import hold, release
from tasks.warehouses import ops
from tasks.warehouses.publish_plan import Published
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)


def begin(
    target: str, kind: RunKind, *, batch_key: str, label: str, run_id: str, attempt_id: str, spool: Path,
    stage_key: str = "", window: Window | None = None, found: tuple[str, ...] = (), **known: Any,
) -> Story:  # fmt: skip
    """Begin the story of a run. Its spool is marked as in use on this machine: what it leaves when it is killed is found by
    that. `found`: what was wrong before; `known`: more of its record."""
    hold(spool, target, attempt_id, stage_key)
    return Story(
        RunRecord(
            run_id=run_id, table=target, kind=kind, batch_key=batch_key, label=label,
            window_start=window.start if window else None, window_end=window.end if window else None, status="running",
            started_at=datetime.now(UTC), attempt_id=attempt_id, flow_run_id=_flow_run_id(), attempt=_attempt_number(),
            **{"mode": _mode(target), **declared_facts(workbench(), target), **known},
        ),
        found=found,
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


def declared_facts(bench: Workbench, target: str) -> dict[str, Any]:
    """What the record of a run repeats of its table or summary, as it is declared now."""
    summary = bench.project.summaries.get(target)
    declared = summary or bench.project.table(target)
    facts = {"description": declared.description, "owner": declared.owner, "tier": declared.tier,
             "declaration_hash": declared.fingerprint}  # fmt: skip
    return facts if summary is not None else facts | {"suite_hash": bench.project.suite_hash(target)}


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
    tables = workbench().project.tables
    if isinstance(error, HeadgateError) and error.next_command and record.table in tables:
        error.next_command = with_source(error.next_command, tables[record.table], record.label)


def _mode(target: str) -> str:
    project = workbench().project
    return "full_refresh" if target in project.summaries else project.table(target).load.mode


def _flow_run_id() -> str | None:
    """The id of the Prefect flow run this code is in, if any."""
    from prefect.runtime import flow_run

    identifier = flow_run.get_id()
    return None if identifier is None else str(identifier)


def _attempt_number() -> int:
    """Which try of the flow run this is, from 1."""
    from prefect.runtime import flow_run

    return int(flow_run.get_run_count() or os.environ.get("PREFECT__FLOW_RUN_COUNT", 1))
