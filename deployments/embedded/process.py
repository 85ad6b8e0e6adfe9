"""One detached server process: start it, find it again, stop it, and never signal anybody else's process.

A server is alive exactly while its lock is held (filelock.py). The record (pid and start identity) only says whom to
signal: a pid alone may have been given to a stranger, after a reboot for instance.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.embedded import filelock, launch
from deployments.errors import RetryableError

_LAUNCHER = launch.__file__
_LOG_LIMIT_BYTES = 5_000_000
_HARD_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Account:
    """The user a server runs as: the caller's own, that in a user namespace, or another one (needs root)."""

    kind: str = "own"
    uid: int = -1
    gid: int = -1

    def as_json(self) -> dict[str, int | str]:
        """As launch.py reads it."""
        return {"kind": self.kind, "uid": self.uid, "gid": self.gid}


OWN_ACCOUNT = Account()


@dataclass(frozen=True)
class Command:
    """What to run: program with arguments, environment, folder to run in, and as whom."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path
    account: Account = OWN_ACCOUNT


@dataclass(frozen=True)
class ServerFiles:
    """The files of one server, all in its own folder."""

    folder: Path

    @property
    def turn(self) -> Path:
        """Held by whoever starts or stops the server."""
        return self.folder / "turn.lock"

    @property
    def alive(self) -> Path:
        """Held by the server and its children as long as one of them lives."""
        return self.folder / "alive.lock"

    @property
    def record(self) -> Path:
        """Pid and start identity."""
        return self.folder / "server.json"

    @property
    def port(self) -> Path:
        """The port it listens on; kept after a stop, so that its address stays the same if the port is still free."""
        return self.folder / "port"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"


def run(command: Command, seconds: float, keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run to the end as the command's account; output as text. It inherits the descriptors of `keep`.

    RetryableError when it takes longer than `seconds`.
    """
    try:
        return subprocess.run(  # noqa: S603 (our own command, no shell)
            _launcher_argv(command, None),
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            pass_fds=keep,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RetryableError(
            f"{Path(command.argv[0]).name} did not end within {seconds:.0f} s", next_command="headgate up"
        ) from error


def start(command: Command, files: ServerFiles) -> None:
    """Start detached, with the sign of life held. RetryableError when it is held already (processes of an old run)."""
    _rotate(files.log)
    deadline = time.monotonic() + 2
    # A reader of the status holds the lock for a moment; leftovers of a killed server hold it for good.
    while (descriptor := filelock.take(files.alive)) is None:
        if time.monotonic() > deadline:
            raise RetryableError(
                f"processes of an earlier server still use {files.folder}",
                next_command="headgate down && headgate up",
                pids=holders(files.alive),
            )
        time.sleep(0.02)
    try:
        subprocess.run(  # noqa: S603 (our own command, no shell)
            _launcher_argv(command, files),
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            check=True,
        )
    finally:
        os.close(descriptor)


def pid_of(files: ServerFiles) -> int | None:
    """The recorded process if it is still that very process, else None."""
    try:
        record = json.loads(files.record.read_text(encoding="ascii"))
        pid, started = int(record["pid"]), record["started"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return pid if started and launch.start_identity(pid) == started else None


def stop(files: ServerFiles, first: signal.Signals, patience_seconds: float) -> None:
    """Stop the server and everything it left: `first`, then SIGQUIT, then SIGKILL. Nothing to do when it isn't alive.

    RetryableError when something still holds the sign of life afterwards.
    """
    hard = ((number, _HARD_STOP_SECONDS) for number in (signal.SIGQUIT, signal.SIGKILL))
    for number, seconds in ((first, patience_seconds), *hard):
        if not filelock.is_held(files.alive):
            break
        pid = pid_of(files)
        for target in [pid] if pid and number != signal.SIGKILL else {pid, *holders(files.alive)}:
            _signal(target, number)
        if filelock.wait_until_free(files.alive, seconds):
            break
    else:
        raise RetryableError(
            f"a server of {files.folder} can't be stopped", next_command="headgate down", pids=holders(files.alive)
        )
    files.record.unlink(missing_ok=True)
    files.alive.unlink(missing_ok=True)


def holders(lock: Path) -> set[int]:
    """Processes that inherited the lock (Linux; elsewhere none are found). Only those we may look into.

    Whoever merely looks whether the lock is free opens it close-on-exec; a server got it across an exec.
    """
    found: set[int] = set()
    try:
        wanted = lock.stat()
    except FileNotFoundError:
        return found
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            for entry in folder.iterdir():
                there = entry.stat()
                if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino):
                    about = (folder.parent / "fdinfo" / entry.name).read_text(encoding="ascii")
                    flags = int(about.partition("flags:")[2].split()[0], 8)
                    if not flags & os.O_CLOEXEC:
                        found.add(int(folder.parent.name))
        except OSError:  # it ended, closed the file, or belongs to somebody else
            continue
    return found


def log_tail(files: ServerFiles, lines: int = 12) -> str:
    """The last lines of the server's log."""
    try:
        with files.log.open("rb") as file:
            file.seek(max(0, files.log.stat().st_size - 8_192))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _launcher_argv(command: Command, files: ServerFiles | None) -> list[str]:
    spec: dict[str, object] = {
        "argv": command.argv,
        "cwd": str(command.cwd),
        "account": command.account.as_json(),
    }
    if files:
        spec |= {"log": str(files.log), "record": str(files.record)}
    return [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(spec)]


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
