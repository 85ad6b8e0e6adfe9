"""Where rows come from. A source names its connection; addresses with secrets live in settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from deployments.addresses import FILES, POSTGRES, S3_OPTIONS, fault_of
from deployments.declarations.columns import check_zone
from deployments.declarations.model import Declared, Duration, Identifier, seconds
from deployments.declarations.one_statement import one_select

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz", "zip", "auto"]
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
    """What every kind has. Whatever is asked about a source is asked of the facts below, never of its kind."""

    schemes: ClassVar[tuple[str, ...]] = FILES
    """What the address of its connection may start with."""
    has_header: ClassVar[bool] = False
    """Whether its files name their columns, also those without a row: all files of a folder can be one source."""
    is_database: ClassVar[bool] = False
    """Whether its reader answers questions besides: see `DatabaseReader`."""
    has_catalog: ClassVar[bool] = False
    """Whether it says what types its columns have: see `CatalogReader`."""
    gives_stable_bytes: ClassVar[bool] = True
    """Whether the same content comes as the same bytes: a database may give its rows in another order."""
    can_list_keys: ClassVar[bool] = False
    """Whether all keys can be read without the rest of the rows."""

    connection: Identifier | None = Field(None, description="Name of a connection in the settings.")
    on_missing: OnMissing = Field("fail", description="A window without data: fail, empty (publish nothing) or wait.")
    wait_for: WaitFor | None = Field(None, description="What must be there before the batch is read.")

    @property
    def address(self) -> str | None:
        """Where its files or pages are, as declared: placeholders and all. None: it has no address of its own."""
        return None

    @property
    def statement(self) -> str | None:
        """The SELECT that a database is asked."""
        return None

    @property
    def cut_by(self) -> Cursor | None:
        """The cursor that cuts its rows into windows; None where the address names the window, or there is none."""
        return None

    @property
    def is_templated(self) -> bool:
        """Whether its address has a place for the window."""
        return "{window." in (self.address or "")

    @property
    def lag(self) -> timedelta:
        """How long after a window's end it is read."""
        return timedelta(seconds=0 if self.cut_by is None else seconds(self.cut_by.lag))

    @property
    def is_mutable(self) -> bool:
        """Whether rows that were read may change and be read with a later window."""
        return self.cut_by is not None and self.cut_by.kind == "mutable"

    @property
    def place(self) -> str:
        """For people: its connection, or the host: never an address with a password."""
        return self.connection or urlsplit(self.address or "").hostname or "file"

    def only(self, columns: Sequence[str]) -> Self:
        """The same source with these columns of all its rows, where keys can be listed."""
        raise NotImplementedError(self.__class__.__name__)


Address = Annotated[str, AfterValidator(lambda value: check_url(value))]


class AddressedSource(_Source):
    """Files or pages at an address."""

    allowed_hosts: tuple[str, ...] = Field(
        (), description="Other hosts that redirects and next pages may lead to: a name, or *.example.com."
    )

    @property
    def address(self) -> str:
        raise NotImplementedError


class CsvSource(AddressedSource):
    """CSV text at a URL: http(s), file or s3. RFC 4180, unless said otherwise; the first record is the header."""

    has_header: ClassVar[bool] = True
    kind: Literal["csv"]
    url: Address = Field(
        description="May hold {window.start:%Y-%m-%d} and {window.end:...}, in the window's time zone. s3 and file: all files"
        " below it when it ends in /."
    )
    delimiter: str = Field(",", description="One character, or tab.")
    quote: str = Field('"', description="One character, or none: a quote is a letter like any other.")
    escape: str | None = Field(
        None,
        description="One character before a quote, delimiter, line end or itself that is part of a value; before"
        " anything else it is a letter.",
    )
    comment: str | None = Field(None, description="Lines that begin with this character are no records.")
    skip_lines: int = Field(0, ge=0, description="So many lines stand before the header.")
    encoding: str = Field("utf-8", description="A Python codec name; the text is stored as UTF-8.")
    compression: Compression = Field(
        "auto", description="auto: by the first bytes. A zip holds one file; in place: none, gzip or zstd, by the name."
    )
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

    @field_validator("quote", "escape", "comment")
    @classmethod
    def _one_mark(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or (value == "none" and info.field_name == "quote"):
            return value
        if len(value) != 1 or not value.isascii() or value.isalnum() or value.isspace():
            raise ValueError(f"{value!r} can't be a {info.field_name}; allowed: one ASCII character such as ' or #")
        return value

    @model_validator(mode="after")
    def _marks_differ(self) -> CsvSource:
        if self.escape == self.quote:
            raise ValueError("escape: a doubled quote is read as one anyway; leave it out")
        given = [mark for mark in (self.delimiter, self.quote, self.escape, self.comment) if mark is not None]
        if len(set(given)) < len(given):
            raise ValueError("delimiter, quote, escape and comment must differ")
        return self

    @property
    def is_rfc4180(self) -> bool:
        """Whether its records are those of RFC 4180."""
        return self.quote == '"' and self.escape is None and self.comment is None

    @field_validator("encoding")
    @classmethod
    def _codec(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"'{value}' isn't a text encoding Python knows") from None
        return value

    @property
    def address(self) -> str:
        return self.url


class JsonSource(AddressedSource):
    """JSON at a URL: http(s), file or s3. A list of records, in pages if there are any, or a record on each line."""

    kind: Literal["json"]
    url: Address = Field(description="First page; may hold window placeholders.")
    records: str | None = Field(None, description="Dotted path of the list of records; none: the document is the list.")
    next: str | None = Field(None, description="Dotted path of the next page's URL; null or absent ends the paging.")
    format: Literal["auto", "document", "lines"] = Field(
        "auto", description="lines: a record on each line (JSON lines); auto: by the name's ending (.jsonl, .ndjson)."
    )
    compression: Compression = Field(
        "auto", description="auto: by the first bytes. A zip holds one file; in place: none, gzip or zstd, by the name."
    )
    max_pages: int = Field(10_000, ge=1, description="A paging that never ends is an error.")

    @property
    def address(self) -> str:
        return self.url

    @model_validator(mode="after")
    def _lines_are_all(self) -> JsonSource:
        if self.format == "lines" and (self.records or self.next):
            raise ValueError("format lines has neither records nor next: each line is a record")
        return self


class ParquetSource(AddressedSource):
    """A Parquet file at a URL: http(s), file or s3. Its columns are those of the file's own schema."""

    has_header: ClassVar[bool] = True
    has_catalog: ClassVar[bool] = True
    kind: Literal["parquet"]
    url: Address = Field(description="May hold window placeholders; all files below it when it ends in /.")

    @property
    def address(self) -> str:
        return self.url


class DatabaseSource(_Source):
    """One SELECT on a database, in a read-only transaction."""

    is_database: ClassVar[bool] = True
    has_catalog: ClassVar[bool] = True
    gives_stable_bytes: ClassVar[bool] = False
    can_list_keys: ClassVar[bool] = True
    quote: ClassVar[str] = '"'
    """What a name that isn't a plain word stands between."""

    kind: str
    on_missing: OnMissing = Field(
        "empty", description="A window without rows: empty (nothing is in it), fail, or wait until there are some."
    )
    connection: Identifier = Field(description="Name of a connection in the settings.")
    query: str = Field(description="One SELECT; the window is added around it by the cursor.")
    cursor: Cursor | None = Field(None, description="Needed when the table has windows.")
    statement_timeout: Duration = Field("1h", description="The source cancels a longer statement.")

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str) -> str:
        return one_select(value)

    @property
    def statement(self) -> str:
        return self.query

    @property
    def cut_by(self) -> Cursor | None:
        return self.cursor

    def only(self, columns: Sequence[str]) -> Self:
        listed = ", ".join(f"{self.quote}{name.replace(self.quote, 2 * self.quote)}{self.quote}" for name in columns)
        query = f"SELECT {listed} FROM ({self.query}\n) hg_rows"
        return self.model_copy(update={"query": query, "cursor": None})


class PostgresSource(DatabaseSource):
    """A SELECT on a PostgreSQL database, read by COPY TO STDOUT in a read-only transaction."""

    kind: Literal["postgres"]
    schemes: ClassVar[tuple[str, ...]] = POSTGRES


Source = Annotated[CsvSource | JsonSource | ParquetSource | PostgresSource, Field(discriminator="kind")]


_STARTS = "http://, https://, file://, s3:// or, with a connection, /"
_TOLD = {
    "mysql": "MySQL", "mariadb": "MariaDB", "mssql": "SQL Server", "sqlserver": "SQL Server", "oracle": "Oracle",
    "snowflake": "Snowflake", "bigquery": "BigQuery", "mongodb": "MongoDB", "mongodb+srv": "MongoDB", "sqlite": "SQLite",
    "gs": "Google Cloud Storage", "abfs": "Azure storage", "abfss": "Azure storage", "wasbs": "Azure storage",
    "sftp": "SFTP", "ftp": "FTP", "hdfs": "HDFS", "kafka": "Kafka", "jdbc:mysql": "MySQL",
}  # fmt: skip


def _unread(scheme: str) -> str:
    """What to do about an address that isn't read; the address itself may hold a password."""
    if scheme in POSTGRES:
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
            " ({window.start:%Y-%m-%d} in its name); all files of a folder, when it ends in /"
        )
    for placeholder in _PLACEHOLDER.findall(value):
        if not re.fullmatch(r"window\.(start|end)(:.+)?", placeholder):
            raise ValueError(f"'{{{placeholder}}}' isn't known; allowed: {{window.start:%Y-%m-%d}}, {{window.end:...}}")
    return value
