"""The local stack as a whole: start, stop and look at its servers below one state folder.

    state = EmbeddedStack(Path(".headgate")).up()
    state.warehouse_url, state.s3_endpoint, state.prefect_api_url

Starting twice, or from two processes at once, gives the same servers. They outlive the process that started them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from deployments.closed_folder import own_state
from deployments.embedded import service
from deployments.embedded.postgres import WAREHOUSE, Postgres
from deployments.embedded.python_servers import ACCESS_KEY, BUCKET, REGION, S3, SECRET_KEY, Prefect
from deployments.embedded.service import PartName, Progress, Server
from deployments.errors import DeclarationError

PARTS: tuple[PartName, ...] = ("postgres", "s3", "prefect")


@dataclass(frozen=True)
class StackState:
    """The servers as they were found, and how to reach those that run (None: it doesn't run)."""

    folder: Path
    postgres: Server
    s3: Server
    prefect: Server
    warehouse_url: str | None = field(repr=False)  # with the password
    s3_endpoint: str | None
    prefect_api_url: str | None
    prefect_login: str | None = field(default=None, repr=False)
    s3_bucket: str = BUCKET
    s3_region: str = REGION
    s3_access_key: str = ACCESS_KEY
    s3_secret_key: str = SECRET_KEY

    @property
    def servers(self) -> tuple[Server, Server, Server]:
        """All three, running or not."""
        return (self.postgres, self.s3, self.prefect)

    @property
    def running(self) -> bool:
        """Whether all three run."""
        return all(server.running for server in self.servers)

    def bucket_address(self, prefix: str = "") -> str | None:
        """The bucket, or a prefix in it, with what is needed to reach it; None while the server doesn't run."""
        if self.s3_endpoint is None:
            return None
        options = {
            "endpoint_url": self.s3_endpoint, "region": self.s3_region,
            "access_key_id": self.s3_access_key, "secret_access_key": self.s3_secret_key,
        }  # fmt: skip
        return f"s3://{self.s3_bucket}/{prefix}?{urlencode(options)}"

    def environment(self, parts: Sequence[PartName] = PARTS) -> dict[str, str]:
        """What clients (boto3, Prefect) of these servers, where they run, need to have in their environment."""
        # A proxy for the outside world must not be asked for loopback.
        direct = [*filter(None, os.environ.get("NO_PROXY", "").split(",")), "127.0.0.1", "localhost"]
        wanted = {"NO_PROXY": ",".join(dict.fromkeys(direct))}
        if self.s3_endpoint and "s3" in parts:
            wanted |= {
                "AWS_ENDPOINT_URL_S3": self.s3_endpoint,
                "AWS_ACCESS_KEY_ID": self.s3_access_key,
                "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
                "AWS_DEFAULT_REGION": self.s3_region,
            }
        if self.prefect_api_url and self.prefect_login and "prefect" in parts:
            wanted |= {"PREFECT_API_URL": self.prefect_api_url, "PREFECT_API_AUTH_STRING": self.prefect_login}
        return wanted


class EmbeddedStack:
    """The servers below `<state>/stack`. Making one starts and writes nothing."""

    def __init__(self, state: Path) -> None:
        self.folder = state.expanduser().absolute() / "stack"
        self._postgres = Postgres(self.folder / "postgres")
        self._s3 = S3(self.folder / "s3")
        self._prefect = Prefect(self.folder / "prefect")

    def up(self, parts: Sequence[PartName] = PARTS, progress: Progress | None = None) -> StackState:
        """Start the named servers side by side, unless they run; returns once they answer.

        DeclarationError: a package is missing or the folder can't be used. RetryableError: a server doesn't come up;
        the text ends with its log. The others are started all the same.
        """
        tell = progress or _silent
        cancelled = threading.Event()
        chosen = [part for part in self._parts() if part.name in parts]
        own_state(self.folder.parent)
        with self._own_files(), ThreadPoolExecutor(max_workers=len(PARTS), thread_name_prefix="up") as pool:
            running = [pool.submit(service.up, part, tell, cancelled) for part in chosen]
            try:
                failures = [failure for future in running if (failure := future.exception())]
            except BaseException:
                # Interrupted: don't let the pool wait for slow starts. The servers go on by themselves.
                cancelled.set()
                raise
            if failures:
                raise failures[0]
        return self.status()

    def down(self, purge: bool = False, progress: Progress | None = None) -> list[str]:
        """Stop whatever runs; the names of what was stopped. Data stay unless `purge`. Running it twice is safe."""
        with self._own_files():
            stopped: list[str] = [part.name for part in self._parts() if service.down(part, progress or _silent)]
            if purge and self.folder.exists():
                self._postgres.purge()
                shutil.rmtree(self.folder)
        return stopped

    def status(self) -> StackState:
        """Look at the servers; starts and changes nothing."""
        with self._own_files():
            postgres, s3, prefect = (service.look(part) for part in self._parts())
            port = service.read_port(self._postgres.files)
            warehouse_url = self._postgres.url(port, WAREHOUSE) if postgres.running else None
        return StackState(
            folder=self.folder,
            postgres=postgres,
            s3=s3,
            prefect=prefect,
            warehouse_url=warehouse_url,
            s3_endpoint=f"http://{s3.address}" if s3.running else None,
            prefect_api_url=f"http://{prefect.address}/api" if prefect.running else None,
            prefect_login=self._prefect.login() if prefect.running else None,
        )

    def create_database(self, name: str) -> str:
        """Make a further database on the running PostgreSQL unless it is there; its address, with the password."""
        return self._postgres.create_database(name)

    def _parts(self) -> tuple[Postgres, S3, Prefect]:
        return (self._postgres, self._s3, self._prefect)

    @contextmanager
    def _own_files(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise DeclarationError(
                f"the local stack's folder {self.folder} belongs to somebody else: {error}",
                next_command="HEADGATE_STATE=<a folder of your own> headgate up",
            ) from error


def _silent(_: str) -> None:
    """Nobody wants to know."""


@contextmanager
def ephemeral_stack(parts: Sequence[PartName] = PARTS) -> Iterator[tuple[EmbeddedStack, StackState]]:
    """A stack in a temporary folder for the block; stopped and removed afterwards, however the block ends."""
    with tempfile.TemporaryDirectory(prefix="headgate-stack-") as folder:
        stack = EmbeddedStack(Path(folder))
        try:
            yield stack, stack.up(parts)
        finally:
            stack.down(purge=True)
