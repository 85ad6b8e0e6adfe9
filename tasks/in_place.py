"""Load the producer's own objects (`load.stage: in_place`): a manifest over what lies in the bucket already.

No bytes pass through the worker but the first ones of each object, whose header (or first record) must name the contract's
columns, or the last ones, where Parquet tells its columns, rows and how many values each has. The warehouse's COPY is the only
parser then: a value it refuses fails the batch, row rules and conversions don't exist, and the suite is judged on the candidate.
Right for large files whose producer can be trusted with their form. PostgreSQL reads CSV alone: other forms are made into it on
their way.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from typing import cast
from urllib.parse import unquote, urlsplit

from deployments.addresses import is_s3, s3_object
from deployments.declarations.sources import CsvSource, FileSource, JsonSource, ParquetSource, Source
from deployments.declarations.table import Table
from deployments.errors import (
    ContractError,
    DeclarationError,
    SourceMissingError,
    SourceUnreachableError,
    UpstreamError,
)
from deployments.settings import Settings
from deployments.windows import Window
from expectations.contract.checksum import Checksum
from expectations.contract.layout import lay_out, listing, read_header
from expectations.contract.split import first_record
from tasks.batch import Batch, Extracted, Staged, Validated
from tasks.objects import manifest as manifests
from tasks.objects.manifest import Form, Manifest, Part
from tasks.objects.packing import Codec, PackingError, codec_of, unpacked
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import FolderStore
from tasks.sources.address import Place, shown
from tasks.sources.as_csv import check_first_record
from tasks.sources.file_forms import refuse_other_forms
from tasks.sources.location import locate
from tasks.sources.parquet_footer import Footer, check_columns, footer_of
from tasks.sources.protocol import NO_SUCH_WINDOW, Span
from tasks.sources.stored import bucket_of

_DISK = "file:///"


def producers_store(table: Table, settings: Settings, window: Window | None = None) -> ObjectStore:
    """The bucket of the producer, reached as the source's connection says, or the disk; keys in it are whole."""
    place = _place(table, settings, window)
    if not is_s3(place.url):
        return FolderStore(_DISK)
    return bucket_of(place)


def find_objects(table: Table, window: Window | None, settings: Settings) -> Extracted:
    """The producer's objects of the window, their headers checked. A URL that ends in '/' stands for all below it."""
    source = table.source
    url = _place(table, settings, window).url
    name = s3_object(url).key if is_s3(url) else unquote(urlsplit(url).path).removeprefix("/")
    store = producers_store(table, settings, window)
    keys_there = [key for key in store.keys(name) if key == name or name == "" or name.endswith("/")]
    found = [(key, *store.stat(key)) for key in keys_there]
    objects = [(key, size, tag) for key, size, tag in found if size or not _is_marker(key)]
    keys = [key for key, _, _ in objects]
    if not objects:
        raise SourceMissingError(
            f"{shown(url)} isn't there", code="SOURCE-MISSING",
            next_command=NO_SUCH_WINDOW,
        )  # fmt: skip
    form: Form = "parquet" if isinstance(source, ParquetSource) else "json" if isinstance(source, JsonSource) else "csv"
    packings = {_codec(source, key) for key in keys}
    if len(packings) > 1:
        raise DeclarationError(
            f"{shown(url)}: objects are compressed in different ways ({', '.join(sorted(packings))}); one COPY reads one",
            code="MIXED-CODECS",
            next_command="ask the producer, or load.stage: parts",
        )
    codec = packings.pop()
    header = tuple(column.source_name for column in table.columns)
    delimiter = source.delimiter if isinstance(source, CsvSource) else ","
    parts, footers = [], []
    for number, (key, size, tag) in enumerate(objects, start=1):
        rows = -1
        if form == "parquet":
            footers.append(_checked_footer(table, store, key, size))
            rows = footers[-1].rows
        elif form == "json":
            check_first_record(_text(store, key, codec), header, shown(store.url(key)))
        else:
            header = _checked_header(table, store, key, codec, delimiter)
        parts.append(Part(number, key, rows, size, tag))
    digest = hashlib.sha256("|".join(f"{p.key}:{p.bytes}:{p.sha256}" for p in parts).encode()).hexdigest()
    return Extracted(
        where=shown(url), delimiter=delimiter, header=header, parts=(), fingerprint=f"objects:{digest}",
        source_bytes=sum(part.bytes for part in parts), objects=tuple(parts), objects_base=store.base, codec=codec,
        form=form, present=_summed(footers),
    )  # fmt: skip


def _place(table: Table, settings: Settings, window: Window | None) -> Place:
    source = cast(FileSource, table.source)
    return locate(source, settings, Span(window, "UTC" if table.window is None else table.window.timezone)).place


def unparsed(table: Table, extracted: Extracted) -> Validated:
    """What is known before the COPY: the header is right, everything else is the warehouse's to say."""
    return Validated(
        parts=(), delimiter=extracted.delimiter, null_marker="", checksum=Checksum.empty(len(table.columns)),
        extracted=0, quarantined=0, reasons=(), keys_repeat=table.load.keep is not None, checked_in_memory=False,
        in_place=extracted,
    )  # fmt: skip


def staged_in_place(stage: ObjectStore, batch: Batch, extracted: Extracted) -> Staged:
    """The manifest over the producer's objects; it lies under the attempt's own prefix."""
    manifest = Manifest(
        f"{batch.stage_key}/{manifests.NAME}", extracted.delimiter, "", extracted.objects,
        parts_base=extracted.objects_base, codec=extracted.codec, header_lines=1, form=extracted.form,
    )  # fmt: skip
    stage.put(manifest.key, manifest.to_bytes(stage.base), "application/json")
    return Staged(manifest, None, stage.url(batch.stage_key))


def prove_unchanged(store: ObjectStore, manifest: Manifest) -> None:
    """Raise SourceUnreachableError when an object isn't the one that was looked at: COPY may have read another."""
    for part in manifest.parts:
        try:
            now = store.stat(part.key)
        except FileNotFoundError:
            now = None
        if now != (part.bytes, part.sha256):
            raise SourceUnreachableError(
                f"{shown(store.url(part.key))} {'went' if now is None else 'was replaced'} while it was loaded",
                code="SOURCE-CUT", next_command="headgate retry RUN",
            )  # fmt: skip


def _is_marker(key: str) -> bool:
    """Whether an empty object only marks a folder, or that a job is done (`_SUCCESS`): consoles and Spark leave them."""
    return key.endswith("/") or key.rpartition("/")[2].startswith(("_", ".")) or not key


def _codec(source: Source, key: str) -> Codec:
    # `check` refuses the packings that no warehouse unpacks; Parquet packs its columns itself.
    declared = getattr(source, "compression", "none")
    return codec_of(key) if declared == "auto" else cast(Codec, declared)


def _checked_footer(table: Table, store: ObjectStore, key: str, size: int) -> Footer:
    where = shown(store.url(key))
    footer = footer_of(store, key, size, where)
    check_columns(footer, table.columns, where)
    return footer


def _summed(footers: Sequence[Footer]) -> tuple[int | None, ...]:
    """Values per column of all objects; None where one of them doesn't say."""
    by_column = zip(*(footer.present for footer in footers), strict=True)
    return tuple(None if None in counts else sum(counts) for counts in by_column)


def _checked_header(table: Table, store: ObjectStore, key: str, codec: Codec, delimiter: str) -> tuple[str, ...]:
    where = shown(store.url(key))
    record = _first_record(store, key, codec, delimiter, where)
    layout = lay_out(table, read_header(record, delimiter, where), delimiter, where)
    if not layout.is_contract:
        raise ContractError(
            f"{where}: in_place needs exactly the contract's columns in its order\n"
            f"  found:    {listing(layout.header)}\n"
            f"  expected: {listing([column.source_name for column in table.columns])}",
            code="HEADER",
            next_command="mend the source, or load.stage: parts",
        )
    return layout.header


def _first_record(store: ObjectStore, key: str, codec: Codec, delimiter: str, where: str) -> bytes:
    buffer = b""
    for piece in _text(store, key, codec):
        buffer += piece
        # COPY passes over the first line, and with it over a byte order mark.
        buffer = buffer.removeprefix(codecs.BOM_UTF8)
        record = first_record(buffer, delimiter)
        if record is not None:
            return record
    raise ContractError(f"{where} has no header", code="EMPTY-SOURCE", next_command="ask the source's owner")


def _text(store: ObjectStore, key: str, codec: Codec) -> Iterator[bytes]:
    """The unpacked bytes of an object, which must be text."""
    where = shown(store.url(key))
    try:
        yield from refuse_other_forms(unpacked(store.stream(key), codec), where)
    except PackingError as error:
        raise UpstreamError(
            f"{where} isn't whole {codec} data: {error}", code="SOURCE-CUT", next_command="ask the source's owner"
        ) from None
