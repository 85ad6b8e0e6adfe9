"""Extract: the source's bytes for one window, cut into parts in the local spool."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from deployments.declarations.table import Table
from deployments.errors import SourceMissingError, SourceUnreachableError, UpstreamError
from expectations.contract.split import split, with_rejects
from tasks import ahead, source_state
from tasks.batch import Batch, Extracted, SpooledPart
from tasks.in_place import find_objects
from tasks.progress import report_progress
from tasks.sources.heading import heading
from tasks.sources.objects import fingerprint, object_named
from tasks.sources.opening import as_database, open_source
from tasks.sources.protocol import NO_SUCH_WINDOW, OpenSource
from tasks.step import step
from tasks.switches import reached
from tasks.unplaced import rows_without_window
from tasks.workbench import Workbench, workbench

HASHED_BYTES = 1024 * 1024
Header = tuple[str, ...]


@step("extract")
def extract(batch: Batch) -> Extracted:
    with batch.attributed():
        return read_batch(batch)


def read_batch(batch: Batch) -> Extracted:
    """Read the whole source of the batch into the spool. A retry starts the spool anew.

    A source without data for the window (no file, or a file of a window without rows) is an empty batch where the declaration
    says so, else SourceMissingError.
    """
    bench = workbench()
    table = bench.project.table(batch.table)
    if batch.object_name:
        return _read_object(bench, table, batch)
    source = open_source(table, batch.window, bench.settings)
    try:
        if table.load.stage == "in_place":
            return find_objects(table, batch.window, bench.settings)
        # A window is named by its proof; only the content of a table without windows has to be told apart.
        named = source.fingerprint() if batch.window is None else None
        if named is not None and named in (batch.standing_fingerprint, *batch.refused):
            return Extracted(source.where, source.delimiter, (), (), named, 0)
        since = source_state.resumed(bench, table, batch, source)
        unplaced = rows_without_window(table, source)
        arrived = ahead.arriving(batch, table, source.where, source.delimiter)
        extracted = spool_source(source, batch.spool / "raw", named, bench.settings.spool_limit_mb, arrived)
        if table.source.without_rows is not None and batch.window is not None and not extracted.rows:
            code, words = table.source.without_rows
            raise SourceMissingError(
                f"{extracted.where} {words}",
                code=code,
                next_command=NO_SUCH_WINDOW,
            )
        if table.source.is_database and batch.window is not None and not extracted.rows:
            _without_rows(table, extracted)
        database = as_database(table.source, source)
        return replace(
            extracted, unplaced=unplaced, state=source_state.reached_by(source, since),
            read_in="" if database is None else database.read_in,
        )  # fmt: skip
    except SourceMissingError as absent:
        if batch.reread:
            # What was published stays: files are often moved away once they are read.
            return Extracted(source.where, source.delimiter, (), (), "missing", 0, missing=True)
        if table.source.on_missing != "empty":
            raise
        if table.source.without_rows is None or absent.code != table.source.without_rows[0]:
            source.prove_missing(absent)
        return Extracted(source.where, source.delimiter, (), (), "missing", 0, missing=True)
    finally:
        source.close()


def _read_object(bench: Workbench, table: Table, batch: Batch) -> Extracted:
    """Read one object, as it was from first to last. An object that went isn't an empty one; one without rows is an empty batch
    where the declaration says so."""
    before = object_named(table, bench.settings, batch.object_name)
    source = open_source(table, None, bench.settings, batch.object_name)
    try:
        extracted = spool_source(source, batch.spool / "raw", None, bench.settings.spool_limit_mb)
    finally:
        source.close()
    if object_named(table, bench.settings, batch.object_name) != before:
        raise SourceUnreachableError(
            f"{extracted.where} was replaced while it was read", code="SOURCE-CUT", next_command="headgate retry RUN"
        )
    extracted = replace(extracted, fingerprint=fingerprint(before.version, extracted.fingerprint))
    if table.source.without_rows is None or extracted.rows:
        return extracted
    code, words = table.source.without_rows
    if table.source.on_missing == "empty":
        return replace(extracted, missing=True)
    raise UpstreamError(
        f"{extracted.where} {words}", code=code,
        next_command="ask the source's owner; `on_missing: empty` if such objects are normal",
    )  # fmt: skip


def _without_rows(table: Table, extracted: Extracted) -> None:
    """A database is always there: whether a window without rows is one without data, the declaration says."""
    if table.source.on_missing != "empty":
        raise SourceMissingError(
            f"{extracted.where}: no row lies in the window (source.on_missing: {table.source.on_missing})",
            next_command=NO_SUCH_WINDOW,
        )


def spool_source(
    source: OpenSource,
    raw: Path,
    named: str | None,
    limit_mb: int,
    arrived: Callable[[Header, SpooledPart], None] = ahead.unheard,
) -> Extracted:
    """The whole source as parts in the folder `raw`, which is emptied first. `named`: its fingerprint, when known. `arrived` is
    told of each part once it lies there, in their order.

    UpstreamError when it is larger than the limit: a packed file may stand for a thousand times its size.
    """
    raw.mkdir(parents=True, exist_ok=True)
    for left in raw.iterdir():
        left.unlink()
    digest = hashlib.sha256()
    size, last = 0, b"\n"
    with _Aside() as hash_aside, _Aside() as write_aside:

        def counted() -> Iterator[bytes]:
            nonlocal size, last
            # A source may give a record at a time: a thread for each would cost far more than its hash.
            waiting: list[bytes] = []
            held = 0
            for chunk in source.chunks():
                waiting.append(chunk)
                held += len(chunk)
                if held >= HASHED_BYTES:
                    hash_aside(digest.update, b"".join(waiting))
                    waiting, held = [], 0
                size, last = size + len(chunk), chunk[-1:] or last
                if size > limit_mb * 1024**2:
                    raise _too_large(source.where, limit_mb)
                report_progress("extract", size, "B")
                yield chunk
            hash_aside(digest.update, b"".join(waiting))

        chunks = counted()
        rows, header = heading(chunks, source)
        parts = []
        for part in with_rejects(split(rows, source.delimiter), source.set_aside):
            path = raw / f"part-{part.number + 1:05d}.csv"
            spooled = SpooledPart(part.number + 1, path, part.first_record, part.records, part.rejects)
            write_aside(_write, spooled, part.data, partial(arrived, header))
            parts.append(spooled)
            # Its bytes go once they are written, not when the next part comes.
            del part
    fingerprint = named or f"sha256:{digest.hexdigest()}"
    return Extracted(source.where, source.delimiter, header, tuple(parts), fingerprint, size, unfinished=last != b"\n")


def _too_large(where: str, limit_mb: int) -> UpstreamError:
    return UpstreamError(
        f"{where} is larger than {limit_mb:,} MB, unpacked: the most a batch may take in the spool",
        code="TOO-LARGE",
        next_command="smaller windows, or another HEADGATE_SPOOL_LIMIT_MB; then: headgate retry RUN",
    )


def _write(part: SpooledPart, data: bytes, arrived: Callable[[SpooledPart], None]) -> None:
    part.path.write_bytes(data)
    reached("extract-part")
    arrived(part)


class _Aside:
    """Calls on a thread of their own, in order: while one is running, the caller goes on until it has the next.

    What a call raised is raised by the next one, or on leaving; an error of the caller's own goes first, with a note of it.
    """

    def __enter__(self) -> _Aside:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._running: Future[object] | None = None
        return self

    def __call__(self, call: Callable[..., object], *given: object) -> None:
        if self._running is not None:
            self._running.result()
        self._running = self._pool.submit(call, *given)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._pool.shutdown()
        failed = None if self._running is None else self._running.exception()
        if failed is None or failed is error:
            return
        if error is None:
            raise failed
        error.add_note(f"aside: {type(failed).__name__}: {failed}")
