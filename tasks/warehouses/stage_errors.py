"""What a warehouse says when it can't read the stage, or a row of it: told apart by who must act."""

from __future__ import annotations

import re
from typing import Any

from deployments.errors import CodeError, DeclarationError, HeadgateError, RetryableError, UpstreamError

_STATUS = re.compile(r"S3ServiceException:.*?Status (?P<status>\d{3})(?:,\s*Error (?P<error>\w+))?", re.S)
_GONE = ("Mandatory url is not present", "Problem reading manifest file", "NoSuchKey", "S3 prefix")
_RIGHTS = ("AccessDenied", "not authorized to assume IAM Role", "NoSuchBucket", "InvalidAccessKeyId", "ExpiredToken",
           "SignatureDoesNotMatch", "PermanentRedirect", "has no default IAM role", "Invalid credentials",
           "Invalid IAM role")  # fmt: skip


def stage_error(text: str, doing: str) -> HeadgateError | None:
    """Our error for a message about the stage; None when it is about something else."""
    status = _STATUS.search(text)
    for word in _RIGHTS:
        if word in text:
            return DeclarationError(
                f"{doing}: the warehouse may not read the stage ({word})",
                code="COPY-RIGHTS",
                next_command="let the role in HEADGATE_COPY_IAM_ROLE read HEADGATE_STAGE_URL; headgate check --connect",
            )
    for word in _GONE:
        if word in text:
            return RetryableError(
                f"{doing}: something is gone from the stage ({word})",
                code="STAGE-LOST",
                next_command="headgate retry RUN",
            )
    if status is not None or "S3CurlException" in text:
        what = f"status {status['status']} {status['error'] or ''}".strip() if status else "no connection"
        return RetryableError(
            f"{doing}: the warehouse can't reach the stage now ({what})",
            code="STAGE-UNREACHABLE",
            next_command="headgate retry RUN",
        )
    return None


IN_PLACE_NEXT = "mend the source, or load.stage: parts, which sets such rows aside"


def refused_row(said: str, in_place: bool, **facts: Any) -> HeadgateError:
    """A row that COPY refuses: of a batch that was checked a fault of ours, of the producer's own objects one of the source."""
    if in_place:
        return UpstreamError(
            f"{said}. In place no row is set aside.", code="COPY-REFUSED", next_command=IN_PLACE_NEXT, **facts
        )
    return CodeError(
        f"{said}. The checker had let this row pass.",
        code="COPY-REFUSED",
        next_command="report this with the declaration; nothing was published",
        **facts,
    )
