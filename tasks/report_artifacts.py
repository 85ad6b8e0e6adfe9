"""A run's essentials as Prefect artifacts. Only inside a flow run; an artifact that can't be written fails nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from expectations.record import RunRecord
from expectations.report.actions import Form, Links
from expectations.report.essentials import artifact_key, markdown, rule_rows
from expectations.report.texts import Texts

logger = logging.getLogger(__name__)
FORM_TAGS = ["headgate", "part:form"]
ACTIONS = {"accept_drift": "accept", "answer_drift": "mute", "rollback": "rollback", "replay": "replay", "override": "override",
           "retry": "retry", "discard": "discard", "backfill": "reload"}  # fmt: skip
"""Which action of the pages the form of a flow is for, by the flow's function."""


def write_artifacts(record: RunRecord, url: str, texts: Texts) -> int:
    """Markdown, table and link under the table's stable keys; returns how many were written."""
    if not in_flow_run():
        return 0
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

    title = texts("artifact.title", table=record.table, label=record.label)
    rows = rule_rows(record, texts)
    written = 0
    try:
        create_markdown_artifact(markdown(record, url, texts), key=artifact_key(record.table, "run"), description=title)
        written += 1
        if rows:
            said = texts("artifact.rules_description", table=record.table, label=record.label)
            create_table_artifact(rows, key=artifact_key(record.table, "rules"), description=said)
            written += 1
        text = texts("artifact.link", table=record.table, label=record.label)
        create_link_artifact(url, link_text=text, key=artifact_key(record.table, "report"), description=title)
        written += 1
    except Exception as error:  # noqa: BLE001 - Prefect's client raises what httpx, pydantic or the server gave it;
        # the run is over and its data proven: none of that may turn it into a failed one.
        logger.warning("the artifacts of %s could not be written: %s: %s", record.run_id, type(error).__name__, error)
    return written


def links(record: RunRecord) -> Links:
    """Addresses in Prefect's user interface: this flow run, and the forms that are deployed."""
    ui = _ui_address() if record.flow_run_id else None
    if ui is None:
        return Links()
    return Links(forms=_forms_once(ui) if in_flow_run() else {}, flow_run=f"{ui}/runs/flow-run/{record.flow_run_id}")


def in_flow_run() -> bool:
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def _ui_address() -> str | None:
    from prefect.settings import get_current_settings

    address = get_current_settings().ui_url
    return str(address).rstrip("/") if address else None


def forms(ui: str) -> Mapping[str, Form]:
    """Action to address of its form. Nothing when the server can't be asked."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    wanted: Any = DeploymentFilter(tags=DeploymentFilterTags(all_=FORM_TAGS))
    try:
        with get_client(sync_client=True) as client:
            found = client.read_deployments(deployment_filter=wanted)
    except Exception as error:  # noqa: BLE001 - as above: a page without links is better than a failed run
        logger.warning("the forms could not be looked up: %s: %s", type(error).__name__, error)
        return {}
    forms = {}
    for item in found:
        action = ACTIONS.get((item.entrypoint or "").replace(":", ".").rpartition(".")[2])
        if action is not None:
            known = frozenset((item.parameter_openapi_schema or {}).get("properties", {}))
            forms[action] = Form(f"{ui}/deployments/deployment/{item.id}/run", known)
    return forms


_forms_once = cache(forms)
