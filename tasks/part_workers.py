"""Where the parts of a batch are worked on side by side: threads of this process, or the workers of its Dask cluster.

A Dask worker is given names and a path, and reads the part from the spool, which it must share with this process: the same
machine, or a network file system below HEADGATE_STATE. Settings and secrets are those of the worker's own environment. A
part that a lost worker left is given to another one; every try writes files of its own name.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prefect.context import FlowRunContext

from deployments.declared_settings import waiting_time
from deployments.errors import DeclarationError, RetryableError
from deployments.project import software
from tasks.workbench import Workbench

Marks = Mapping[str, str]
Job = TypeVar("Job")
Done = TypeVar("Done")

_LOOK_SECONDS = 5.0


@contextmanager
def dask_pool() -> Iterator[Any]:
    """A client of the running flow's Dask cluster; None where it has none."""
    runner = _dask_runner()
    if runner is None:
        yield None
        return
    import distributed

    with ExitStack() as opened:
        try:
            client = opened.enter_context(distributed.Client(runner.client.scheduler.address, set_as_default=False))
        except OSError as error:
            raise _no_cluster(f"can't be reached: {error}") from None
        yield client


def has_dask() -> bool:
    """Whether the parts of the running flow are worked on by a Dask cluster."""
    return _dask_runner() is not None


def _dask_runner() -> Any:
    context = FlowRunContext.get()
    runner: Any = context.task_runner if context is not None else None
    return runner if type(runner).__name__ == "DaskTaskRunner" else None


def side_by_side(
    pool: Any, threads: int, here: Callable[[Job], Done], there: Callable[[Job], Done], jobs: Sequence[Job]
) -> Iterator[Done]:
    """The results of all jobs in order: of `there` on the workers of the pool, without one of `here` on threads.

    Raises RetryableError DASK when the cluster is lost, or has no worker for HEADGATE_WORKERS_TIMEOUT_SECONDS.
    """
    if pool is None:
        with ThreadPoolExecutor(threads, thread_name_prefix="part") as own:
            yield from own.map(here, jobs)
        return
    for future in pool.map(there, jobs, pure=False):
        yield _awaited(pool, future)


def _awaited(client: Any, future: Any) -> Any:
    """What a worker answers. A scheduler without workers would wait for ever, and one that is gone can't answer."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    alone, longest = 0.0, waiting_time("WORKERS_TIMEOUT_SECONDS")
    while alone < longest:
        looked = min(_LOOK_SECONDS, longest - alone)
        try:
            return future.result(timeout=looked)
        except KilledWorker as error:
            raise _no_cluster(f"lost several workers over one part; they may need more memory: {error}") from None
        except (FutureCancelledError, OSError) as error:
            if future.status == "error":
                # The part's own error: a full disk, say.
                raise
            if not isinstance(error, TimeoutError):
                raise _no_cluster("was lost") from None
        alone = 0.0 if _has_workers(client) else alone + looked
    raise _no_cluster(f"has had no workers for {longest} s (HEADGATE_WORKERS_TIMEOUT_SECONDS)")


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except OSError:
        raise _no_cluster("was lost") from None


def _no_cluster(what: str) -> RetryableError:
    return RetryableError(
        f"the Dask cluster of HEADGATE_DASK {what}; nothing was published",
        code="DASK",
        next_command="headgate retry RUN   (once the cluster is there; at once: without HEADGATE_DASK)",
    )


def marks_of(bench: Workbench, name: str, salt: str) -> Marks:
    """What a worker must have as the load has it, for its part to be the same part. Of the key only a proof leaves here."""
    keys = b"".join(bench.settings.hash_keys.values())
    proof = hmac.new(keys, salt.encode(), "sha256").hexdigest()
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
