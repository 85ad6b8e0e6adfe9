"""Where rows come from: every kind of source. A source names its connection; addresses with secrets live in settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from deployments.declarations.database_sources import DatabaseSource, MysqlSource, PostgresSource
from deployments.declarations.dlt_source import DltSource
from deployments.declarations.file_sources import Compression, CsvSource, JsonSource, ParquetSource
from deployments.declarations.rest_source import RestSource
from deployments.declarations.source_facts import AddressedSource, Cursor, FileSource, WaitFor

__all__ = [
    "AddressedSource", "Compression", "CsvSource", "Cursor", "DatabaseSource", "DltSource", "FileSource", "JsonSource",
    "MysqlSource", "ParquetSource", "PostgresSource", "RestSource", "Source", "WaitFor",
]  # fmt: skip

Source = Annotated[
    CsvSource | JsonSource | ParquetSource | RestSource | PostgresSource | MysqlSource | DltSource,
    Field(discriminator="kind"),
]
