"""Whatever comes from outside the software has its own name, and who must act: never a fault of the software."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psycopg2
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, TokenRetrievalError
from prefect.exceptions import PrefectHTTPStatusError

from deployments.errors import DeclarationError, HeadgateError, RetryableError
from flows.cli import main
from tasks.objects.bucket import _Telling
from tasks.outside_errors import named

RETRYABLE, DECLARATION = RetryableError, DeclarationError


def answered(status: int) -> Exception:
    response = httpx.Response(status, request=httpx.Request("GET", "http://prefect.invalid/api"))
    return PrefectHTTPStatusError.from_httpx_error(
        httpx.HTTPStatusError("no", request=response.request, response=response)
    )


def told_by(error: Exception) -> Exception:
    """An error that a library told as another one of its own."""
    try:
        raise RuntimeError("Failed to reach API") from error
    except RuntimeError as wrapped:
        return wrapped


FAULTS = [
    (psycopg2.OperationalError("server closed the connection unexpectedly"), RETRYABLE, "CONNECTION-LOST", 1),
    (psycopg2.InterfaceError("connection already closed"), RETRYABLE, "CONNECTION-LOST", 1),
    (httpx.ConnectError("refused"), RETRYABLE, "PREFECT-UNREACHABLE", 1),
    (told_by(httpx.ConnectError("refused")), RETRYABLE, "PREFECT-UNREACHABLE", 1),
    (httpx.ReadTimeout("slow"), RETRYABLE, "PREFECT-UNREACHABLE", 1),
    (answered(503), RETRYABLE, "PREFECT-UNREACHABLE", 1),
    (answered(401), DECLARATION, "PREFECT-LOGIN", 2),
    (OSError(errno.ENOSPC, "No space left on device", "/state/spool/x"), DECLARATION, "DISK-FULL", 2),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), DECLARATION, "DISK-FULL", 2),
    (OSError(errno.EROFS, "Read-only file system", "/state"), DECLARATION, "NOT-WRITABLE", 2),
    (PermissionError(errno.EACCES, "Permission denied", "/state"), DECLARATION, "NOT-WRITABLE", 2),
    (ConnectionResetError(errno.ECONNRESET, "reset"), RETRYABLE, "CONNECTION-LOST", 1),
]


@pytest.mark.parametrize(
    ("error", "family", "code", "exits"), FAULTS, ids=[f"{f[2]}-{n}" for n, f in enumerate(FAULTS)]
)
def test_the_name_and_the_exit_code(
    error: Exception, family: type[HeadgateError], code: str, exits: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    known = named(error)
    assert known is not None
    assert (type(known), known.code) == (family, code)
    assert known.next_command

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("flows.cli.cli.main", broken)
    with pytest.raises(SystemExit) as ended:
        main(["plan"])
    assert ended.value.code == exits
    told = capsys.readouterr().err
    assert f"[{code}]" in told
    assert "a fault of the software" not in told


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), FileNotFoundError(errno.ENOENT, "x"), answered(422)])
def test_a_fault_of_the_software_stays_one(error: Exception) -> None:
    assert named(error) is None


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ExpiredToken"}}, "PutObject"), NoCredentialsError(),
        ClientError({"Error": {"Code": "InvalidToken"}}, "PutObject"),
        TokenRetrievalError(provider="sso", error_msg="expired"),
    ],
)  # fmt: skip
def test_an_expired_token_is_somebodys_to_renew(error: Exception) -> None:
    with pytest.raises(DeclarationError) as told, _Telling("s3://bucket/key", "write"):
        raise error
    assert told.value.code == "STAGE-RIGHTS"


@pytest.mark.parametrize(("word", "code"), [("INT", 130), ("TERM", 143)])
def test_a_stop_has_a_word_and_the_code_of_its_signal(tmp_path: Path, word: str, code: int) -> None:
    program = (
        "import os, signal, time, flows.cli as c\n"
        "def wait(*a, **k):\n"
        f"    os.kill(os.getpid(), signal.SIG{word}); time.sleep(20)\n"
        "c.cli.main = wait\nc.main(['plan'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert "windows that were published are whole" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_ends_in_time_whatever_its_libraries_wait_for() -> None:
    program = (
        "import sys, threading, time, types, flows.cli as c\n"
        "sys.modules['prefect'] = types.ModuleType('prefect')\n"
        "threading.Thread(target=time.sleep, args=(100,)).start()\n"
        "c.cli.main = lambda *a, **k: 3\nc.program(['plan'])\n"
    )
    environment = {**os.environ, "HEADGATE_EXIT_TIMEOUT_SECONDS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr


def test_a_command_called_by_another_program_doesnt_end_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cli.cli.main", lambda *_, **__: 3)
    before = threading.active_count()
    hears, theirs = socket.socketpair()
    theirs.setblocking(False)
    was = signal.set_wakeup_fd(theirs.fileno())
    try:
        with pytest.raises(SystemExit):
            main(["plan"])
        assert signal.set_wakeup_fd(theirs.fileno()) == theirs.fileno()
    finally:
        signal.set_wakeup_fd(was)
        hears.close()
        theirs.close()
    assert threading.active_count() == before
