"""Who COPY reads the stage as: an IAM role, or temporary credentials of this process.

A role's name is no secret. Temporary credentials are: they are bound into the statement when it is sent and stand in no
text of ours; the service masks them in its own logs. Keys that don't expire are never sent.
"""

from __future__ import annotations

import re

from psycopg2 import sql

from deployments.errors import DeclarationError

_ROLES = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+(,arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)*")


def authorization(role: str | None) -> sql.Composable:
    """The authorization clause of a COPY. `role`: an ARN, several chained by commas, or 'default' for the cluster's own.

    Without a role the process's own temporary credentials are used, if it has any; DeclarationError otherwise.
    """
    if role is None:
        return _temporary()
    if role.lower() == "default":
        return sql.SQL("IAM_ROLE default")
    if not _ROLES.fullmatch(role):
        raise DeclarationError(
            "HEADGATE_COPY_IAM_ROLE isn't the ARN of an IAM role (arn:aws:iam::123456789012:role/NAME) or 'default'",
            code="COPY-ROLE",
            next_command="export HEADGATE_COPY_IAM_ROLE=...   (the role attached to the cluster)",
        )
    return sql.SQL("IAM_ROLE {}").format(sql.Literal(role))


def _temporary() -> sql.Composable:
    import boto3

    credentials = boto3.Session().get_credentials()
    frozen = None if credentials is None else credentials.get_frozen_credentials()
    if frozen is None or not frozen.token:
        found = "none were found" if frozen is None else "the AWS keys of this process don't expire and are not sent"
        raise DeclarationError(
            f"COPY needs an IAM role, or temporary credentials (with a session token): {found}",
            code="COPY-ROLE",
            next_command="export HEADGATE_COPY_IAM_ROLE=arn:aws:iam::...:role/...   (the role attached to the cluster)",
        )
    return sql.SQL("ACCESS_KEY_ID {} SECRET_ACCESS_KEY {} SESSION_TOKEN {}").format(
        sql.Literal(frozen.access_key), sql.Literal(frozen.secret_key), sql.Literal(frozen.token)
    )
