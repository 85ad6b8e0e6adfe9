"""A verb of a run as a task of Prefect: the same for all of them, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.retrying import worth_retrying

Given = ParamSpec("Given")
Result = TypeVar("Result")
OF_A_BATCH, OF_A_JOB = "{batch.title}", "{job.target}"
_DELAYS_SECONDS = (5.0, 30.0, 120.0)


def step(name: str, of: str = OF_A_BATCH, retries: int = 2) -> Callable[[Callable[Given, Result]], Task[Given, Result]]:
    """Make a verb a task, tried again after failures that may pass. Nothing is taken from a cache: only the warehouse knows
    what was done. `of`: what it is shown to be about, from its parameters. The verb itself is the task's `fn`."""
    return task(
        name=name, task_run_name=f"{name} {of}", cache_policy=NO_CACHE, retries=retries,
        retry_delay_seconds=list(_DELAYS_SECONDS[:retries]) or None, retry_condition_fn=worth_retrying,
    )  # fmt: skip
