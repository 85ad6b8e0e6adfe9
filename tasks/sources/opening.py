"""Open a source by its kind: one line for each, beside its declaration and its reader."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import cast

from deployments.declarations.columns import Column
from deployments.declarations.sources import AddressedSource, FileSource, Source
from deployments.declarations.table import Table
from deployments.settings import Settings
from deployments.windows import Window
from tasks.sources.location import locate
from tasks.sources.protection import refuse_warehouse
from tasks.sources.protocol import CatalogReader, DatabaseReader, OpenSource, Span

# Modules whose `open_reader` makes the reader; imported when one is read, as database drivers are slow to import.
READERS = {
    "csv": "tasks.sources.csv_text",
    "dlt": "tasks.sources.dlt_records",
    "json": "tasks.sources.json_records",
    "parquet": "tasks.sources.parquet",
    "mysql": "tasks.sources.mysql",
    "postgres": "tasks.sources.postgres",
    "rest": "tasks.sources.rest",
}


def open_source(table: Table, window: Window | None, settings: Settings, name: str = "") -> OpenSource:
    """The source of a table for a window (None: the whole source), or for the object of a name."""
    span = Span(window, "UTC" if table.window is None else table.window.timezone, table.grid, bool(table.masked))
    source = table.source
    if name:
        from tasks.sources.objects import address_of

        source = source.model_copy(update={"url": address_of(table, settings, name)})
    if source.is_database:
        refuse_warehouse(source, settings)
    return open_declared(source, settings, span, table.columns)


def open_declared(source: Source, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> OpenSource:
    """A declared source; `columns` those of its table, as far as they are known."""
    reader = cast(OpenSource, import_module(READERS[source.kind]).open_reader(source, settings, span, columns))
    if not source.has_header or not (source.address or "").endswith("/"):
        return reader
    from tasks.sources.folder import FolderReader, is_folder

    location = locate(cast(AddressedSource, source), settings, span)
    if not is_folder(location.place):
        return reader

    def open_file(name: str) -> OpenSource:
        file = source.model_copy(update={"url": f"{source.address}{name}"})
        return cast(OpenSource, import_module(READERS[source.kind]).open_reader(file, settings, span, columns))

    return FolderReader(location, reader.delimiter, open_file, cast(FileSource, source).pattern)


def as_catalog(source: Source, reader: OpenSource) -> CatalogReader | None:
    """The source's reader as one that knows the types of its columns; None where only values tell."""
    return cast(CatalogReader, reader) if source.has_catalog else None


def as_database(source: Source, reader: OpenSource) -> DatabaseReader | None:
    """The source's reader as one that can be asked; None where there is no database behind it."""
    return cast(DatabaseReader, reader) if source.is_database else None


def open_database(source: Source, settings: Settings) -> DatabaseReader | None:
    """A declared database, to be asked and not read for a window."""
    return as_database(source, open_declared(source, settings, Span(None, "UTC"))) if source.is_database else None
