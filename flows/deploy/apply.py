"""Make the server's deployments what is wanted. Running it twice changes nothing the second time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.errors import DeclarationError, RetryableError
from deployments.quantities import few
from flows.deploy.difference import Change, differences, of_another_project
from flows.deploy.standing import RESOURCE, Standing, read_standing
from flows.deploy.wanted import PUBLISHED_EVENT, TAG, Wanted, environment
from tasks.outside_errors import named

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.schedules import CronSchedule


_MADE = "Made by headgate deploy."
_SERVES = re.compile(r" Serves the warehouse ([0-9a-f]{16})\.")


def compare(client: SyncPrefectClient, pool: str, wanted: Sequence[Wanted]) -> list[Change]:
    """What `apply` would do; changes nothing."""
    return differences(wanted, read_standing(client, pool), environment(), _schemas(wanted))


def apply(
    client: SyncPrefectClient, pool: str, wanted: Sequence[Wanted], *, warehouse: str | None = None, take_over: bool = False
) -> list[Change]:  # fmt: skip
    """Create, change and remove deployments; returns what was done. A pool that doesn't exist becomes a process pool.

    DeclarationError when what stands in the pool is another project's or another `warehouse`'s, unless it is to be taken over.

    Whatever Prefect could refuse is made before the first change. When the server is lost on the way, what is done stays
    done and calling it again goes on there.

    What people changed on the page and we don't decide stays: paused, a schedule switched off, further schedules.
    """
    schedules = {item.key: _cron_schedule(item, pool) for item in wanted}
    schemas = _schemas(wanted)
    standing = read_standing(client, pool)
    changes = differences(wanted, standing, environment(), schemas)
    taken = None if take_over else taken_by(client, pool, changes, standing, warehouse)
    if taken:
        raise DeclarationError(
            taken, code="POOL-TAKEN", next_command="headgate deploy --pool NAME   (or --take-over: it is this project's alone)",
        )  # fmt: skip
    _make_pool(client, pool, warehouse)
    by_key = {item.key: item for item in wanted}
    to_make = [change for change in changes if change.kind != "same"]
    for number, change in enumerate(to_make):
        try:
            if change.kind == "removed":
                identifier = standing[change.key].identifier
                client.delete_resource_owned_automations(f"prefect.deployment.{identifier}")
                client.delete_deployment(identifier)
                continue
            identifier = _put(client, pool, by_key[change.key], schemas[change.key])
            _schedule(client, identifier, schedules[change.key])
            before = standing.get(change.key)
            if before is None or before.wanted.triggered_by != by_key[change.key].triggered_by:
                _trigger(client, identifier, by_key[change.key])
        except Exception as error:
            raise _lost(error, pool, number, to_make) or error from error
    return changes


def _lost(error: Exception, pool: str, done: int, to_make: Sequence[Change]) -> RetryableError | None:
    """What to tell when the server was lost between two changes; None for another failure."""
    known = named(error)
    if not isinstance(known, RetryableError):
        return None
    return RetryableError(
        f"the Prefect server was lost: {done} of {len(to_make)} changes are made and stay, {to_make[done].key} perhaps in part, "
        "the others not at all",
        code=known.code,
        next_command=f"headgate deploy --pool {pool}   (does what is left; --plan shows it)",
        done=[change.key for change in to_make[:done]],
    )


def _schemas(wanted: Sequence[Wanted]) -> dict[str, dict[str, Any]]:
    """The form of each deployment's parameters, with the names of tables to choose from."""
    from prefect.utilities.callables import parameter_schema

    found = {}
    for item in wanted:
        module, _, function = item.entrypoint.rpartition(".")
        schema = parameter_schema(getattr(import_module(module), function)).model_dump_for_openapi()
        if item.table_choices:
            schema["properties"]["table"]["enum"] = list(item.table_choices)
        found[item.key] = schema
    return found


def taken_by(
    client: SyncPrefectClient,
    pool: str,
    changes: Sequence[Change],
    standing: Mapping[str, Standing],
    warehouse: str | None,
) -> str | None:
    """Whose the pool is, when it isn't ours: whatever we don't declare would be removed from it."""
    said = _SERVES.search(_description(client, pool) or "")
    others = sorted(change.key for change in changes if change.kind == "removed")
    if warehouse is not None and said is not None and said[1] != warehouse:
        gone = f": {few(others)} would be removed" if others else ""
        return f"the pool '{pool}' serves another warehouse, or this one had another address{gone}"
    foreign = of_another_project(changes, standing)
    if foreign:
        return (
            f"the pool '{pool}' holds another project: {few(foreign)} would be removed, since a pool serves one project"
        )
    return None


def _description(client: SyncPrefectClient, pool: str) -> str | None:
    """What stands beside a pool's name on Prefect's page; None where there is no such pool."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_work_pool(pool).description or ""
    except ObjectNotFound:
        return None


def _make_pool(client: SyncPrefectClient, pool: str, warehouse: str | None) -> None:
    """Make the pool if there is none, and write down which warehouse it serves."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    known = _description(client, pool)
    wanted = _SERVES.sub("", _MADE if known is None else known)
    if warehouse is not None:
        wanted += f" Serves the warehouse {warehouse}."
    if known is None:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process", description=wanted))
    elif known != wanted:
        client.update_work_pool(pool, WorkPoolUpdate(description=wanted))


def _put(client: SyncPrefectClient, pool: str, item: Wanted, schema: Mapping[str, Any]) -> UUID:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    return client.create_deployment(
        flow_id=client.create_flow_from_name(item.flow),
        name=item.name,
        entrypoint=item.entrypoint,
        version=item.version,
        description=item.description,
        tags=list(item.tags),
        parameters=dict(item.parameters),
        parameter_openapi_schema=dict(schema),
        enforce_parameter_schema=True,
        work_pool_name=pool,
        job_variables={"env": environment()},
        # Workers have headgate installed and find the project by their own settings: nothing is pulled.
        pull_steps=[],
        concurrency_limit=item.at_once or None,
        # A second run waits for the first instead of being lost.
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
    )


def _cron_schedule(item: Wanted, pool: str) -> CronSchedule | None:
    from prefect.client.schemas.schedules import CronSchedule

    try:
        return None if item.cron is None else CronSchedule(cron=item.cron, timezone=item.timezone)
    except ValueError as error:
        raise DeclarationError(
            f"{item.name}: the schedule '{item.cron}' isn't a cron Prefect reads: {error}; nothing was deployed",
            code="SCHEDULE", next_command=f"mend schedule.cron of {item.name}; then: headgate deploy --pool {pool}",
        ) from error  # fmt: skip


def _schedule(client: SyncPrefectClient, identifier: UUID, wanted: CronSchedule | None) -> None:
    """Bring our one schedule up to date. Prefect's own upsert neither changes nor removes one."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    active = True
    for there in client.read_deployment_schedules(identifier):
        if there.slug != TAG:
            continue
        kept = there.schedule
        same = (kept.cron, kept.timezone) if isinstance(kept, CronSchedule) else None
        if wanted is not None and same == (wanted.cron, wanted.timezone):
            return
        active = there.active
        client.delete_deployment_schedule(identifier, there.id)
    if wanted is not None:
        client.create_deployment_schedules(
            identifier, [DeploymentScheduleCreate(schedule=wanted, active=active, slug=TAG)]
        )


def _trigger(client: SyncPrefectClient, identifier: UUID, item: Wanted) -> None:
    """A publish of any input starts the deployment; the one before it, if any, is replaced."""
    from prefect.events import DeploymentEventTrigger

    client.delete_resource_owned_automations(f"prefect.deployment.{identifier}")
    if not item.triggered_by:
        return
    trigger = DeploymentEventTrigger(
        name=f"headgate: build {item.name} when an input is published",
        description="Made by headgate deploy: " + ", ".join(item.triggered_by),
        expect={PUBLISHED_EVENT},
        match={"prefect.resource.id": [RESOURCE + name for name in item.triggered_by]},
    )
    trigger.set_deployment_id(identifier)
    client.create_automation(trigger.as_automation())
