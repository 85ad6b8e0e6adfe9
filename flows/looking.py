"""Look at a source that isn't declared yet: read a sample, measure it, and propose what follows."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from deployments.closed_folder import own_state
from deployments.declarations.connections import with_replicas
from deployments.declarations.problems import nearest, nearest_table
from deployments.declarations.sources import CsvSource, FileSource, JsonSource, Source
from deployments.declarations.table import WindowSpec
from deployments.errors import DeclarationError, HeadgateError, SourceMissingError, UpstreamError
from deployments.foreign_text import one_line
from deployments.settings import Settings
from deployments.windows import Window
from expectations.contract.layout import listing
from expectations.draft.measure import Records
from expectations.draft.propose import Proposal, propose
from tasks.sources.folder import in_address, listed
from tasks.sources.location import locate
from tasks.sources.opening import as_catalog, open_declared
from tasks.sources.protocol import OpenSource, ShapelessReader, SourceShape, Span
from tasks.sources.sample import Sample, read_sample
from tasks.sources.spoken import Spoken, connection_of, declared, tables_of
from tasks.sources.spoken_file import FirstPage
from tasks.sources.stored import missing
from tasks.spool import bury, dead_attempts, hold, release

MANY_WINDOWS = 400
_SPOOL = "peek-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at. `zone`: of dates and times written without one, None when nobody said it.

    `window`: the local start of the window that fills the placeholders of an address; `to`: the end (exclusive) of the
    windows that are read besides. `rows`: at least so many records are read; 0 is all of them.
    """

    spoken: Spoken
    rows: int
    zone: str | None = None
    window: str | None = None
    to: str | None = None
    every: str = "day"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found. `records` and the files of `sample` are there until the look is over."""

    source: Source
    reader: OpenSource
    sample: Sample
    records: Records
    proposal: Proposal
    windows: tuple[Window, ...]
    """The windows that were asked for, when the address has a place for one."""
    found_out: tuple[str, ...]
    """What wasn't said and was found out, for people: 'records: data'."""


@contextmanager
def look(settings: Settings, wanted: Wanted, table: str) -> Iterator[Looked]:
    """Look at a source. Nothing of its values is left on this machine afterwards; what a killed look left goes with the
    next one, or with the next run."""
    settings = with_connection(settings, connection_of(wanted.spoken.source))
    windows = _windows(wanted)
    zone = wanted.zone or "UTC"
    span = Span(windows[0] if windows else None, zone)
    own_state(settings.state)
    spool = settings.state / "spool"
    for dead in dead_attempts(spool):
        if dead.spool.name.startswith(_SPOOL):
            bury(dead.spool)
    folder = spool / f"{_SPOOL}{secrets.token_hex(6)}"
    hold(folder, "", "", "")
    records: Records | None = None
    try:
        source = declared(wanted.spoken, settings, span)
        for name in with_replicas(settings.project, source):
            settings = with_connection(settings, name)
        _check_window(source, span.window)
        source, found_out = _completed(source, wanted.spoken, settings, span)
        readers = _readers(source, settings, [Span(window, zone) for window in windows or (None,)])
        if source.is_asked and wanted.rows:
            # Nobody declared how often it may be asked for a look.
            readers = [cast(OpenSource, FirstPage(reader)) for reader in readers[:1]]
        sample = read_sample(readers, wanted.rows, folder / "raw")
        records = Records(sample.files, sample.header, sample.delimiter, folder / "temp")
        catalog = as_catalog(source, readers[0])
        shape = SourceShape({}) if catalog is None else catalog.describe()
        proposal = propose(records, table, zone=wanted.zone, whole=sample.whole, catalog=shape.columns,
                           declared_key=shape.key, unreadable=sample.unreadable)  # fmt: skip
        yield Looked(source, readers[0], sample, records, proposal, windows, found_out)
    except HeadgateError as error:
        peek = f"headgate peek {typed(wanted)}"
        if isinstance(error, SourceMissingError):
            # Nobody has declared it: what isn't there was typed just now.
            error.for_engineer(_meant(wanted.spoken, settings) or f"is it what you mean? {peek}")
        elif error.code == "SOURCE":
            error.next_command = _meant(wanted.spoken, settings) or error.next_command
        told = (error.next_command or "").replace("headgate peek SOURCE", peek)
        # No table names the connection yet, which is what `check` goes by.
        told = told.replace("headgate check --connect", peek)
        if wanted.spoken.query or wanted.spoken.table:
            told = told.replace("mend source.query", "mend what was typed" if wanted.spoken.table else "mend --query")
        error.next_command = told or None
        raise
    finally:
        if records is not None:
            records.close()
        release(folder)


def typed(wanted: Wanted) -> str:
    """SOURCE and the options that were typed, to be typed again."""
    spoken = wanted.spoken
    said = {
        "--format": spoken.format, "--delimiter": spoken.delimiter, "--encoding": spoken.encoding,
        "--records": spoken.records, "--next": spoken.next, "--query": spoken.query, "--table": spoken.table,
        "--window": wanted.window, "--to": wanted.to, "--every": wanted.every if wanted.every != "day" else None,
        "--timezone": wanted.zone,
    }  # fmt: skip
    return shlex.join([spoken.source, *(word for name, value in said.items() if value for word in (name, value))])


def _meant(spoken: Spoken, settings: Settings) -> str | None:
    """Of a database without a table, or with one that it hasn't got: the table that was meant, or those that there are."""
    name = connection_of(spoken.source)
    if name is None or spoken.query is not None:
        return None
    try:
        there = {".".join(item): item[1] for item in tables_of(name, settings)}
    except HeadgateError:
        return None
    wanted = spoken.table or ""
    of_this_name = (full for full, table in there.items() if table == nearest(wanted, there.values()))
    near = nearest_table(wanted, there) if "." in wanted else next(of_this_name, None)
    listed = "" if near else f"   (there are: {listing(list(there)) or 'none that this login may see'})"
    return f"headgate peek connection:{name} --table {shlex.quote(near or 'NAME')}{listed}"


def _readers(source: Source, settings: Settings, spans: Sequence[Span]) -> list[OpenSource]:
    """Of each window one; where each object is a batch of its own, of each of the first objects."""
    if not source.has_objects:
        return [open_declared(source, settings, span) for span in spans]
    place = locate(cast(FileSource, source), settings, spans[0]).place
    names = [in_address(place, file.key) for file in listed(place, cast(FileSource, source).pattern)]
    if not names:
        raise missing(place)
    each = [source.model_copy(update={"url": f"{source.address}{name}"}) for name in names[:MANY_WINDOWS]]
    return [open_declared(one, settings, spans[0]) for one in each]


def with_connection(settings: Settings, name: str | None) -> Settings:
    """Settings that have the connection: the example project's own, or one kept on the Prefect server."""
    if name is None or name in settings.connections:
        return settings
    if settings.is_shop and settings.embedded:
        from deployments.embedded.defaults import started

        return started(settings)
    from tasks.block_settings import completed

    return completed(settings, {name})


def _windows(wanted: Wanted) -> tuple[Window, ...]:
    """The windows to read; DeclarationError when they can't be any."""
    if wanted.window is None:
        if wanted.to is not None:
            raise _wrong("--to needs --window: the first window to read")
        return ()
    try:
        start, end = (None if text is None else _local(text) for text in (wanted.window, wanted.to))
        grid = WindowSpec(every=wanted.every, timezone=wanted.zone or "UTC", start=start, end=end).grid()
    except (ValidationError, ValueError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise _wrong(f"--window {wanted.window}: {told.removeprefix('Value error, ')}") from None
    if end is None:
        return (grid.nth(0),)
    last = end.replace(tzinfo=grid.zone)
    return tuple(islice(grid.due(last), MANY_WINDOWS))


def _local(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}-01" if len(text) == 7 else text)


def _check_window(source: Source, window: Window | None) -> None:
    if source.is_templated and window is None:
        raise _wrong("the address has a place for a window: say which one to look at, such as --window 2024-01-31")
    if window is not None and not source.is_templated:
        raise _wrong("--window needs an address with {window.start:%Y-%m-%d} in it; a query is cut by --cursor")


def _completed(source: Source, spoken: Spoken, settings: Settings, span: Span) -> tuple[Source, tuple[str, ...]]:
    """A JSON source with the paths of its records and of the next page, where nobody said them."""
    if isinstance(source, CsvSource):
        return source, (
            f"delimiter {source.delimiter!r}",
        ) if spoken.delimiter is None and source.delimiter != "," else ()
    if not isinstance(source, JsonSource):
        return source, ()
    reader = cast(ShapelessReader, _readers(source, settings, [span])[0])
    lists, following = reader.shape()
    changes: dict[str, str] = {}
    if source.records is None and lists:
        if len(lists) > 1:
            raise UpstreamError(
                f"{reader.where} holds several lists of records: {listing(lists)}", code="NOT-RECORDS",
                next_command=f"headgate peek SOURCE --records {shlex.quote(one_line(lists[0]))}",
            )  # fmt: skip
        changes["records"] = lists[0]
    if source.next is None and len(following) == 1:
        changes["next"] = following[0]
    return source.model_copy(update=changes), tuple(f"--{name} {one_line(value)}" for name, value in changes.items())


def _wrong(message: str) -> DeclarationError:
    return DeclarationError(message, code="SOURCE", next_command="headgate peek --help")


def work_folder(looked: Looked) -> Path:
    """A folder for what is made of the sample; it goes with the look."""
    return looked.sample.files[0].parent.parent / "work"
