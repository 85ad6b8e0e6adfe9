"""The local warehouse: PostgreSQL 18 on a loopback port, with its own password and its data under the state folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql

from deployments.embedded import process
from deployments.embedded.environment import server_environment
from deployments.embedded.postgres_account import Place, find_place, forget_place
from deployments.embedded.process import Command, ServerFiles
from deployments.embedded.service import Answer, PartName, Progress, read_port
from deployments.errors import DeclarationError, RetryableError

USER = "headgate"
WAREHOUSE = "warehouse"
_MAJOR = "18"

# fsync and synchronous_commit stay on: this is somebody's data until they configure a server of their own.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP only: a socket's path is limited to about 100 bytes and a project's folder isn't.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # LOG stands above ERROR here: starts, stops and crashes are logged, failing statements with their values are not.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "logging_collector": "off",
    # No replica reads this log, so bulk loads into new tables needn't write it.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "jit": "off",
}
_SMALL_SHARED_MEMORY_BYTES = 256 * 1024 * 1024


class Postgres:
    """PostgreSQL as a part of the stack (see service.Part)."""

    name: PartName = "postgres"
    title = "PostgreSQL 18"
    stop_signal = signal.SIGINT  # "fast": running transactions are rolled back
    recovery_seconds = 600.0
    writes_port = False

    def __init__(self, folder: Path) -> None:
        self.files = ServerFiles(folder)
        self._place: Place | None = None

    def prepare(self, progress: Progress, turn: int) -> None:
        """Make the data folder if there is none. An initialization that was cut short is started afresh."""
        self._place = find_place(self.files.folder, progress)
        data = self._place.folder / "data"
        if data.exists():
            if (made_by := (data / "PG_VERSION").read_text(encoding="ascii").strip()) != _MAJOR:
                raise DeclarationError(
                    f"the data in {data} were made by PostgreSQL {made_by}, the installed one is {_MAJOR}",
                    next_command="headgate down --purge",
                )
            # Nothing of an earlier server lives (its lock is free): the pid in here may be a stranger's by now.
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
        self._initialize(self._place, turn)

    def command(self, port: int) -> Command:
        """PostgreSQL in the foreground; the launcher puts it into the background."""
        place = self._place or find_place(self.files.folder, lambda _: None)
        settings = _SETTINGS | {"port": str(port)} | _shared_memory()
        argv = [str(place.binaries / "postgres"), "-D", str(place.folder / "data")]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Command(tuple(argv), server_environment(), place.folder, place.account)

    def answers(self, port: int) -> Answer:
        """Log in: only our own server knows the password."""
        try:
            psycopg2.connect(self.url(port, "postgres"), connect_timeout=3).close()
        except psycopg2.OperationalError as error:
            return "starting" if "the database system is" in str(error) else "no"
        return "yes"

    def finish(self, port: int) -> None:
        """Make the warehouse's database."""
        self.create_database(WAREHOUSE, port)

    def create_database(self, name: str, port: int | None = None) -> str:
        """Make a database unless it is there; its address (with the password). RetryableError when it doesn't run."""
        port = port or read_port(self.files)
        try:
            connection = psycopg2.connect(self.url(port, "postgres"), connect_timeout=5)
        except psycopg2.OperationalError as error:
            raise RetryableError(f"{self.title} doesn't run", next_command="headgate up") from error
        with closing(connection):
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    # Another process may have made it in the meantime.
                    with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(port, name)

    def url(self, port: int, database: str) -> str:
        """The address with its password. TLS and Kerberos are off, so that PGSSLMODE and the like don't matter."""
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"

    def purge(self) -> None:
        """Remove data that live outside the part's folder. Only after a stop."""
        forget_place(self.files.folder)

    def _password(self) -> str:
        try:
            return (self.files.folder / "password").read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise RetryableError(f"{self.title} was never started", next_command="headgate up") from error

    def _initialize(self, place: Place, turn: int) -> None:
        password = secrets.token_hex(24)
        fresh, handed = place.folder / "data.new", place.folder / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for path in (self.files.folder / "password", handed):
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(password + "\n")
        if place.account.kind == "switch":
            os.chown(handed, place.account.uid, place.account.gid)
        try:
            done = process.run(self._initdb(place, fresh, handed), seconds=120, keep=(turn,))
        finally:
            handed.unlink()
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise RetryableError(
                f"{self.title} could not make its data folder:\n{(done.stdout + done.stderr)[-2000:]}",
                next_command="headgate up",
            )
        fresh.rename(place.folder / "data")

    def _initdb(self, place: Place, fresh: Path, handed: Path) -> Command:
        argv = (
            str(place.binaries / "initdb"),
            *("--pgdata", str(fresh), "--username", USER, "--pwfile", str(handed), "--auth", "scram-sha-256"),
            # Comparison by code point and Unicode-aware lower(): the same on every machine and as Redshift does it.
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            "--no-instructions",
        )
        return Command(argv, server_environment(), place.folder, place.account)


def _shared_memory() -> dict[str, str]:
    """Containers often have 64 MB of /dev/shm, too little for a parallel query: use files in the data folder there."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return {}
    small = found.f_frsize * found.f_blocks < _SMALL_SHARED_MEMORY_BYTES
    return {"dynamic_shared_memory_type": "mmap"} if small else {}
