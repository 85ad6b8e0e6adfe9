"""The S3 server and the Prefect server as parts of the stack: how they are started and asked whether they work."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from deployments.embedded import serve
from deployments.embedded.environment import server_environment
from deployments.embedded.process import Command, ServerFiles
from deployments.embedded.service import Answer, PartName, Progress
from deployments.errors import DeclarationError

BUCKET = "headgate"
# moto checks no signature, but every client insists on having a key.
ACCESS_KEY = "headgate"
SECRET_KEY = "headgate-local"  # noqa: S105
REGION = "us-east-1"
LOGIN_NAME = "headgate"


class _PythonServer:
    """What both have in common: `serve.py` in this interpreter, run in the part's own folder."""

    stop_signal = signal.SIGTERM
    recovery_seconds = 0.0
    writes_port = True

    def __init__(self, folder: Path) -> None:
        self.files = ServerFiles(folder)

    def finish(self, port: int) -> None:
        """Nothing is left to do."""

    def _script(self, kind: str, port: int, *rest: str, **environment: str) -> Command:
        # -P: a file of that folder, or of ours, must not be imported instead of a package.
        argv = (sys.executable, "-P", serve.__file__, kind, str(self.files.port), str(port), *rest)
        return Command(argv, server_environment(PYTHONUNBUFFERED="1", **environment), self.files.folder)


class S3(_PythonServer):
    """moto with one bucket."""

    name: PartName = "s3"
    title = "S3 (moto)"

    def prepare(self, _progress: Progress, _turn: int) -> None:
        """See that it is installed. DeclarationError when it isn't."""
        _require("moto", "werkzeug", "flask", "flask_cors")

    def command(self, port: int) -> Command:
        """The server with its bucket made before the port is told."""
        return self._script("s3", port, BUCKET, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY)

    def answers(self, port: int) -> Answer:
        """Ask for the bucket."""
        return "yes" if _get(port, f"/{BUCKET}?max-keys=0", "HEAD") is not None else "no"


class Prefect(_PythonServer):
    """Prefect's server on its own sqlite file, with no analytics.

    Whoever reaches its API starts commands as the user of a worker and reads every block: it asks for a login that was
    made for this stack, and no web page of another origin may call it.
    """

    name: PartName = "prefect"
    title = "Prefect server"

    def prepare(self, _progress: Progress, _turn: int) -> None:
        """Make PREFECT_HOME and the login."""
        _require("prefect")
        (self.files.folder / "home").mkdir(exist_ok=True, mode=0o700)
        if not self._login_file.exists():
            handle = os.open(self._login_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(f"{LOGIN_NAME}:{secrets.token_urlsafe(24)}")

    def command(self, port: int) -> Command:
        """The server with everything it writes below the part's folder."""
        home = self.files.folder / "home"
        return self._script(
            "prefect",
            port,
            PREFECT_HOME=str(home),
            # Its default place is inside the installed package, which need not be writable.
            PREFECT_SERVER_UI_STATIC_DIRECTORY=str(self.files.folder / "ui"),
            PREFECT_SERVER_API_AUTH_STRING=self.login() or "",
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            DO_NOT_TRACK="1",
            PREFECT_LOGGING_LEVEL="WARNING",
            PREFECT_SERVER_LOGGING_LEVEL="WARNING",
            # Several flow runs write at once and sqlite has one writer: wait for it rather than fail.
            PREFECT_SERVER_DATABASE_TIMEOUT="60",
        )

    def login(self) -> str | None:
        """`name:password`, as Prefect's settings and its page take it; None before the first start."""
        return self._login_file.read_text(encoding="utf-8") if self._login_file.exists() else None

    @property
    def _login_file(self) -> Path:
        return self.files.folder / "login"

    def answers(self, port: int) -> Answer:
        """Ask for its health, which needs no login."""
        return "yes" if _get(port, "/api/health") == b"true" else "no"


def _get(port: int, path: str, method: str = "GET") -> bytes | None:
    """The body of a 200 answer, else None. Straight to loopback: proxies of the environment don't apply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 else None


def _require(*packages: str) -> None:
    from importlib.util import find_spec

    if missing := [name for name in packages if find_spec(name) is None]:
        raise DeclarationError(
            f"the local stack needs packages that are not installed: {json.dumps(missing)[1:-1]}",
            next_command="pip install 'headgate[local]'",
        )
