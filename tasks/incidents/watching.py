"""One pass of the watch, and what a run does itself where no watch lives. The clock and the look at Prefect are passed in."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg2

from deployments.errors import HeadgateError
from expectations.freshness import GOOD_STATUSES
from expectations.record import RunRecord
from expectations.withheld import cleaned
from tasks.incidents import store
from tasks.incidents.causes import details
from tasks.incidents.look import Look, look
from tasks.incidents.model import Trouble
from tasks.incidents.prefect_view import PrefectView
from tasks.incidents.readings import warned_since
from tasks.incidents.rota_notices import Digest, calendar_notices, digest_span, digests
from tasks.incidents.settle import Settled, deliver, on_call, remember_threads, settle
from tasks.notices.channels import channels
from tasks.notices.compose import NO_PREFECT, Context, Places, Prefect
from tasks.notices.notice import Notice
from tasks.notices.outbox import Outbox
from tasks.notices.withheld import known_secrets, without_secrets
from tasks.notify import Delivered, put
from tasks.warehouses import ops
from tasks.workbench import Workbench

logger = logging.getLogger(__name__)
ALIVE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass found and did."""

    seen: Look
    settled: Settled
    delivered: Delivered


def watch_pass(
    bench: Workbench, view: PrefectView | None, now: datetime, prefect: Prefect = NO_PREFECT, unreachable: str = ""
) -> Pass:
    """Look, move the incidents, tell what has to be told, deliver what lies in the outbox.

    `unreachable`: why Prefect couldn't be asked, where it should have been.
    """
    seen = look(bench, now, view, promises=True)
    if unreachable:
        seen = replace(seen, troubles=(*seen.troubles, prefect_silent(unreachable, now)))
    settled = settle(bench, seen, now, prefect)
    if settled.durable:
        _calendar(bench, settled, now)
        store.beat(bench.warehouse, now, socket.gethostname())
    return Pass(seen, settled, _delivered(bench, settled, now))


def prefect_silent(why: str, now: datetime) -> Trouble:
    """Nothing that is scheduled runs while its server is down."""
    return Trouble(
        scope="Prefect", code="PREFECT-UNREACHABLE", domain="prefect", family="retryable", severity="critical",
        message=f"Prefect's server can't be asked: {why}", since=now, step="watch",
        latest=now.replace(minute=0, second=0, microsecond=0), next_command="headgate check --connect",
    )  # fmt: skip


def after_run(bench: Workbench, record: RunRecord, now: datetime) -> None:
    """Tell a run's failure, or its end, where no watch would. Costs a look at a local file when there is nothing to tell.

    Never raises: a notice that can't be sent must not turn a published batch into a failed run.
    """
    _after(bench, record.table, record.run_id, now, wrong=record.is_failure, good=record.status in GOOD_STATUSES)


def after_reconciliation(bench: Workbench, table: str, differs: bool, now: datetime) -> None:
    """The same after a table was compared with its source."""
    _after(bench, table, f"reconciling {table}", now, wrong=differs, good=not differs)


def after_metrics(bench: Workbench, summary: str, *, differs: bool, now: datetime) -> None:
    """The same after metrics of a summary were held against those of others."""
    _after(bench, summary, f"metrics of {summary}", now, wrong=differs, good=not differs)


def _after(bench: Workbench, table: str, what: str, now: datetime, *, wrong: bool, good: bool) -> None:
    try:
        mine = [item for item in store.local_incidents(bench.settings.state) if item.active]
        about = any(table in item.trouble.tables or item.trouble.domain == "warehouse" for item in mine)
        if not wrong and not (about and good):
            return
        if _watched(bench, now):
            return
        _delivered(bench, settle(bench, look(bench, now, None, promises=False), now, looks_again=False), now)
    except (HeadgateError, psycopg2.Error, OSError) as error:
        logger.warning("%s: nobody could be told: %s", what, error)


def last_look(bench: Workbench) -> datetime | None:
    """When a watch last looked, on any machine; None: never, or the warehouse is down and nobody knows."""
    try:
        return store.last_beat(bench.warehouse)
    except (HeadgateError, psycopg2.Error):
        return None


def _watched(bench: Workbench, now: datetime) -> bool:
    """Whether a watch has looked lately; where nobody knows, the run tells it itself."""
    beat = last_look(bench)
    return beat is not None and now - beat < ALIVE


def _delivered(bench: Workbench, settled: Settled, now: datetime) -> Delivered:
    delivered = deliver(bench.settings, settled.incidents, now)
    remember_threads(bench, delivered, now)
    return delivered


def _calendar(bench: Workbench, settled: Settled, now: datetime) -> None:
    """Friday's word, the handover, the owners' digests: claimed in `ops`, so that one machine tells them."""
    places, rota = channels(bench.settings.notify), bench.project.oncall
    if not places:
        return
    context = Context(project=bench.project, now=now, called=on_call(rota, now), places=Places(bench.report_url),
                      zone=rota.timezone if rota else "UTC")  # fmt: skip
    due: list[Notice] = calendar_notices(rota, settled.incidents, context) if rota else []
    for notice in due:
        _once(bench, notice.identity, [notice], now)
    span = digest_span(rota, now)
    if span is not None:
        key = f"digests-{span[1]:%Y%m%d}"
        if not store.is_done(bench.warehouse, key):
            _once(bench, key, digests(_warnings(bench, *span), span[1].date(), context), now)


def _once(bench: Workbench, key: str, notices: Sequence[Notice], now: datetime) -> None:
    if store.is_done(bench.warehouse, key):
        return
    secrets = known_secrets(bench.settings)
    cleared = [without_secrets(notice, secrets) for notice in notices]
    put(Outbox(bench.settings.state), cleared, channels(bench.settings.notify), bench.project.oncall, now)
    store.done(bench.warehouse, key, socket.gethostname(), now)


def _warnings(bench: Workbench, start: datetime, end: datetime) -> list[Digest]:
    found = []
    for item in warned_since(bench.warehouse, start, end):
        record = ops.record(bench.warehouse, item.run_id)
        if record is None:
            continue
        lines = details(cleaned(record)) or record.warnings or ("published with warnings",)
        found.append(Digest(item.target, item.label, item.owner, "; ".join(line.splitlines()[0] for line in lines[:3]),
                            item.run_id))  # fmt: skip
    return found
