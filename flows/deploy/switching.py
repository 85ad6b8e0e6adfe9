"""Schedules that somebody switched off on Prefect's page, switched on again."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from flows.deploy.wanted import TAG

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SUBJECT = "table:"
"""The tag that names a deployment's table or summary."""


def switch_on(client: SyncPrefectClient, subjects: Collection[str] | None) -> list[str]:
    """Let our schedules of these tables be followed; None: of all. Returns the tables whose schedule was off."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    found = client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))
    switched = []
    for item in found:
        subject = next((tag.removeprefix(SUBJECT) for tag in item.tags if tag.startswith(SUBJECT)), "")
        if not subject or (subjects is not None and subject not in subjects):
            continue
        off = [schedule for schedule in item.schedules if schedule.slug == TAG and not schedule.active]
        if item.paused:
            client.resume_deployment(item.id)
        for schedule in off:
            client.update_deployment_schedule(item.id, schedule.id, active=True)
        if item.paused or off:
            switched.append(subject)
    return sorted(switched)


def switch_on_where_deployed(subjects: Collection[str] | None) -> list[str]:
    """The same on the server of PREFECT_API_URL; nothing where none is configured. RetryableError while it is away."""
    if not os.environ.get("PREFECT_API_URL"):
        return []
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from deployments.errors import RetryableError

    try:
        with get_client(sync_client=True) as client:
            return switch_on(client, subjects)
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        again = "--all" if subjects is None else " ".join(sorted(subjects))
        raise RetryableError(
            f"the pause is over, but Prefect can't be asked whether a schedule is switched off ({type(error).__name__})",
            code="PREFECT-UNREACHABLE", next_command=f"headgate check --connect; then: headgate resume {again}",
        ) from error  # fmt: skip
