"""Housekeeping at the start of a run: what dead attempts left is removed, at most once an hour per table."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from psycopg2 import Error

from deployments.errors import HeadgateError
from tasks.leftovers import find_leftovers, remove
from tasks.spool import dead_attempts
from tasks.warehouses import clock
from tasks.workbench import Workbench

EVERY_SECONDS = 3600
logger = logging.getLogger(__name__)


def keep_house(bench: Workbench, target: str) -> None:
    """Remove leftovers of a target when it is time, or when a process on this machine has died. Never fails a run."""
    mark = bench.settings.state / "clean" / target
    try:
        if _is_recent(mark) and not any(dead.table in (target, "") for dead in dead_attempts(bench.spool)):
            return
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        now = clock.now(bench.warehouse)
        for leftover in list(find_leftovers(bench, [target], now)):
            remove(bench, leftover, now)
            logger.info("removed %s %s: %s", leftover.kind, leftover.name, leftover.why)
    except (Error, HeadgateError, OSError) as error:
        # The batch comes first; what is left is found again by the next run, or by `headgate clean`.
        logger.warning("leftovers of %s were not removed: %s", target, error)


def _is_recent(mark: Path) -> bool:
    return mark.exists() and time.time() - mark.stat().st_mtime < EVERY_SECONDS
