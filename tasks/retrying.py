"""Which failures of a task are worth another try: those that may pass by themselves, and nothing else."""

from __future__ import annotations

from typing import Any

from deployments.errors import RetryableError, SourceUnreachableError

PASSING_UPSTREAM = ("SOURCE-CUT",)


def worth_retrying(task: Any, task_run: Any, state: Any) -> bool:
    """Prefect's retry condition: true for lost connections, locks, busy servers and cut transfers. A server that asks to be
    left alone for longer than we wait is asked again by the next run, not by the next try; so is one whose rows were erased
    since it was read."""
    error = state.result(raise_on_failure=False)
    return is_passing(error) and getattr(error, "code", None) not in ("SOURCE-BUSY", "ERASED-MEANWHILE")


def is_passing(error: object) -> bool:
    """Whether the error may pass by itself."""
    if isinstance(error, RetryableError | SourceUnreachableError):
        return True
    return getattr(error, "code", None) in PASSING_UPSTREAM
