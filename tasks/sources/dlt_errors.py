"""What a dlt resource raises, as an error of ours: who must act, where in whose code, and no secret."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deployments.errors import DeclarationError, HeadgateError, SourceUnreachableError, UpstreamError
from deployments.foreign_text import one_line
from tasks.sources.json_text import TooDeepError
from tasks.sources.protocol import OWNER
from tasks.sources.rest_login import Login
from tasks.sources.web import PASSING

_LONGEST = 300
_CODE = "DLT-RESOURCE"
_UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "Timeout", "ConnectError", "TransportError",
                "ChunkedEncodingError", "RemoteProtocolError", "ReadError", "ProtocolError", "MaxRetryError",
                "NewConnectionError")  # fmt: skip


def named(
    error: Exception, where: str, secrets: Mapping[str, str], spoken: set[str], settings: Sequence[str], *, masked: bool
) -> Exception:
    """The error to be raised: ours for what is known, and DLT-RESOURCE for what the resource's own code raised. `masked`: its
    table masks columns, so that the text, which may hold a value of a record, isn't told."""
    if isinstance(error, HeadgateError | TooDeepError):
        return error
    for cause in _causes(error):
        if isinstance(cause, HeadgateError):
            return cause
        if type(cause).__name__ == "ConfigFieldMissingException":
            return _unconfigured(cause, where)
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return _answered(where, status, settings)
        if _is_unreachable(cause):
            return SourceUnreachableError(
                f"{where}: the server of the source can't be reached ({type(cause).__name__})", code="SOURCE-UNREACHABLE",
                next_command="headgate check --connect; then: headgate retry RUN",
            )  # fmt: skip
    # dlt wraps what a resource raises; the innermost is the resource's own.
    own = list(_causes(error))[-1]
    hidden = Login(spoken=spoken | set(secrets.values())).hidden
    said = "" if masked else f": {one_line(hidden(str(own)))[:_LONGEST]}"
    unsaid = "; its text isn't shown, since columns of the table are masked" if masked else ""
    return DeclarationError(
        f"{where} failed: {type(own).__name__}{said}{_place(own)}{unsaid}", code=_CODE,
        next_command="mend the resource, or its arguments in the declaration; then: headgate retry RUN",
    )  # fmt: skip


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _unconfigured(cause: Any, where: str) -> HeadgateError:
    return DeclarationError(
        f"{where} isn't told what it needs: {', '.join(cause.fields)}", code=_CODE,
        next_command="source.arguments, or source.secrets: {NAME: CONNECTION}; then: headgate check --connect",
    )  # fmt: skip


def _answered(where: str, status: int, settings: Sequence[str]) -> HeadgateError:
    """`settings`: those that hold what is sent, of which one may be wrong."""
    if status in (401, 403, 407):
        return DeclarationError(
            f"{where}: the server of the source refuses us (HTTP {status})", code="SOURCE-LOGIN",
            next_command=f"mend {' or '.join(settings) or 'source.secrets: none is declared'}; then: headgate check --connect",
        )  # fmt: skip
    if status in PASSING:
        return SourceUnreachableError(
            f"{where}: the server of the source answered HTTP {status}", code="SOURCE-UNREACHABLE",
            next_command="headgate retry RUN",
        )  # fmt: skip
    return UpstreamError(
        f"{where}: the server of the source doesn't take the request (HTTP {status})", code="SOURCE-ANSWER",
        next_command="check the resource's arguments in the declaration; " + OWNER,
    )  # fmt: skip


def _is_unreachable(cause: BaseException) -> bool:
    package = type(cause).__module__.partition(".")[0]
    library = package in ("requests", "httpx", "urllib3", "httpcore", "aiohttp")
    return isinstance(cause, ConnectionError | TimeoutError) or (library and type(cause).__name__ in _UNREACHABLE)


def _place(error: BaseException) -> str:
    """' (file, line n)' of where it was raised, or nearest to it outside of libraries."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "importlib" not in frame.filename]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
