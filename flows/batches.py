"""The beginning and the end of a batch's run: what it covers, and what is kept of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

from deployments.declarations.table import Table
from deployments.errors import CheckFailedError, DeclarationError, HeadgateError
from expectations.record import RunRecord
from flows.choosing import Selection
from flows.life import begin, made_ready
from flows.planning import plan_table
from flows.story import Story, new_run_id
from tasks import doubles, erasures, hash_keys
from tasks.assess import needs_library
from tasks.batch import SINCE_KEY, SOURCE_KEY, Batch, Extracted, Override, Validated, is_whole, new_attempt
from tasks.housekeeping import keep_house
from tasks.leftovers import remove_attempt
from tasks.sources.objects import is_content_of
from tasks.warehouses import clock
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.session import DriverError
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)


def opened(
    name: str,
    window: str,
    reprocess: bool,
    overrides: tuple[Override, ...] = (),
    *,
    reread: bool = False,
    until: str = "publish",
) -> tuple[Batch, Story]:
    """The batch of a table and a window label, with its story begun. Makes what the warehouse needs beside the table.

    `until`: the last step that was asked for.
    """
    bench = workbench()
    table = bench.project.table(name)
    made_ready(bench, TableName.parse(table.table), table)
    batch, changed = _batch(bench, table, window, reprocess)
    whole = until not in ("extract", "validate", "stage")
    again = reprocess and not overrides
    if again and table.adds_news and batch.batch_key != f"{SINCE_KEY}0":
        raise _appended_again(table, "source")
    batch = replace(batch, overrides=overrides, reread=reread and batch.stands, ahead=whole, anew=again)
    if needs_library(table, bench.project.suite(table.table)):
        from expectations.suites.library import import_in_background

        import_in_background()
    keep_house(bench, table.table)
    columns = tuple(_column(table, column.name) for column in table.columns)
    found = () if changed is None else (changed,)
    return batch, begin(batch, "override" if overrides else "ingest", found, schema_columns=columns)


def appended(batch: Batch) -> bool:
    """Whether the window is in the table for good: a run that comes again, after a crash say, has nothing to do."""
    return batch.stands and not batch.reread and workbench().project.table(batch.table).load.does.only_adds


def nothing_new(batch: Batch, source: Extracted, reprocess: bool) -> bool:
    """Whether a table without windows has the content that is published already, or its source nothing since."""
    if source.state is not None and source.state.since and not (source.rows or source.state.is_news):
        return True
    return is_whole(batch.batch_key) and not reprocess and source.fingerprint == batch.standing_fingerprint


def as_published(batch: Batch, source: Extracted) -> bool:
    """Whether a window that is read again has the content that is published already, or nothing any more: a source that has
    lost all rows of a window doesn't empty it by itself."""
    if not batch.reread:
        return False
    if batch.object_name:
        return source.missing or is_content_of(source.fingerprint, batch.standing_fingerprint)
    return source.fingerprint == batch.standing_fingerprint or not (source.rows or source.objects)


def refuse_doubled(batch: Batch, source: Extracted) -> None:
    """Raise before an object's rows would be appended a second time: where it was replaced since it was loaded, or another that
    stands has the same bytes. A merge knows rows by their key."""
    bench = workbench()
    table = bench.project.table(batch.table)
    if not batch.object_name or not table.load.does.only_adds or not source.rows:
        return
    if batch.reread:
        raise CheckFailedError(
            f"{source.where} was replaced since it was loaded ({batch.label}), and append can't load it again without doubling "
            "rows (load.mode: merge with a key takes new versions); nothing was changed",
            code="OBJECT-REPLACED",
            next_command=doubles.way_out(bench, batch),
        )
    twin = doubles.twin(bench, batch, source.fingerprint)
    if twin is not None and not batch.overridden("OBJECT-REPEATED"):
        raise CheckFailedError(
            f"{source.where} has the same bytes as an object that is loaded: {twin}; nothing was loaded a second time",
            code="OBJECT-REPEATED",
            next_command="take the object away; or, when its rows are to be there twice: headgate publish RUN --override "
            'OBJECT-REPEATED --reason "..." --expires 1d',
        )  # fmt: skip


def changes_nothing(batch: Batch, checked: Validated) -> bool:
    """Whether a window that is read again has the rows that are live, in whichever order they came.

    DeclarationError where loading it again would put older versions of rows over later ones.
    """
    if not batch.reread or batch.object_name or checked.in_place is not None:
        return False
    from tasks.reconcile.compare import against_live, is_unsafe_again

    bench = workbench()
    table = bench.project.table(batch.table)
    found = against_live(bench, table, batch.window, checked, batch.spool)
    if found.is_one and is_unsafe_again(table, found):
        raise refuse_older(table, batch.label, found.superseded)
    return not found.is_one


def refuse_older(table: Table, label: str, rows: int) -> DeclarationError:
    """The error of a window that isn't loaded again by itself, since later windows have later versions of its rows."""
    return DeclarationError(
        f"{table.table} {label}: its source has other rows than were loaded, but {rows:,} of its keys have later versions in "
        "later windows, which it would put back; nothing was loaded again",
        code="OLDER-VERSIONS",
        next_command="declare load.keep: {latest_by: COLUMN}, by which the latest version of a key stays",
    )


def held(batch: Batch, source: Extracted) -> bool:
    """Whether the source still has what was rolled back: it isn't loaded again unless somebody asks for the batch."""
    if not batch.refused:
        return False
    # A database may give the same rows in another order, so that other bytes are no sign of other content.
    unordered = batch.window is not None and not workbench().project.table(batch.table).source.gives_stable_bytes
    return unordered or source.fingerprint[:128] in batch.refused


def passed_over(batch: Batch, story: Story) -> RunRecord:
    """End a window that isn't published because one before it wasn't good. Nothing is kept of it, as if never begun."""
    logger.info("%s %s isn't loaded: a window before it wasn't good", batch.table, batch.label)
    try:
        remove_attempt(workbench(), batch)
    except (DriverError, HeadgateError, OSError) as error:
        logger.warning("what %s had made is left for the next clean-up: %s", batch.run_id, error)
    return story.record


def _batch(bench: Workbench, table: Table, window: str, reprocess: bool) -> tuple[Batch, str | None]:
    """The batch, and what others have changed in the live table."""
    selection = Selection(window=None if window == SOURCE_KEY else window, full_refresh=reprocess)
    if table.names_batches and selection.window is None:
        cut = "objects" if table.source.has_objects else "windows"
        raise DeclarationError(
            f"{table.table} is loaded by {cut}: say which", code="NO-SUCH-WINDOW",
            next_command=f"headgate plan {table.table}",
        )  # fmt: skip
    plan = plan_table(bench, table, datetime.now(UTC), selection, look_for_pause=False)
    if plan.missing is not None:
        raise plan.missing
    planned = next(item for item in plan.windows if item.run)
    stands = planned.stands
    if stands and reprocess and table.load.does.only_adds:
        raise _appended_again(table, planned.label)
    run_id, attempt = new_run_id(table.table, planned.label), new_attempt(clock.now(bench.warehouse))
    batch = Batch(
        table=table.table,
        batch_key=planned.batch_key,
        label=planned.label,
        run_id=run_id,
        attempt_id=attempt,
        expected_sequence=planned.sequence,
        standing_fingerprint=planned.fingerprint,
        spool=bench.spool / run_id,
        stage_key=f"{table.table}/{run_id}-{attempt}",
        stands=stands,
        refused=() if reprocess else planned.refused,
        declared_anew=plan.declared_anew,
        key_name=hash_keys.chosen(bench, table),
        erasures=erasures.known(bench, table.table),
        object_name=planned.object_name,
    )
    return batch, plan.changed


def _appended_again(table: Table, label: str) -> DeclarationError:
    what, mode = ("a window", "replace_window") if table.grid is not None else ("it", "merge with a key")
    return DeclarationError(
        f"{table.table} {label} is loaded, and mode append can't load {what} again without doubling rows; {mode} can. Nothing "
        "was changed",
        code="APPEND-AGAIN",
        next_command=anew(TableName.parse(table.table)),
    )


def _column(table: Table, name: str) -> dict[str, object]:
    column = table.column(name)
    return {
        "name": column.name, "type": column.type, "nullable": column.nullable, "unit": column.unit,
        "description": column.description, "masked": column.name in table.masked, "key": column.name in table.key,
    }  # fmt: skip
