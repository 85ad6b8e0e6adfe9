"""The spool: raw bytes of a run on this machine. Held by a lock for as long as its process lives, removed after it.

A killed process can't clean up: its lock is free again, and whoever starts next removes what it left. The lock's file
names the attempt, so that its candidate and its staged parts are known to be dead as well.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from deployments.embedded import filelock
from deployments.errors import DeclarationError

FORGOTTEN_SECONDS = 86_400
"""A folder without a lock (no locks on this file system) is left alone for a day."""

_held: dict[Path, int] = {}
_guard = Lock()


@dataclass(frozen=True, slots=True)
class DeadAttempt:
    """An attempt whose process is gone."""

    table: str
    attempt_id: str
    stage_key: str
    spool: Path


def hold(spool: Path, table: str, attempt_id: str, stage_key: str) -> None:
    """Mark the spool of a run as alive, until `release` or the end of this process."""
    lock = _lock_of(spool)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = filelock.take(lock)
    except DeclarationError:
        # No locks on this file system: leftovers are found by their age.
        return
    if descriptor is None:
        return
    os.truncate(descriptor, 0)
    os.write(descriptor, json.dumps({"table": table, "attempt_id": attempt_id, "stage_key": stage_key}).encode())
    with _guard:
        _held[spool] = descriptor


def release(spool: Path) -> None:
    """Remove the raw bytes of a run, and its mark."""
    shutil.rmtree(spool, ignore_errors=True)
    with _guard:
        descriptor = _held.pop(spool, None)
    if descriptor is not None:
        _lock_of(spool).unlink(missing_ok=True)
        os.close(descriptor)


def alive_attempts(root: Path) -> dict[str, str]:
    """Attempts on this machine that a process holds, with their tables."""
    found = {}
    for lock in root.glob("*.alive"):
        try:
            told = json.loads(lock.read_bytes())
        except (OSError, ValueError):
            continue
        if filelock.is_held(lock):
            found[str(told["attempt_id"])] = str(told["table"])
    return found


def dead_attempts(root: Path) -> list[DeadAttempt]:
    """Attempts on this machine whose process has ended without cleaning up. Changes nothing."""
    found = []
    for lock in sorted(root.glob("*.alive")):
        if filelock.is_held(lock):
            continue
        try:
            told = json.loads(lock.read_bytes())
            found.append(DeadAttempt(told["table"], told["attempt_id"], told["stage_key"], lock.with_suffix("")))
        except (OSError, ValueError, KeyError):
            # Killed before it had written its name, or cleaned up by somebody else just now.
            found.append(DeadAttempt("", "", "", lock.with_suffix("")))
    return found


def forgotten(root: Path) -> list[Path]:
    """Old folders that nobody marked."""
    old = time.time() - FORGOTTEN_SECONDS
    folders = [path for path in root.glob("*") if path.is_dir() and not _lock_of(path).exists()]
    return sorted(path for path in folders if path.stat().st_mtime < old)


def bury(spool: Path) -> None:
    """Remove a dead run's bytes and mark, unless somebody has come to life under its name."""
    lock = _lock_of(spool)
    descriptor = filelock.take(lock) if lock.exists() else None
    if lock.exists() and descriptor is None:
        return
    shutil.rmtree(spool, ignore_errors=True)
    if descriptor is not None:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock_of(spool: Path) -> Path:
    return spool.with_name(f"{spool.name}.alive")
