"""Errors of libraries and of the machine, as ours: whoever raised them, a fault outside the software is told as one.

Known by its class: the code, who must act, and the next command. What isn't known here is a fault of the software.
"""

from __future__ import annotations

import errno
import os

from deployments.errors import DeclarationError, HeadgateError, RetryableError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_PREFECT_AWAY = "PREFECT-UNREACHABLE"


def named(error: BaseException, doing: str = "this") -> HeadgateError | None:
    """Our error for one that comes from outside the software; None when it isn't known as such."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        found = _named(at, doing)
        if found is not None:
            return found
        seen.add(id(at))
        at = at.__cause__ or at.__context__
    return None


def _named(error: BaseException, doing: str) -> HeadgateError | None:
    if isinstance(error, HeadgateError):
        return error
    # By the name of the package: a light command must not import a library to learn that it raised nothing.
    package = type(error).__module__.partition(".")[0]
    if package == "psycopg2":
        return _of_warehouse(error, doing)
    if package in ("httpx", "httpcore", "prefect"):
        return _of_prefect(error)
    if package in ("duckdb", "_duckdb"):
        return _of_duckdb(error)
    return _of_machine(error) if isinstance(error, OSError) else None


def _of_warehouse(error: BaseException, doing: str) -> HeadgateError | None:
    import psycopg2

    from tasks.warehouses.session import explain

    return explain(error, doing) if isinstance(error, psycopg2.Error) else None


def _of_prefect(error: BaseException) -> HeadgateError | None:
    import httpx

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, httpx.TransportError) or (isinstance(status, int) and status >= 500):
        return RetryableError(
            f"the Prefect server can't be reached ({type(error).__name__}); what was published stays published",
            code=_PREFECT_AWAY,
            next_command="headgate check --connect; then the same command again",
        )
    if status in (401, 403):
        return DeclarationError(
            f"the Prefect server refuses us (HTTP {status})", code="PREFECT-LOGIN",
            next_command="headgate check --connect   (PREFECT_API_URL, PREFECT_API_AUTH_STRING or PREFECT_API_KEY)",
        )  # fmt: skip
    return None


def _of_duckdb(error: BaseException) -> HeadgateError | None:
    """It tells what the system said in words only; other errors of its own are no fault of the machine."""
    told = next((number for number in (*_FULL, *_CLOSED) if os.strerror(number) in str(error)), None)
    return None if told is None else _of_machine(OSError(told, os.strerror(told)))


def _of_machine(error: OSError) -> HeadgateError | None:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in _FULL:
        return DeclarationError(
            f"no space is left on this machine{where}", code="DISK-FULL",
            next_command="headgate clean; free space, or HEADGATE_STATE=FOLDER on a larger disk; then the same command again",
        )  # fmt: skip
    if error.errno in _CLOSED:
        return DeclarationError(
            f"this process may not write{where} ({error.strerror})", code="NOT-WRITABLE",
            next_command="make it writable for this user, or HEADGATE_STATE=FOLDER elsewhere",
        )  # fmt: skip
    if isinstance(error, ConnectionError | TimeoutError):
        return RetryableError(
            f"a connection was lost ({type(error).__name__}: {error.strerror or error})", code="CONNECTION-LOST",
            next_command="headgate check --connect",
        )  # fmt: skip
    return None
