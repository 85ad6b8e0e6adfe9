"""Locks on files that the kernel releases when their last holder is gone, however it went.

Two uses: a turn (one process at a time starts or stops a server) and a sign of life: a server inherits the open lock
and so do its children, so the lock is free exactly when nothing of that server is left. No pid is trusted for that.
Locks are `flock`: they belong to the open file, not to the process. Unix only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.errors import DeclarationError, RetryableError

_POLL_SECONDS = 0.02
_NO_LOCKS_HERE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def take(path: Path) -> int | None:
    """Open and lock the file now; the descriptor holds the lock until its last copy is closed. None: someone has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NO_LOCKS_HERE:
                raise DeclarationError(
                    f"the file system of {path.parent} has no file locks ({error.strerror})",
                    next_command="HEADGATE_STATE=<a folder on a local disk> headgate up",
                ) from error
            raise
        if _is_still(descriptor, path):
            return descriptor
        # Whoever had it removed the file when it was done: lock the new one instead of a name that is gone.
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock. Leaves no file behind; holds the lock itself for a few microseconds."""
    if not path.exists():
        return False
    descriptor = take(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def wait_until_free(path: Path, seconds: float) -> bool:
    """Wait until nobody holds the lock; False when somebody still does after `seconds`."""
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


@contextmanager
def turn(path: Path, seconds: float, on_wait: Callable[[], None]) -> Iterator[int]:
    """Hold the lock for the block; its descriptor, for programs that must keep the turn when their caller is killed.

    `on_wait` is called once when somebody else has it. RetryableError when it isn't free within `seconds`.
    The file is removed on the way out: removing it while the lock is held is safe, because `take` looks again whether
    the name still means the file it locked.
    """
    deadline = time.monotonic() + seconds
    told = False
    while (descriptor := take(path)) is None:
        if not told:
            on_wait()
            told = True
        if time.monotonic() > deadline:
            raise RetryableError(
                f"another process has been starting or stopping this server for {seconds:.0f} s ({path})",
                next_command="headgate status",
                lock=str(path),
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_still(descriptor: int, path: Path) -> bool:
    mine = os.fstat(descriptor)
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)
