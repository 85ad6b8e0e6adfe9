"""Sources that are files: CSV, JSON (pages of it, too) and Parquet."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from deployments.declarations.source_facts import FileSource
from deployments.declarations.source_urls import Address

Compression = Literal["none", "gzip", "zstd", "bzip2", "xz", "zip", "auto"]


class CsvSource(FileSource):
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


class JsonSource(FileSource):
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


class ParquetSource(FileSource):
    """A Parquet file at a URL: http(s), file or s3. Its columns are those of the file's own schema."""

    has_header: ClassVar[bool] = True
    has_catalog: ClassVar[bool] = True
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-FILE", "has columns and no row")
    kind: Literal["parquet"]
    url: Address = Field(description="May hold window placeholders; all files below it when it ends in /.")

    @property
    def address(self) -> str:
        return self.url
