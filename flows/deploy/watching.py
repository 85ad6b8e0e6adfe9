"""The automation that ends runs whose process is gone: without it a run killed together with its worker stays Running."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.deploy.wanted import HEARTBEAT_SECONDS, TAG

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

NAME = "headgate: a run without heartbeat has crashed"
BEAT = "prefect.flow-run.heartbeat"
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
_ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Waiting", "Retrying", "Warned", "Nothing due", "On hold",
         "Paused", "Suspended")  # fmt: skip


def dead_run_automation() -> AutomationCore:
    """Three beats missed and no end told: the state becomes Crashed, and the crash hooks of the watch tell it."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    return AutomationCore(
        name=NAME,
        description=f"Made by headgate deploy (silence of {SILENCE_SECONDS} s).",
        trigger=EventTrigger(
            match=ResourceSpecification(root={"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(root={"prefect.resource.id": f"prefect.tag.{TAG}"}),
            after={BEAT},
            expect={BEAT, *(f"prefect.flow-run.{name}" for name in _ENDS)},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_SECONDS),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"no heartbeat for {SILENCE_SECONDS} s: the process or its machine is gone",
            )
        ],
    )


def watch_dead_runs(client: SyncPrefectClient, *, change: bool) -> bool:
    """Whether the automation has to be made or changed; does it unless `change` is False."""
    wanted = dead_run_automation()
    standing = client.read_automations_by_name(NAME)
    if standing and standing[0].description == wanted.description:
        return False
    if change:
        if standing:
            client.update_automation(standing[0].id, wanted)
        else:
            client.create_automation(wanted)
    return True
