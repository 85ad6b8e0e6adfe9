"""Which task runner a load has: threads of its process, or with HEADGATE_DASK the workers of a Dask cluster.

`HEADGATE_DASK=local` starts one worker process per core for as long as this process lives; `tcp://host:8786` uses a
scheduler that runs already. Only the parts of a batch go there (see `tasks.part_workers`); everything else stays here.
"""

from __future__ import annotations

import os
from functools import cache
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from prefect.flows import Flow

from deployments.errors import DeclarationError
from deployments.settings import DASK_LOCAL
from tasks.workbench import workbench

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def on_part_runner(flow: Flow[Parameters, Result]) -> Flow[Parameters, Result]:
    """The flow with the task runner that the settings name. Raises DeclarationError NO-DASK without the library."""
    where = workbench().settings.dask
    if where is None:
        return flow
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise DeclarationError(
            "HEADGATE_DASK is set, but the library for it isn't installed",
            code="NO-DASK",
            next_command="pip install 'headgate[dask]'   (or: unset HEADGATE_DASK)",
        ) from None
    runner: Any = DaskTaskRunner(address=_own_cluster().scheduler_address if where == DASK_LOCAL else where)
    return flow.with_options(task_runner=runner)


def _own_cluster() -> Any:
    # Lanes begin at the same time.
    with _lock:
        return _started()


@cache
def _started() -> Any:
    """This process's own cluster, started once; Dask ends it with the process."""
    import distributed

    return distributed.LocalCluster(
        n_workers=os.cpu_count() or 1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )


_lock = Lock()
