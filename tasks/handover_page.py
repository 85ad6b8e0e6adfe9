"""The page of the hand-over, written when a week on call begins: into the report, beside the pages of the tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg2 import Error

from deployments.declarations.oncall import OnCall
from deployments.errors import HeadgateError
from deployments.rota import name_of, shift_at, week_at
from deployments.windows import Window
from expectations.report import shelf
from expectations.report.decided import together
from expectations.report.handover import Decided, Handover, NotGoodOne, OpenOne, Promised, Quiet, handover_html
from expectations.report.texts import Texts
from expectations.review.figures import figures
from tasks.incidents import store
from tasks.incidents.model import Incident
from tasks.incidents.rota_notices import handover_page
from tasks.notices.compose import Context, what
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import open_store
from tasks.report import write_start
from tasks.report_facts import not_good
from tasks.review import read_history
from tasks.warehouses import names
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows, session
from tasks.workbench import Workbench

logger = logging.getLogger(__name__)
FRESH = timedelta(hours=1)
SPAN = timedelta(hours=12)
"""So long after a week has begun its page is written anew, each hour: what is open changes while it is read."""
KEPT = 12
DECISIONS = 50


def hand_over(bench: Workbench, now: datetime) -> str | None:
    """Write the page of the week that has begun, if it is time; its key, or None. Never raises: a watch has other things to do.

    Writing it twice writes the same anew; KEPT weeks are kept.
    """
    rota = bench.project.oncall
    if rota is None:
        return None
    start, _ = week_at(rota, now)
    if now - start > SPAN:
        return None
    try:
        pages = open_store(bench.report_url, "HEADGATE_REPORT_URL")
        if _is_fresh(pages, handover_page(start, "json"), now):
            return None
        found = gathered(bench, rota, now)
        texts, key = Texts(), handover_page(start)
        shelf.write(pages, key, handover_html(found, texts, "../", f"{key.partition('/')[2].removesuffix('html')}json"))
        shelf.write(pages, handover_page(start, "json"), found.model_dump_json())
        for old in sorted(pages.keys("handover"))[: -2 * KEPT]:
            pages.delete(old)
        # It links the newest hand-over, and wouldn't be written before the next run.
        write_start(bench, now)
    except (HeadgateError, Error, OSError) as error:
        logger.warning("the page of the hand-over could not be written: %s", error)
        return None
    return key


def gathered(bench: Workbench, rota: OnCall, now: datetime) -> Handover:
    """What the next person on call has to know, with the figures of the week before."""
    start, end = week_at(rota, now)
    before, _ = week_at(rota, start - timedelta(seconds=1))
    history = read_history(bench.warehouse, before, start)
    week = figures(bench.project, history, before, start)
    context = Context(project=bench.project, now=now, zone=rota.timezone)
    active = [item for item in store.incidents(bench, now) if item.active]
    return Handover(
        start=start, end=end, zone=rota.timezone, written_at=now,
        quiet=tuple(Quiet(tiers=item.tiers, days=item.days, hours=item.hours or "") for item in rota.quiet),
        who=name_of(rota, shift_at(rota, now)), before=name_of(rota, shift_at(rota, start - timedelta(seconds=1))),
        open=tuple(
            OpenOne(incident_id=item.incident_id, said=what(item.trouble, context), since=item.trouble.since,
                    acknowledged_by=item.acknowledged_by, answered_after=_answered_after(item),
                    table=_its_page(bench, item.trouble.tables))
            for item in active
        ),
        not_good=tuple(
            NotGoodOne(table=item.table, state=item.state, below=item.below)
            for item in not_good(bench.warehouse, bench.project, now)
        ),
        promises=tuple(
            Promised(stakeholder=item.stakeholder, due=item.due, kept=item.kept, late=item.late) for item in week.promises
        ),
        decisions=_decided(bench, before, now), runs=week.all.runs, failed=week.all.failed,
        opened=week.incidents_opened, closed=week.incidents_closed, recovery_seconds=week.recovery_seconds,
        answered=week.incidents_answered, answer_seconds=week.answer_seconds,
    )  # fmt: skip


def _answered_after(incident: Incident) -> float | None:
    answered = incident.acknowledged_at
    return None if answered is None else (answered - incident.opened_at).total_seconds()


def _is_fresh(pages: ObjectStore, twin: str, now: datetime) -> bool:
    data = shelf.read(pages, twin)
    return data is not None and now - Handover.model_validate_json(data).written_at < FRESH


def _its_page(bench: Workbench, tables: Sequence[str]) -> str:
    """The table whose page tells more; '' where it is about several, or about one that has no page yet."""
    with_pages = (
        open_store(bench.report_url, "HEADGATE_REPORT_URL").keys(f"tables/{tables[0]}/index.html")
        if len(tables) == 1
        else ()
    )
    return tables[0] if with_pages else ""


def _decided(bench: Workbench, since: datetime, until: datetime) -> tuple[Decided, ...]:
    """What people decided, newest first; a batch by the name that people know."""
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "decision")):
            return ()
        found = rows(
            cursor,
            "SELECT decided_at, target, kind, what, column_name, decided_by, reason, run_id FROM ops.decision "
            f"WHERE decided_at >= %s AND decided_at < %s ORDER BY decided_at DESC LIMIT {DECISIONS}",
            (naive(since), naive(until)),
        )
    return tuple(together(
        Decided(decided_at=aware(at), table=target, kind=kind, what=_named(bench, target, about or ""),
                column=column, by=by or "",
                reason=reason or "", run_id=run_id)
        for at, target, kind, about, column, by, reason, run_id in found
    ))  # fmt: skip


def _named(bench: Workbench, target: str, about: str) -> str:
    table = bench.project.tables.get(target)
    if table is None or table.grid is None or "/" not in about:
        return about
    return table.grid.label(Window.from_key(about))
