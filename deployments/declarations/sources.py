"""Where rows come from. A source names its connection; addresses with secrets live in settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from deployments.addresses import DATABASES, FILES, MYSQL, POSTGRES, S3_OPTIONS, fault_of
from deployments.declarations.columns import check_zone
from deployments.declarations.model import Declared, Duration, Identifier, seconds
from deployments.declarations.one_statement import one_select
from deployments.declarations.rest import Auth, Expand, Paging, Rate, header_name
from deployments.declarations.rest_rules import Told, rest_faults

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz", "zip", "auto"]
OnMissing = Literal["fail", "empty", "wait"]
Param = str | int | float | bool | list[str]
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
    is_asked: ClassVar[bool] = False
    """Whether an answer says what there is: `check --connect` asks for a first page, see `PageReader`."""
    without_rows: ClassVar[tuple[str, str] | None] = None
    """The code and the words for a window that is there and has no row, where that is a window without data."""
    window_goes_to: ClassVar[str] = "the url"
    """The keys that may hold the window's placeholders."""

    connection: Identifier | None = Field(None, description="Name of a connection in the settings.")
    on_missing: OnMissing = Field("fail", description="A window without data: fail, empty (publish nothing) or wait.")
    wait_for: WaitFor | None = Field(None, description="What must be there before the batch is read.")

    @property
    def connections(self) -> tuple[str, ...]:
        """The names of all connections it is read with."""
        return () if self.connection is None else (self.connection,)

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

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        """What doesn't go together in it: path below `source`, what is wrong, what is allowed. `columns`: the names that the
        contract has at the source."""
        yield from ()


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
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-FILE", "has a header and no row")
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
            # As it is read: what the encoding has no letter for has to get through. Those of host names can't.
            "a".encode(value).decode(value, "surrogateescape")
        except (LookupError, UnicodeError):
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
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-FILE", "has columns and no row")
    kind: Literal["parquet"]
    url: Address = Field(description="May hold window placeholders; all files below it when it ends in /.")

    @property
    def address(self) -> str:
        return self.url


class RestSource(AddressedSource):
    """Records of an HTTP API that answers with JSON: asked page by page, with its login, its limits and its nested records."""

    kind: Literal["rest"]
    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    gives_stable_bytes: ClassVar[bool] = False
    is_asked: ClassVar[bool] = True
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-ANSWER", "answers that there is no record")
    window_goes_to: ClassVar[str] = "params, url, headers or body"
    url: str = Field(description="http(s), or a path below the connection; may hold window placeholders.")
    method: Literal["GET", "POST"] = Field("GET", description="How each page is asked for. A POST must only read.")
    params: dict[str, Param] = Field(
        default_factory=dict, description="Parameters of the address; texts may hold window placeholders."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of each request; no secrets.")
    body: dict[str, Any] | None = Field(None, description="JSON that a POST sends; texts may hold window placeholders.")
    auth: Auth | None = Field(None, description="How the connection's login is sent; without it: basic.")
    records: str | None = Field(None, description="Dotted path of the list of records; none: the document is the list.")
    paging: Paging | None = Field(None, description="How the next page is asked for; none: one page is all.")
    total: str | None = Field(
        None, description="Dotted path of the number of all records; another number than came is an error."
    )
    expand: Expand | None = Field(None, description="A row for each item of a list in the records.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Fields of nested objects: name (a column's `from`, or its name) and dotted path.",
    )
    timezone: str | None = Field(None, description="Zone in which windows are written; without it: the window's own.")
    rate: Rate | None = Field(None, description="How often it may be asked.")
    retries: int = Field(
        5, ge=0, le=20, description="How often a request is made again that failed for a reason that passes."
    )
    max_pages: int = Field(10_000, ge=1, description="A paging that never ends is an error.")

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value.partition("://")[0].lower() in ("file", "s3"):
            raise ValueError("an API is asked at http:// or https://; files and buckets are read with kind: json")
        return check_url(value)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else check_zone(value)

    @field_validator("headers")
    @classmethod
    def _header_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            header_name(name)
        return value

    @property
    def address(self) -> str:
        return self.url

    @property
    def is_templated(self) -> bool:
        return any("{window." in text for text in self.templates)

    @property
    def connections(self) -> tuple[str, ...]:
        return tuple(filter(None, [self.connection, getattr(self.auth, "connection", None)]))

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        yield from rest_faults(self, columns)

    @property
    def templates(self) -> list[str]:
        """The texts that may hold window placeholders."""
        return [self.url, *texts_in([*self.params.values(), *self.headers.values(), self.body])]

    @model_validator(mode="after")
    def _known_placeholders(self) -> RestSource:
        for text in self.templates[1:]:
            check_placeholders(text)
        return self


def texts_in(value: object) -> list[str]:
    """The texts inside a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []


class DatabaseSource(_Source):
    """One SELECT on a database, in a read-only transaction."""

    is_database: ClassVar[bool] = True
    has_catalog: ClassVar[bool] = True
    gives_stable_bytes: ClassVar[bool] = False
    can_list_keys: ClassVar[bool] = True
    quote: ClassVar[str] = '"'
    """What a name that isn't a plain word stands between."""
    is_mysql: ClassVar[bool] = False
    """Whether its SQL is read as MySQL reads it."""

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
        return one_select(value, of_mysql=cls.is_mysql)

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

    all_tables: ClassVar[str] = (
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' "
        "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)"
    )
    kind: Literal["postgres"]
    schemes: ClassVar[tuple[str, ...]] = POSTGRES


class MysqlSource(DatabaseSource):
    """A SELECT on a MySQL or MariaDB database, streamed from one consistent snapshot in a read-only transaction."""

    all_tables: ClassVar[str] = (
        "SELECT table_schema AS nspname, table_name AS relname FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    )
    kind: Literal["mysql"]
    schemes: ClassVar[tuple[str, ...]] = MYSQL
    quote: ClassVar[str] = "`"
    is_mysql: ClassVar[bool] = True


Source = Annotated[
    CsvSource | JsonSource | ParquetSource | RestSource | PostgresSource | MysqlSource, Field(discriminator="kind")
]


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
