"""The deployments that stand on a Prefect server, as far as they are ours: tagged `headgate`, in the given pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.deploy.wanted import PUBLISHED_EVENT, TAG, Wanted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

PAGE = 100
RESOURCE = "headgate.table."


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment as the server has it. `wanted` holds what we decide about it, in the words of `Wanted`."""

    identifier: UUID
    wanted: Wanted
    pool: str | None
    environment: Mapping[str, str]
    schema: Mapping[str, Any]


def read_standing(client: SyncPrefectClient, pool: str) -> dict[str, Standing]:
    """Our deployments by `flow/name`. Other projects' are known by their pool, so one pool serves one project."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found: list[DeploymentResponse] = []
    while True:
        page = client.read_deployments(deployment_filter=ours, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            break
    inputs = _triggers(client)
    names: dict[UUID, str] = {}
    for item in found:
        if item.flow_id not in names:
            names[item.flow_id] = client.read_flow(item.flow_id).name
    standing = [_standing(item, names[item.flow_id], inputs.get(item.id, ())) for item in found]
    return {item.wanted.key: item for item in standing if item.pool == pool}


def _standing(item: DeploymentResponse, flow: str, triggered_by: tuple[str, ...]) -> Standing:
    # One schedule is ours; what somebody added on the page beside it is theirs and stays.
    cron, timezone = None, "UTC"
    for schedule in item.schedules:
        if schedule.slug == TAG:
            cron, timezone = (
                getattr(schedule.schedule, "cron", None),
                getattr(schedule.schedule, "timezone", None) or "UTC",
            )
    limit = item.global_concurrency_limit
    schema: dict[str, Any] = item.parameter_openapi_schema or {}
    return Standing(
        identifier=item.id,
        wanted=Wanted(
            flow=flow, name=item.name, entrypoint=item.entrypoint or "", description=item.description or "",
            version=item.version or "", tags=tuple(sorted(item.tags)), parameters=dict(item.parameters),
            cron=cron, timezone=timezone, at_once=limit.limit if limit is not None else 0,
            triggered_by=triggered_by,
            table_choices=tuple(schema.get("properties", {}).get("table", {}).get("enum", ())),
        ),
        pool=item.work_pool_name,
        environment=dict(item.job_variables.get("env", {})),
        schema=schema,
    )  # fmt: skip


def _triggers(client: SyncPrefectClient) -> dict[UUID, tuple[str, ...]]:
    """Per deployment the tables whose publish starts it."""
    found: dict[UUID, tuple[str, ...]] = {}
    offset = 0
    while True:
        body = {"sort": "NAME_ASC", "limit": PAGE, "offset": offset}
        page = client.request("POST", "/automations/filter", json=body).json()
        for item in page:
            trigger = item["trigger"]
            if PUBLISHED_EVENT not in trigger.get("expect", ()):
                continue
            resources = trigger["match"].get("prefect.resource.id", [])
            names = [resources] if isinstance(resources, str) else resources
            for action in item["actions"]:
                if action.get("deployment_id"):
                    tables = tuple(sorted(str(name).removeprefix(RESOURCE) for name in names))
                    found[UUID(action["deployment_id"])] = tables
        if len(page) < PAGE:
            return found
        offset += PAGE
