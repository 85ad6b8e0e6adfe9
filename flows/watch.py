"""The watch: looks from outside at runs, publishes, promises and Prefect; opens incidents and tells them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Completed

from deployments.quantities import plural
from expectations.report.actions import Links
from flows.deploy.wanted import TAG
from flows.leftovers import keep_leftovers
from tasks.facts import known
from tasks.handover_page import hand_over
from tasks.incidents.model import Incident
from tasks.incidents.prefect_view import PrefectView, Told, look
from tasks.incidents.watching import Pass, last_look, watch_pass
from tasks.notices.compose import Prefect
from tasks.report import refresh_table
from tasks.report_artifacts import forms
from tasks.workbench import Workbench, workbench

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PAGES = 20
"""Pages of tables that one look writes anew at most: a storm of hundreds must not keep it from looking."""


@flow(name="watch", flow_run_name="watch")
def watch() -> State[Any]:
    """Find what is wrong with loads and promises, tell it once, remind, escalate, and say when it is over.

    Failed and killed runs, runs that never began, schedules that are switched off, late tables, a warehouse that is down.
    """
    bench, now = workbench(), datetime.now(UTC)
    done, news = watch_once(bench, now)
    said = [*told(done), *news[:20]]
    if not said:
        return Completed(name="Nothing found", message="no run is late, crashed or left behind; no incident is open")
    return Completed(name="Found", message="; ".join(said))


def watch_once(bench: Workbench, now: datetime) -> tuple[Pass, list[str]]:
    """One pass, and what was news on Prefect's server; for the flow and the command."""
    try:
        view, news = prefect_look(bench, now)
        why = ""
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        # RuntimeError: Prefect's own word for a server that doesn't answer as one.
        view, news, why = None, [], type(error).__name__
    ui = ui_address()
    where = Links(forms=forms(ui)) if ui and view is not None else Links()
    before = last_look(bench)
    done = watch_pass(bench, view, now, Prefect(ui, where.form), why)
    _refresh_pages(bench, done.settled.incidents, before, where)
    hand_over(bench, now)
    return done, news


def _refresh_pages(bench: Workbench, incidents: Sequence[Incident], before: datetime | None, where: Links) -> None:
    """Pages of tables whose incidents were opened, answered or closed since the watch looked last: who has it stands there."""
    changed = [item for item in incidents if before is not None and item.changed_at > before]
    for table in list(dict.fromkeys(table for item in changed for table in item.trouble.tables))[:PAGES]:
        refresh_table(bench, table, where)


def prefect_look(bench: Workbench, now: datetime) -> tuple[PrefectView, list[str]]:
    """What Prefect knows, and what of it is news. Raises what its client raises."""
    with get_client(sync_client=True) as client:
        news = keep_leftovers(client, now)
        return _view(client, bench, now), news


def told(done: Pass) -> list[str]:
    """A pass in a few words."""
    active = sum(item.active for item in done.settled.incidents)
    said = [f"{plural(active, 'incident')} open"] if active else []
    if done.delivered.sent:
        said.append(f"{plural(len(done.delivered.sent), 'notice')} sent")
    if done.delivered.kept:
        said.append(f"{plural(len(done.delivered.kept), 'notice')} kept for later: {done.delivered.kept[0].failure}")
    return said


def ui_address() -> str:
    """Where people see Prefect's runs; '' when it isn't known."""
    from prefect.settings import get_current_settings

    address = get_current_settings().ui_url
    return str(address).rstrip("/") if address else ""


def _view(client: SyncPrefectClient, bench: Workbench, now: datetime) -> PrefectView:
    causes = {
        fact.flow_run_id: Told(fact.code, fact.family, fact.message, fact.next_command)
        for fact in known(bench.settings.state)
        if fact.kind == "failed" and fact.code and fact.family
    }
    return look(client, TAG, now, causes)
