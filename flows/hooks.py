"""What is kept when a flow run ends badly. Prefect calls hooks by keyword: their parameters must be named exactly so.

A hook also runs in the worker, after the flow's process was killed: it needs nothing but the state folder.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployments.errors import HeadgateError
from deployments.quantities import plural
from deployments.settings import read_settings
from expectations.record import RunRecord
from tasks.facts import Fact, Kind, keep

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State


def keep_failure(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """The run ended with an error."""
    _keep("failed", flow.name, flow_run, state)


def keep_crash(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """The run's process died, or its infrastructure did."""
    _keep("crashed", flow.name, flow_run, state)


def keep_cancellation(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Somebody canceled the run."""
    _keep("canceled", flow.name, flow_run, state)


def name_warned(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A run that published with warnings is called so on Prefect's page: plain success says that there is nothing to see."""
    record = state.result(raise_on_failure=False)
    if not isinstance(record, RunRecord) or record.status != "warned":
        return
    from prefect.client.orchestration import get_client
    from prefect.states import Completed

    told = [*record.warnings, *(f"{rule.code}: {rule.message}" for rule in record.failed_rules)]
    told += [alert.message for alert in record.drift.leading] if record.drift else []
    told += [f"{plural(reason.rows, 'row')} set aside, {reason.code}" for reason in record.quarantine]
    said = f"published, with warnings: {'; '.join(told[:3])}; headgate show {record.run_id}"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, Completed(name="Warned", message=said), force=True)


def fact_of(
    kind: Kind, flow: str, flow_run: FlowRun, message: str | None, at: datetime | None = None,
    error: HeadgateError | None = None,
) -> Fact:  # fmt: skip
    """The fact of a flow run, as it is kept."""
    parameters = flow_run.parameters or {}
    subject = parameters.get("table") or parameters.get("summary") or ""
    moment = at or flow_run.end_time or datetime.now(UTC)
    fact = Fact(kind, str(subject), flow, str(flow_run.id), flow_run.name, message or "", moment.isoformat())
    if error is None:
        return fact
    return replace(fact, message=error.message, code=error.code, family=error.family, next_command=error.next_command)


def _keep(kind: Kind, flow: str, flow_run: FlowRun, state: State[Any]) -> None:
    found = state.result(raise_on_failure=False) if kind == "failed" else None
    error = found if isinstance(found, HeadgateError) else None
    keep(read_settings().state, fact_of(kind, flow, flow_run, state.message, error=error))
