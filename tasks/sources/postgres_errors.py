"""Errors of a PostgreSQL source as ours, by who must act. They hold no value of a row, and never the password."""

from __future__ import annotations

import psycopg2
from psycopg2 import errorcodes

from deployments.errors import DeclarationError, HeadgateError, SourceMissingError, SourceUnreachableError
from tasks.driver_errors import said

# Failures of a connection carry no SQLSTATE.
_REFUSED = ("authentication failed", "does not exist", "no password supplied", "no pg_hba.conf entry")
_NOT_PROVEN = ("certificate", "does not support SSL", "root.crt")
_QUERY_FAULTS = ("0A", "21", "22", "25", "42")
_IN_RECOVERY = "with recovery"
_CONFLICTS = (errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED)
"""What a replica ends a read with whose rows or locks are in the way of the changes it has to replay. A session that only reads
and takes no lock of rows meets neither on a primary; the text tells in English alone."""


def told(
    error: psycopg2.Error, where: str, timeout: str, setting: str, *, may_be_replica: bool = True
) -> HeadgateError:
    """Our error. `setting`: the one that holds the login. `timeout`: the declared limit of a statement. `may_be_replica`: not of
    Redshift, whose conflicts are others."""
    text = said(error)
    state = error.pgcode or ""
    if _IN_RECOVERY in str(error) or (may_be_replica and state in _CONFLICTS):
        return SourceUnreachableError(
            f"{where}: {text}: the replica ended the read, which was in the way of changes that it had to replay",
            code="REPLICA-CONFLICT",
            next_command="headgate retry RUN; if it comes again: smaller windows, or ask the source's owner for "
            "hot_standby_feedback or a longer max_standby_streaming_delay",
        )
    if state == errorcodes.UNDEFINED_TABLE:
        return SourceMissingError(
            f"{where}: {text}", code="SOURCE-MISSING", next_command="ask the source's owner, or mend source.query"
        )
    if state.startswith(("28", "3D")) or (not state and any(word in text for word in _REFUSED)):
        return DeclarationError(
            f"{where}: {text}",
            code="SOURCE-LOGIN",
            next_command=f"mend {setting}; then: headgate check --connect",
        )
    if not state and any(word in text for word in _NOT_PROVEN):
        return DeclarationError(
            f"{where}: {text}",
            code="SOURCE-TLS",
            next_command=f"mend sslmode and sslrootcert in {setting}; then: headgate check --connect",
        )
    if state == errorcodes.QUERY_CANCELED:
        return SourceUnreachableError(
            f"{where}: {text} (source.statement_timeout is {timeout})",
            code="SOURCE-TIMEOUT",
            next_command="headgate retry RUN; or ask for fewer rows at once",
        )
    if state.startswith(_QUERY_FAULTS):
        return DeclarationError(f"{where}: {text}", code="SOURCE-QUERY", next_command="mend source.query")
    return SourceUnreachableError(
        f"{where}: {text}", code="SOURCE-UNREACHABLE", next_command="headgate check --connect"
    )
