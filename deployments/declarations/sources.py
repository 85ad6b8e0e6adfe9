"""Where rows come from. A source names its connection; addresses with secrets live in settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from deployments.addresses import S3_OPTIONS, fault_of
from deployments.declarations.columns import check_zone
from deployments.declarations.model import Declared, Duration, Identifier
from deployments.declarations.one_statement import one_select

OnMissing = Literal["fail", "empty", "wait"]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Cursor(Declared):
    """The source column that says when a row was made or last changed."""

    column: str = Field(description="Column of the source.")
    kind: Literal["immutable", "mutable"] = Field(description="mutable: rows change after they were first written.")
    timezone: str | None = Field(
        None,
        description="Zone of a time without one that isn't a column of the contract, where source_timezone says it.",
    )
    nulls: Literal["warn", "fail", "load"] = Field(
        "warn",
        description="Rows without a value lie in no window. warn: told with every batch; fail: nothing is loaded; load: read "
        "with every window (merge only).",
    )
    lag: Duration = Field("0s", description="How late a commit may become visible; windows are read that much later.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else check_zone(value)


class WaitFor(Declared):
    """What must be there before a batch is read; until then the batch is waiting, not failed."""

    query: str | None = Field(None, description="A SELECT on the source's connection that returns true when ready.")
    url: str | None = Field(None, description="An object or page that must exist; may hold window placeholders.")
    table: str | None = Field(None, description="A table of this project that must have published the window.")
    until: str = Field(description="Local time of the day ('05:30') at which waiting becomes a late-upstream incident.")
    every: Duration = Field("5m", description="How often to look.")

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str | None) -> str | None:
        return None if value is None else one_select(value)

    @model_validator(mode="after")
    def _one_thing(self) -> WaitFor:
        if sum(value is not None for value in (self.query, self.url, self.table)) != 1:
            raise ValueError("wait_for needs exactly one of query, url, table")
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.until):
            raise ValueError(f"until '{self.until}' isn't a time of day such as 05:30")
        return self


class _Source(Declared):
    connection: Identifier | None = Field(None, description="Name of a connection in the settings.")
    on_missing: OnMissing = Field("fail", description="A window without data: fail, empty (publish nothing) or wait.")
    wait_for: WaitFor | None = Field(None, description="What must be there before the batch is read.")


class _AddressedSource(_Source):
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Other hosts that redirects and next pages may lead to: a name, or *.example.com."
    )


class CsvSource(_AddressedSource):
    """CSV text (RFC 4180) at a URL: http(s), file or s3. The first record is the header."""

    kind: Literal["csv"]
    url: str = Field(description="May hold {window.start:%Y-%m-%d} and {window.end:...}, in the window's time zone.")
    delimiter: str = Field(",", description="One character.")
    encoding: str = Field("utf-8", description="A Python codec name; the text is stored as UTF-8.")
    compression: Literal["none", "gzip", "zstd", "auto"] = Field("auto", description="auto: by the name's ending.")
    until_close: bool = Field(
        False, description="Take a page without a length as whole when its web server ends the connection."
    )

    @field_validator("delimiter")
    @classmethod
    def _one_char(cls, value: str) -> str:
        value = {"\\t": "\t", "tab": "\t"}.get(value, value)
        if len(value) != 1 or not value.isascii() or value in '"\r\n\\':
            raise ValueError(f"{value!r} can't be a delimiter; allowed: one ASCII character such as , ; | or tab")
        return value

    @field_validator("encoding")
    @classmethod
    def _codec(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"'{value}' isn't a text encoding Python knows") from None
        return value

    @field_validator("url")
    @classmethod
    def _placeholders(cls, value: str) -> str:
        return check_url(value)


class JsonSource(_AddressedSource):
    """JSON at a URL: http(s), file or s3. A list of records, in pages if there are any, or a record on each line."""

    kind: Literal["json"]
    url: str = Field(description="First page; may hold window placeholders.")
    records: str | None = Field(None, description="Dotted path of the list of records; none: the document is the list.")
    next: str | None = Field(None, description="Dotted path of the next page's URL; null or absent ends the paging.")
    format: Literal["auto", "document", "lines"] = Field(
        "auto", description="lines: a record on each line (JSON lines); auto: by the name's ending (.jsonl, .ndjson)."
    )
    compression: Literal["none", "gzip", "zstd", "auto"] = Field("auto", description="auto: by the name's ending.")
    max_pages: int = Field(10_000, ge=1, description="A paging that never ends is an error.")

    @field_validator("url")
    @classmethod
    def _placeholders(cls, value: str) -> str:
        return check_url(value)

    @model_validator(mode="after")
    def _lines_are_all(self) -> JsonSource:
        if self.format == "lines" and (self.records or self.next):
            raise ValueError("format lines has neither records nor next: each line is a record")
        return self


class PostgresSource(_Source):
    """A SELECT on a PostgreSQL database, read by COPY TO STDOUT in a read-only transaction."""

    kind: Literal["postgres"]
    connection: Identifier = Field(description="Name of a connection in the settings.")
    query: str = Field(description="One SELECT; the window is added around it by the cursor.")
    cursor: Cursor | None = Field(None, description="Needed when the table has windows.")
    statement_timeout: Duration = Field("1h", description="The source cancels a longer statement.")

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str) -> str:
        return one_select(value)


Source = Annotated[CsvSource | JsonSource | PostgresSource, Field(discriminator="kind")]


_STARTS = "http://, https://, file://, s3:// or, with a connection, /"
_DATABASES = ("postgres", "postgresql", "redshift")
_TOLD = {
    "mysql": "MySQL", "mariadb": "MariaDB", "mssql": "SQL Server", "sqlserver": "SQL Server", "oracle": "Oracle",
    "snowflake": "Snowflake", "bigquery": "BigQuery", "mongodb": "MongoDB", "mongodb+srv": "MongoDB", "sqlite": "SQLite",
    "gs": "Google Cloud Storage", "abfs": "Azure storage", "abfss": "Azure storage", "wasbs": "Azure storage",
    "sftp": "SFTP", "ftp": "FTP", "hdfs": "HDFS", "kafka": "Kafka", "jdbc:mysql": "MySQL",
}  # fmt: skip


def _unread(scheme: str) -> str:
    """What to do about an address that isn't read; the address itself may hold a password."""
    if scheme in _DATABASES:
        return (
            "a database isn't named by its address: put that into HEADGATE_CONNECTION_<NAME>, then"
            " `kind: postgres, connection: <name>, query: ...` (typed: connection:NAME --table NAME)"
        )
    return (
        f"{_TOLD.get(scheme, scheme + '://')} isn't read: an address must start with {_STARTS} (CSV and JSON are read there);"
        " PostgreSQL is read by a connection; have it export to one of these"
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
            " ({window.start:%Y-%m-%d} in its name); a folder of CSV in S3 ends in / (load.stage: in_place)"
        )
    for placeholder in _PLACEHOLDER.findall(value):
        if not re.fullmatch(r"window\.(start|end)(:.+)?", placeholder):
            raise ValueError(f"'{{{placeholder}}}' isn't known; allowed: {{window.start:%Y-%m-%d}}, {{window.end:...}}")
    return value
