"""PostgreSQL servers on loopback, in a temporary folder, gone after the tests: one with a replica that streams from it, or one of
the machine's distribution."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2

from deployments.embedded import process
from deployments.embedded.environment import server_environment
from deployments.embedded.postgres_account import Place, find_place, forget_place
from deployments.embedded.process import Command

_SECONDS_TO_START = 60
_USER = "headgate"
_OF_A_PAIR = {"shared_buffers": "16MB", "wal_receiver_status_interval": "1s", "max_standby_streaming_delay": "0",
              "autovacuum": "off"}  # fmt: skip
SYSTEM_POSTGRES = Path("/usr/lib/postgresql/15/bin")
"""The programs of Debian 12, which `.ci/run` installs."""


@dataclass(frozen=True)
class Pair:
    """Addresses of the server that is written to, and of the one that follows it."""

    primary: str
    replica: str
    restart: Callable[[], None]
    """Stops the replica and starts it again."""
    another: Callable[[], str]
    """Starts one more replica; its address."""

    def cut(self) -> str:
        """Let the replica hear of its primary no more; returns what `join` takes."""
        ((known,),) = self.run("SHOW primary_conninfo", on=self.replica)
        self._followed("")
        return str(known)

    def join(self, known: str) -> None:
        self._followed(known)
        self.caught_up()

    def _followed(self, known: str) -> None:
        quoted = known.replace("'", "''")
        self.run(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'", "SELECT pg_reload_conf()", on=self.replica)
        receives = "SELECT count(*) > 0 FROM pg_stat_wal_receiver"
        _until(lambda: self.run(receives, on=self.replica) == [(bool(known),)])

    def run(self, *statements: str, on: str = "") -> list[tuple[Any, ...]]:
        """Run statements on the primary, or at the address `on`; the rows of the last."""
        with closing(psycopg2.connect(on or self.primary)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def caught_up(self) -> None:
        """Wait until the replica has all that the primary has."""
        ((reached,),) = self.run("SELECT pg_current_wal_lsn()::text")
        _until(lambda: self.run(f"SELECT pg_last_wal_replay_lsn() >= '{reached}'", on=self.replica) == [(True,)])


@contextmanager
def streaming(folder: Path) -> Iterator[Pair]:
    """A pair of servers with their data in an empty folder."""
    place = find_place(folder, lambda _: None)
    first, second = _free_port(), _free_port()
    _do(place, "initdb", "--pgdata", str(place.folder / "first"), "--username", _USER, "--auth", "trust", "--encoding", "UTF8",
        "--locale", "C", "--no-sync")  # fmt: skip
    servers = [_server(place, "first", first)]
    try:
        _until(lambda: _answers(first), servers[0])
        _follow(place, "second", first, second, servers)

        def restart() -> None:
            servers[1].terminate()
            servers[1].wait(30)
            servers[1] = _server(place, "second", second)
            _until(lambda: _answers(second), servers[1])

        def another() -> str:
            third = _free_port()
            _follow(place, "third", first, third, servers)
            return _url(third)

        yield Pair(_url(first), _url(second), restart, another)
    finally:
        for server in reversed(servers):
            server.terminate()
        for server in servers:
            with suppress(subprocess.TimeoutExpired):
                server.wait(30)
            server.kill()
        forget_place(folder)


@contextmanager
def system_postgres(folder: Path) -> Iterator[str]:
    """The address of a server of the machine's distribution: of another major version than the embedded one, with the corrections
    that came since, and texts are compared as its C library does. Its data are in an empty folder."""
    folder.mkdir(exist_ok=True)
    place = replace(find_place(folder, lambda _: None), binaries=SYSTEM_POSTGRES)
    _do(place, "initdb", "--pgdata", str(place.folder / "first"), "--username", _USER, "--auth", "trust", "--encoding", "UTF8",
        "--locale", "C.UTF-8", "--no-sync")  # fmt: skip
    port = _free_port()
    server = _server(place, "first", port, {})
    try:
        _until(lambda: _answers(port), server)
        # Without options, which not every client reads.
        yield _url(port).partition("?")[0]
    finally:
        # Whoever is connected still isn't waited for.
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(30)
        server.kill()
        forget_place(folder)


def _server(place: Place, name: str, port: int, settings: Mapping[str, str] = _OF_A_PAIR) -> subprocess.Popen[bytes]:
    given = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "fsync": "off",
             "dynamic_shared_memory_type": "mmap"}  # fmt: skip
    argv = [str(place.binaries / "postgres"), "-D", str(place.folder / name)]
    for key, value in (given | dict(settings)).items():
        argv += ["-c", f"{key}={value}"]
    command = Command(tuple(argv), server_environment(), place.folder, place.account)
    return subprocess.Popen(
        process._launcher_argv(command, None), env=dict(command.environment), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _follow(place: Place, name: str, first: int, port: int, servers: list[subprocess.Popen[bytes]]) -> None:
    """Start a replica of the server at the port `first`, and add it to `servers`."""
    _do(place, "pg_basebackup", "--pgdata", str(place.folder / name), "--host", "127.0.0.1", "--port", str(first),
        "--username", _USER, "--write-recovery-conf", "--checkpoint", "fast", "--no-sync")  # fmt: skip
    servers.append(_server(place, name, port))
    _until(lambda: _answers(port), servers[-1])


def _do(place: Place, program: str, *arguments: str) -> None:
    command = Command((str(place.binaries / program), *arguments), server_environment(), place.folder, place.account)
    done = process.run(command, seconds=_SECONDS_TO_START)
    assert done.returncode == 0, done.stderr


def _until(holds: Callable[[], bool], server: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while not holds():
        assert time.monotonic() < end
        assert server is None or server.poll() is None
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        psycopg2.connect(_url(port)).close()
    except psycopg2.OperationalError:
        return False
    return True


def _url(port: int) -> str:
    return f"postgresql://{_USER}@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
