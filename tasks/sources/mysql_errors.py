"""Errors of a MySQL or MariaDB source as ours, by who must act. They hold no value of a row, and never the password."""

from __future__ import annotations

import ssl

import pymysql
from pymysql.constants import CR, ER

from deployments.errors import (
    DeclarationError,
    HeadgateError,
    SourceMissingError,
    SourceUnreachableError,
    UpstreamError,
)

_PLUGIN_UNKNOWN, _ACCESS_DENIED_WITHOUT_PASSWORD, _TLS_WANTED = 2059, 1698, 3159
_LOCKED, _LOCKED_BY_MARIADB, _WRITES, _KILLED = 3118, 4151, 1792, 1927
_LOGIN = (
    ER.DBACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED,
    ER.MUST_CHANGE_PASSWORD, _ACCESS_DENIED_WITHOUT_PASSWORD, _PLUGIN_UNKNOWN, _TLS_WANTED,
    _LOCKED, _LOCKED_BY_MARIADB, ER.NOT_SUPPORTED_AUTH_MODE,
)  # fmt: skip
_RIGHTS = (ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.PROCACCESS_DENIED_ERROR,
           ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.VIEW_NO_EXPLAIN)  # fmt: skip
_TIMEOUTS = (ER.STATEMENT_TIMEOUT, ER.QUERY_TIMEOUT)
_PASSING = (
    ER.CON_COUNT_ERROR, ER.TOO_MANY_USER_CONNECTIONS, ER.USER_LIMIT_REACHED, ER.SERVER_SHUTDOWN, ER.QUERY_INTERRUPTED,
    ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK, ER.TABLE_DEF_CHANGED, ER.DISK_FULL, ER.OUT_OF_RESOURCES, ER.OUTOFMEMORY,
    ER.NET_READ_ERROR, ER.NET_READ_INTERRUPTED, ER.NET_ERROR_ON_WRITE, ER.NET_WRITE_INTERRUPTED, ER.ABORTING_CONNECTION,
    ER.NEW_ABORTING_CONNECTION, ER.HANDSHAKE_ERROR, _KILLED,
)  # fmt: skip
_NAMING = (
    ER.BAD_FIELD_ERROR, ER.PARSE_ERROR, ER.DUP_FIELDNAME, ER.NON_UNIQ_ERROR, ER.SP_DOES_NOT_EXIST, ER.BAD_TABLE_ERROR,
    ER.UNKNOWN_TABLE, _WRITES, ER.CANT_AGGREGATE_2COLLATIONS, ER.NOT_SUPPORTED_YET,
    ER.INVALID_GROUP_FUNC_USE, ER.WRONG_FIELD_WITH_GROUP, ER.MIX_OF_GROUP_FUNC_AND_FIELDS, ER.SUBQUERY_NO_1_ROW,
    ER.UNSUPPORTED_PS, ER.WRONG_USAGE, ER.VIEW_INVALID, ER.NO_DB_ERROR, ER.EMPTY_QUERY,
)  # fmt: skip
"""Of these the text names objects, places and the query itself. Of all others it may quote a value."""
_CLIENT_ERRORS = range(CR.CR_ERROR_FIRST, CR.CR_ERROR_LAST + 1)


def told(error: pymysql.Error, where: str, timeout: str, setting: str) -> HeadgateError:
    """Our error. `setting`: the one that holds the login. `timeout`: the declared limit of a statement."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    untrusted = _untrusted(error, number, where)
    if untrusted is not None:
        return untrusted
    text = f"{where}: {said(error)}"
    if number == ER.NO_SUCH_TABLE:
        return SourceMissingError(
            text, code="SOURCE-MISSING", next_command="ask the source's owner, or mend source.query"
        )
    if number in _LOGIN:
        return DeclarationError(
            text, code="SOURCE-LOGIN", next_command=f"mend {setting}; then: headgate check --connect"
        )
    if number == CR.CR_AUTH_PLUGIN_ERR:
        return DeclarationError(
            text, code="SOURCE-LOGIN",
            next_command=f"ssl-mode=VERIFY_IDENTITY in {setting}; headgate check --connect",
        )  # fmt: skip
    if number == CR.CR_MALFORMED_PACKET:
        return UpstreamError(
            f"{where} doesn't answer as a MySQL server does: {said(error)}", code="SOURCE-ANSWER",
            next_command="is that host and port the source's? ask its owner; headgate check --connect",
        )  # fmt: skip
    if number in _TIMEOUTS:
        return SourceUnreachableError(
            f"{text} (source.statement_timeout is {timeout})",
            code="SOURCE-TIMEOUT",
            next_command="headgate retry RUN; or ask for fewer rows at once",
        )
    if number in _RIGHTS:
        return DeclarationError(
            text, code="SOURCE-QUERY", next_command="ask the source's owner to grant SELECT there; or mend source.query"
        )
    if number in _PASSING or number in _CLIENT_ERRORS or not number:
        return SourceUnreachableError(text, code="SOURCE-UNREACHABLE", next_command="headgate check --connect")
    return DeclarationError(text, code="SOURCE-QUERY", next_command="mend source.query")


def is_timeout(error: pymysql.Error) -> bool:
    """Whether the server ended a statement for the time it took."""
    return bool(error.args) and error.args[0] in _TIMEOUTS


def said(error: pymysql.Error) -> str:
    """The first line of what was said, or the name and the number of what happened where the text may hold a value."""
    if len(error.args) < 2 or not isinstance(error.args[0], int):
        return "the connection was lost"
    number, text = error.args[0], str(error.args[1]).strip().partition("\n")[0]
    known = (ER.NO_SUCH_TABLE, *_LOGIN, *_RIGHTS, *_TIMEOUTS, *_PASSING, *_NAMING)
    if number in known or number in _CLIENT_ERRORS:
        return f"{text} ({number})"
    names = {value: name for name, value in vars(ER).items() if isinstance(value, int)}
    return f"{names.get(number, 'an error of its own').lower().replace('_', ' ')} ({number})"


def _untrusted(error: pymysql.Error, number: int, where: str) -> HeadgateError | None:
    """The failure of TLS behind an error of the connection: no later try makes a certificate good."""
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UpstreamError(
            f"{where} has a certificate that isn't trusted: {cause.verify_message}",
            code="SOURCE-TLS",
            next_command="ask the source's owner; one of your own authority: ?ssl-ca=FILE in the connection's setting",
        )
    if number == CR.CR_SSL_CONNECTION_ERROR or (isinstance(cause, ssl.SSLError) and "EOF" not in str(cause)):
        why = said(error) if cause is None else getattr(cause, "reason", None) or "handshake failed"
        return UpstreamError(
            f"{where} can't agree with us on TLS ({why})",
            code="SOURCE-TLS",
            next_command="ask the source's owner; or ssl-mode in the connection's setting",
        )
    return None
