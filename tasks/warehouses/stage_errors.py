"""What a warehouse says when it can't read the stage: told apart by who must act. Texts of the service, not ours."""

from __future__ import annotations

import re

from deployments.errors import DeclarationError, HeadgateError, RetryableError

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
