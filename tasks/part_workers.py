"""Where the parts of a batch are worked on side by side: threads of this process, or the workers of its Dask cluster.

A Dask worker is given names and a path, and reads the part from the spool, which it must share with this process: the same
machine, or a network file system below HEADGATE_STATE. Settings and secrets are those of the worker's own environment. A
part that a lost worker left is given to another one; every try writes files of its own name.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prefect.context import FlowRunContext

from deployments.errors import DeclarationError, RetryableError
from deployments.project import software
from tasks.workbench import Workbench

Marks = Mapping[str, str]
Job = TypeVar("Job")
Done = TypeVar("Done")


@contextmanager
def dask_pool() -> Iterator[Executor | None]:
    """The Dask workers of the running flow; None where it has none."""
    context = FlowRunContext.get()
    runner: Any = context.task_runner if context is not None else None
    if runner is None or type(runner).__name__ != "DaskTaskRunner":
        yield None
        return
    import distributed

    with ExitStack() as opened:
        try:
            client = opened.enter_context(distributed.Client(runner.client.scheduler.address, set_as_default=False))
        except OSError as error:
            raise RetryableError(
                f"the Dask scheduler of HEADGATE_DASK can't be reached: {error}",
                code="DASK",
                next_command="headgate retry RUN   (once it runs; or without HEADGATE_DASK)",
            ) from None
        yield client.get_executor()


def side_by_side(
    pool: Executor | None, threads: int, here: Callable[[Job], Done], there: Callable[[Job], Done], jobs: Sequence[Job]
) -> Iterator[Done]:
    """The results of all jobs in order: of `there` on the workers of the pool, without one of `here` on threads."""
    if pool is None:
        with ThreadPoolExecutor(threads, thread_name_prefix="part") as own:
            yield from own.map(here, jobs)
        return
    import distributed

    try:
        yield from pool.map(there, jobs)
    except distributed.KilledWorker as error:
        raise RetryableError(
            f"the Dask workers died over a part of the batch: {error}",
            code="DASK",
            next_command="headgate retry RUN   (with more memory per worker, or without HEADGATE_DASK)",
        ) from None


def marks_of(bench: Workbench, name: str, salt: str) -> Marks:
    """What a worker must have as the load has it, for its part to be the same part. Of the key only a proof leaves here."""
    proof = hmac.new(bench.pii_key or b"", salt.encode(), "sha256").hexdigest()
    return {
        "headgate": software(),
        "declaration": bench.project.table(name).fingerprint,
        "suite": bench.project.suite_hash(name),
        "HEADGATE_STAGE_URL": bench.stage.base,
        "HEADGATE_PII_KEY": proof,
    }


def refuse_another(here: Marks, load: Marks, path: Path) -> None:
    """Raise DeclarationError on a worker that isn't as the load is, or doesn't see the part at `path`."""
    other = [name for name, mark in load.items() if here[name] != mark]
    if other:
        raise DeclarationError(
            f"a Dask worker has another {' and another '.join(other)} than the load; nothing was published",
            code="OLD-WORKER",
            next_command="give the Dask workers the same project, software and settings, and start them again",
        )
    if not path.exists():
        raise DeclarationError(
            f"a Dask worker doesn't see the spool ({path.parent}); nothing was published",
            code="SPOOL-NOT-SHARED",
            next_command="let HEADGATE_STATE be a folder that all Dask workers share, or unset HEADGATE_DASK",
        )
