"""The life of one local server: up, down, look. The same for PostgreSQL, S3 and Prefect; only a `Part` differs.

Every change happens under the part's turn lock, so two processes that start at once get one server.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from deployments.declared_settings import waiting_time
from deployments.embedded import filelock, process
from deployments.embedded.process import Command, ServerFiles
from deployments.errors import DeclarationError, RetryableError

PartName = Literal["postgres", "s3", "prefect"]
Progress = Callable[[str], None]
Answer = Literal["yes", "starting", "no"]

# A polite stop writes down what isn't yet.
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_STARTS = 5


class Part(Protocol):
    """What one kind of server has of its own."""

    name: PartName
    title: str
    files: ServerFiles
    stop_signal: signal.Signals
    recovery_seconds: float
    writes_port: bool  # the server itself writes the port file once it is bound, so the port can't be a stranger's

    def prepare(self, progress: Progress, turn: int, /) -> None:
        """Make its folders and data, if not there. Running it twice changes nothing.

        A program it runs must inherit `turn`: if we are killed, the next start waits until that program is through.
        """

    def command(self, port: int) -> Command:
        """How to start it. The port is only a wish where the server writes the port file itself."""

    def answers(self, port: int) -> Answer:
        """Ask the server on this port whether it works: "starting" means that waiting is right."""

    def finish(self, port: int) -> None:
        """What is left to do once it answers. Running it twice changes nothing."""


@dataclass(frozen=True)
class Server:
    """One local server as it was found: `address` holds no secret and is empty when it doesn't run."""

    name: PartName
    title: str
    running: bool
    address: str
    pid: int | None
    log: Path


def look(part: Part) -> Server:
    """Whether the server works now: its sign of life is held and it answers. Changes nothing."""
    port = read_port(part.files)
    running = bool(port) and filelock.is_held(part.files.alive) and part.answers(port) == "yes"
    return Server(
        name=part.name,
        title=part.title,
        running=running,
        address=f"127.0.0.1:{port}" if running else "",
        pid=process.pid_of(part.files) if running else None,
        log=part.files.log,
    )


def up(part: Part, progress: Progress, cancelled: threading.Event) -> None:
    """Start the server unless it works already; returns once it answers.

    A server that lives but doesn't answer in time is stopped and started again. RetryableError when it doesn't come up.
    """
    if look(part).running:
        progress(f"{part.title}: runs on 127.0.0.1:{read_port(part.files)}")
        return
    _make_folder(part.files.folder)
    with _turn(part, progress) as held:
        began = time.monotonic()
        if filelock.is_held(part.files.alive):
            # Its starter was killed, or it hangs: give it the time of a normal start before it is replaced.
            if _wait(part, cancelled, progress):
                part.finish(read_port(part.files))
                progress(f"{part.title}: runs on 127.0.0.1:{read_port(part.files)}")
                return
            process.stop(part.files, part.stop_signal, _STOP_SECONDS)
        part.prepare(progress, held)
        for _ in range(_STARTS):
            port = _choose_port(part)
            process.start(part.command(port), part.files)
            if _wait(part, cancelled, progress):
                port = read_port(part.files)
                part.finish(port)
                progress(f"{part.title}: started on 127.0.0.1:{port} in {time.monotonic() - began:.1f} s")
                return
            hung = filelock.is_held(part.files.alive)
            if hung or _is_free(port):
                break  # it hangs, or died of something else than a port that was taken in the meantime
        process.stop(part.files, part.stop_signal, _STOP_SECONDS)
        within = f" within {waiting_time('STACK_TIMEOUT_SECONDS')} s (HEADGATE_STACK_TIMEOUT_SECONDS)"
        raise RetryableError(
            f"{part.title} did not come up{within if hung else ''}; the end of {part.files.log}:\n{process.log_tail(part.files)}",
            next_command="headgate up",
            part=part.name,
            log=str(part.files.log),
        )


def down(part: Part, progress: Progress) -> bool:
    """Stop the server and remove its locks and record; True when something was stopped. Data and log stay."""
    if not part.files.folder.exists():
        return False
    with _turn(part, progress):
        alive = filelock.is_held(part.files.alive)
        process.stop(part.files, part.stop_signal, _STOP_SECONDS)
    if alive:
        progress(f"{part.title}: stopped")
    return alive


def read_port(files: ServerFiles) -> int:
    """The port last used; 0 when there was none."""
    try:
        return int(files.port.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def _turn(part: Part, progress: Progress) -> AbstractContextManager[int]:
    """This process alone changes the server. Whoever has the turn may start it twice and stop it in between."""
    return filelock.turn(
        part.files.turn, 2 * waiting_time("STACK_TIMEOUT_SECONDS") + _STOP_SECONDS,
        lambda: progress(f"{part.title}: another process is starting or stopping it"),
    )  # fmt: skip


def _wait(part: Part, cancelled: threading.Event, progress: Progress) -> bool:
    """Wait until it answers. False: it died, or didn't answer in time (much longer while it says "starting")."""
    began, patience = time.monotonic(), waiting_time("STACK_TIMEOUT_SECONDS")
    told = False
    while True:
        held = filelock.is_held(part.files.alive)
        port = read_port(part.files)
        answer = part.answers(port) if port and held else "no"
        if answer == "yes":
            return True
        waited = time.monotonic() - began
        # A killed server may leave children behind that keep the sign of life; a new one is recorded within a moment.
        dead = not held or (waited > 1 and process.pid_of(part.files) is None)
        if dead or waited > (part.recovery_seconds if answer == "starting" else patience):
            return False
        if answer == "starting" and waited > 2 and not told:
            progress(f"{part.title}: recovers what was written before it was stopped")
            told = True
        if cancelled.wait(_POLL_SECONDS):
            raise RetryableError(f"the start of {part.title} was interrupted", next_command="headgate up")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DeclarationError(
            f"the state folder can't be written: {error}",
            next_command="HEADGATE_STATE=<a folder of your own> headgate up",
        ) from error


def _choose_port(part: Part) -> int:
    """The last port if it is free, else one that the system hands out."""
    port = read_port(part.files)
    if not port or not _is_free(port):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    if part.writes_port:
        part.files.port.unlink(missing_ok=True)
    else:
        part.files.port.write_text(f"{port}\n", encoding="ascii")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: an address with nothing but closed connections left counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
