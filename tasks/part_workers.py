"""Where the parts of a batch are worked on side by side: threads of this process, or the workers of its Dask cluster.

A Dask worker is given names and a path, and reads the part from the spool, which it must share with this process: the same
machine, or a network file system below HEADGATE_STATE. Settings and secrets are those of the worker's own environment. A
part that a lost worker left is given to another one; every try writes files of its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prefect.context import FlowRunContext

from deployments.declarations.table import Table
from deployments.errors import DeclarationError, RetryableError
from tasks.batch import Batch
from tasks.workbench import Workbench, workbench

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


def bench_of_worker(batch: Batch, declaration_hash: str, path: Path) -> tuple[Workbench, Table]:
    """A worker's own workbench and its table. Raises DeclarationError where it isn't the flow's, or can't see the spool."""
    bench = workbench()
    table = bench.project.table(batch.table)
    if table.fingerprint != declaration_hash:
        raise DeclarationError(
            f"{table.table} is declared otherwise on a Dask worker than where the load runs; nothing was published",
            code="OLD-WORKER",
            next_command="update the project on the Dask workers, and start them again",
        )
    if not path.exists():
        raise DeclarationError(
            f"a Dask worker doesn't see the spool ({path.parent}); nothing was published",
            code="SPOOL-NOT-SHARED",
            next_command="let HEADGATE_STATE be a folder that all Dask workers share, or unset HEADGATE_DASK",
        )
    return bench, table
