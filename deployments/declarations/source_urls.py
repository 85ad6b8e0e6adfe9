"""Addresses of files and pages as they are declared: with placeholders for the window, and never with a password."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from deployments.addresses import DATABASES, MYSQL, S3_OPTIONS, fault_of

_PARTS_OF_A_MOMENT = "aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ%"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_STARTS = "http://, https://, file://, s3:// or, with a connection, /"
_TOLD = {
    "mssql": "SQL Server", "sqlserver": "SQL Server", "oracle": "Oracle",
    "snowflake": "Snowflake", "bigquery": "BigQuery", "mongodb": "MongoDB", "mongodb+srv": "MongoDB", "sqlite": "SQLite",
    "gs": "Google Cloud Storage", "abfs": "Azure storage", "abfss": "Azure storage", "wasbs": "Azure storage",
    "sftp": "SFTP", "ftp": "FTP", "hdfs": "HDFS", "kafka": "Kafka", "jdbc:mysql": "MySQL",
}  # fmt: skip


def _unread(scheme: str) -> str:
    """What to do about an address that isn't read; the address itself may hold a password."""
    if scheme in DATABASES:
        kind = "mysql" if scheme in MYSQL else "postgres"
        return (
            "a database isn't named by its address: put that into HEADGATE_CONNECTION_<NAME>, then"
            f" `kind: {kind}, connection: <name>, query: ...` (typed: connection:NAME --table NAME)"
        )
    return (
        f"{_TOLD.get(scheme, scheme + '://')} isn't read: an address must start with {_STARTS} (CSV and JSON are read there);"
        " PostgreSQL and MySQL are read by a connection; have it export to one of these"
    )


def check_url(value: str) -> str:
    """Return a URL template whose scheme and placeholders are known; ValueError otherwise."""
    scheme = value.partition("://")[0].lower() if "://" in value else ""
    if scheme not in ("http", "https", "file", "s3") and not value.startswith("/"):
        raise ValueError(_unread(scheme) if scheme else f"'{value}' must start with {_STARTS}")
    plain = _PLACEHOLDER.sub("0", value)
    if scheme in ("http", "https", "file") and (fault := fault_of(plain)) is not None:
        raise ValueError(f"this {fault}")
    if scheme == "s3" and re.search(rf"\?({'|'.join(S3_OPTIONS)})=", plain):
        raise ValueError("how a bucket is reached is said in a connection: HEADGATE_CONNECTION_<NAME>=s3://bucket?...")
    # To S3 a '?' or a '[' is a letter of the key.
    if (scheme == "file" and re.search(r"[*?\[]", plain)) or (scheme == "s3" and "*" in plain):
        raise ValueError(
            "a pattern of names isn't read: a source is one file, or one for each window"
            " ({window.start:%Y-%m-%d} in its name); all files of a folder, when it ends in /"
        )
    check_placeholders(value)
    return value


def check_placeholders(value: str) -> None:
    """ValueError when something else stands in braces than a window's start, end or last second."""
    for placeholder in _PLACEHOLDER.findall(value):
        if not re.fullmatch(r"window\.(start|end|last)(:.+)?", placeholder):
            raise ValueError(
                f"'{{{placeholder}}}' isn't known; allowed: {{window.start:%Y-%m-%d}}, {{window.end:...}}, {{window.last:...}},"
                " {window.start:epoch}, {window.start:epoch_ms}"
            )
        for part in re.findall(r"%-?(.?)", placeholder):
            if part not in _PARTS_OF_A_MOMENT or not part:
                raise ValueError(
                    f"'%{part}' of {{{placeholder}}} is no part of a date or time; allowed: %Y %m %d %H %M %S %y %b %B %j %V"
                )


def texts_in(value: object) -> list[str]:
    """The texts inside a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []


Address = Annotated[str, AfterValidator(check_url)]
