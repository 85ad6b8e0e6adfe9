"""Which failures of a task are worth another try: those that may pass by themselves, and nothing else."""

from __future__ import annotations

from typing import Any

from deployments.errors import RetryableError, SourceUnreachableError
from tasks import pauses
from tasks.progress import again_in, report_wait

PASSING_UPSTREAM = ("SOURCE-CUT",)


def worth_retrying(task: Any, task_run: Any, state: Any) -> bool:
    """Prefect's retry condition: true for lost connections, locks, busy servers and cut transfers. A server that asks to be
    left alone for longer than we wait is asked again by the next run, not by the next try; so is a replica that was waited for
    already, and a source whose rows were erased since it was read. Prefect asks only while tries are left, and then waits in
    silence: what for is said here. A run that is told to stop is interrupted instead, not failed."""
    error = state.result(raise_on_failure=False)
    pauses.pause(0)
    again = is_passing(error) and getattr(error, "code", None) not in (
        "SOURCE-BUSY",
        "ERASED-MEANWHILE",
        "CONNECTIONS-TAKEN",
        "REPLICA-BEHIND",
        "OUTSIDE-HOURS",
    )
    if again and task.retry_delay_seconds:
        # A run that is given back to the queue begins with its tries anew, so they are counted by the task's run.
        left = task.retry_delay_seconds[max(task_run.run_count - 1, 0) :] or task.retry_delay_seconds[-1:]
        report_wait(task.name, f"[{error.code}] {error.message.splitlines()[0]}", again_in(left, "the run fails"))
    return again


def is_passing(error: object) -> bool:
    """Whether the error may pass by itself."""
    if isinstance(error, RetryableError | SourceUnreachableError):
        return True
    return getattr(error, "code", None) in PASSING_UPSTREAM
