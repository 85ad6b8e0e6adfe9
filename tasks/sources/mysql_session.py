"""Sessions with a MySQL or MariaDB source: its address, TLS, and values spelled alike whatever the server prefers."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pymysql
from pymysql.connections import Connection
from pymysql.converters import encoders
from pymysql.cursors import Cursor

from deployments.addresses import database_parameters
from deployments.declared_settings import waiting_time
from deployments.errors import DeclarationError
from tasks.sources.mysql_driver import GuardedConnection

MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
"""`ssl-mode` of an address, as MySQL's own clients call them; PREFERRED unless it is said."""
PROVEN = MODES[3:]
_OPTIONS = ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key")
_PLACES = ("host", "port", "user", "password", "dbname")
_GRACE_SECONDS = 60
"""A server that cancels a statement in time says so; one that says nothing for so much longer is gone."""
_HIGHEST_PORT = 65_535
_ALL_ROWS = 2**64 - 1
_CHANGES_VALUES = ("EMPTY_STRING_IS_NULL", "ORACLE", "PAD_CHAR_TO_FULL_LENGTH")
"""Modes of a server in which '' is NULL, CONCAT passes over NULL, and CHAR has the blanks that were cut off."""


def connect(url: str, name: str, application: str, timeout_seconds: int) -> Connection:
    """Log in to the connection `name`; its values come as bytes.

    pymysql.Error: it can't be done. DeclarationError: its address isn't one a MySQL client takes.
    """
    places = database_parameters(url)
    options = {option: value for option, value in places.items() if option not in _PLACES}
    host, port = places.get("host", "localhost"), int(places.get("port", "3306") or 3306)
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise _unfit(name, f"has an option that isn't known; allowed behind the '?': {', '.join(_OPTIONS)}")
    if "," in host or port > _HIGHEST_PORT:
        raise _unfit(name, "isn't an address a MySQL client takes: one host, and a port up to 65535")
    secured = _secured(name, options)
    try:
        return GuardedConnection(
            proven=secured is not None and secured.verify_mode == ssl.CERT_REQUIRED, host=host, port=port,
            user=places.get("user", ""), password=places.get("password", "").encode(),
            database=places.get("dbname"), charset="utf8mb4", use_unicode=False, conv=encoders, autocommit=True,
            connect_timeout=waiting_time("CONNECT_TIMEOUT_SECONDS"),
            read_timeout=timeout_seconds + _GRACE_SECONDS, program_name=application,
            ssl=secured, ssl_disabled=_mode(options) == "DISABLED",
        )  # fmt: skip
    except UnicodeError:
        raise _unfit(name, "isn't an address a MySQL client takes (its host?)") from None


def all_rows(connection: Connection) -> None:
    """First of all: a limit of the server or the user cuts off the answers to our own questions as well."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION sql_select_limit = {_ALL_ROWS}")


def begin(connection: Connection, timeout_seconds: int) -> None:
    """Begin the read-only transaction in which a source is read. pymysql.Error: it can't be done."""
    all_rows(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SHOW SESSION VARIABLES WHERE Variable_name IN ('sql_mode', 'max_statement_time', 'max_execution_time')"
        )
        found = {name.decode().lower(): value.decode() for name, value in cursor.fetchall()}
        modes = ",".join(mode for mode in found.get("sql_mode", "").split(",") if mode not in _CHANGES_VALUES)
        cursor.execute(f"SET SESSION sql_mode = '{modes}', time_zone = '+00:00'")
        # A server that waits for us, while what was read is checked, must not take us for gone.
        cursor.execute(f"SET SESSION net_write_timeout = {max(timeout_seconds, _GRACE_SECONDS)}")
        # MariaDB counts seconds, MySQL milliseconds.
        if "max_statement_time" in found:
            cursor.execute(f"SET SESSION max_statement_time = {timeout_seconds}")
        elif "max_execution_time" in found:
            cursor.execute(f"SET SESSION max_execution_time = {timeout_seconds * 1000}")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def prove_one_select(cursor: Cursor, query: str) -> None:
    """Let the server read the query as a statement of its own; nothing of it runs.

    What is read so is read alike inside parentheses: a text that would leave them doesn't parse by itself. The driver sends
    one statement at a time. pymysql.Error: it is no statement.
    """
    # As digits: how a text is written depends on the server's mode.
    cursor.execute(f"SET @hg_query = CONVERT(0x{query.encode().hex()} USING utf8mb4)")
    cursor.execute("PREPARE hg_query FROM @hg_query")
    cursor.execute("DEALLOCATE PREPARE hg_query")


def leave(connection: Connection) -> None:
    """End a session, read to its end or not: the server stops when it writes to nobody."""
    if connection._result is not None:
        # Whoever closes its cursor would read whatever is left of the rows.
        connection._result.unbuffered_active = False
    with suppress(pymysql.Error):
        connection.close()


def _mode(options: dict[str, str]) -> str:
    return options.get("ssl-mode", "PREFERRED").upper().replace("-", "_")


def _secured(name: str, options: dict[str, str]) -> ssl.SSLContext | None:
    """How TLS is spoken; None: as the server likes, its certificate unseen."""
    mode = _mode(options)
    if mode not in MODES:
        raise _unfit(name, f"has an ssl-mode that isn't known; allowed: {', '.join(MODES)}")
    if mode == "PREFERRED" and "ssl-ca" in options:
        mode = "VERIFY_CA"
    if mode in ("DISABLED", "PREFERRED"):
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl-ca"))
        if "ssl-cert" in options:
            context.load_cert_chain(options["ssl-cert"], options.get("ssl-key"))
    except (OSError, ValueError) as error:
        # ssl.SSLError, of a file that holds something else, is an OSError as well.
        told = error.strerror or "isn't what it should be" if isinstance(error, OSError) else "isn't what it should be"
        raise _unfit(name, f"names a file of certificates that can't be read: {told}", code="SOURCE-TLS") from None
    # Servers make their own certificates in a form that Python 3.13 finds too loose.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = mode == "VERIFY_IDENTITY"
    context.verify_mode = ssl.CERT_REQUIRED if mode in PROVEN else ssl.CERT_NONE
    return context


def _unfit(name: str, what: str, code: str = "SETTING") -> DeclarationError:
    return DeclarationError(
        f"HEADGATE_CONNECTION_{name.upper()} {what}",
        code=code,
        next_command="mend the environment or .env; then: headgate check --connect",
    )
