"""A warm process that forks one child per order: imports are paid once, every child opens its own connections.

Reads JSON lines {"order": ...} or {"wait": pid} and answers with {"pid": ...} or {"ended": status}. It makes no thread
and no connection itself, so a fork copies nothing that can't be copied.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading

import play


def warm() -> None:
    """Import what a load needs."""
    for name in ("duckdb", "expectations.drift", "expectations.profile", "flows.ingest", "flows.run", "flows.summarize",
                 "tasks.warehouses.postgres"):  # fmt: skip
        importlib.import_module(name)
    from tasks.workbench import workbench

    bench = workbench()
    # Declarations read, clients made: nothing of it opens a connection before it is used.
    assert bench.project.tables
    assert bench.warehouse
    bench.stage.base, getattr(bench.stage, "_client", None)
    play.without_prefect()


def fork(order: play.Order) -> int:
    """Start a child; its words go to a file beside its outcome."""
    pid = os.fork()
    if pid:
        return pid
    try:
        log = os.open(order.out + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        play.prepare(order)
        play.run(order)
    finally:
        sys.stdout.flush()
        os._exit(0)


def main() -> None:
    warm()
    alone = threading.active_count() == 1
    print(json.dumps({"ready": alone}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "order" in asked:
            answer = {"pid": fork(play.Order.read(asked["order"]))}
        else:
            answer = {"ended": os.waitpid(asked["wait"], 0)[1]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
