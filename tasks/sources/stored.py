"""The bytes that lie at an address (http, https, s3, file), unpacked, and only if they are the form that is read there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from deployments.errors import DeclarationError, SourceMissingError, UpstreamError
from tasks.objects.packing import PACKING_ERRORS, Codec, codec_of, unpacked
from tasks.sources import web
from tasks.sources.address import shown
from tasks.sources.file_forms import refuse_other_forms

_READ_BYTES = 1024 * 1024


def stored(url: str) -> Iterator[bytes]:
    """The bytes as they lie there. SourceMissingError when nothing does."""
    if url.endswith("/") and not url.startswith("http"):
        raise _folder(url)
    if url.startswith("http"):
        with web.opened(url) as response:
            # iter_raw: what Content-Encoding hides is part of the transport only when the server says so.
            encoded = "Content-Encoding" in response.headers
            yield from response.iter_bytes(_READ_BYTES) if encoded else response.iter_raw(_READ_BYTES)
    elif url.startswith("s3://"):
        from tasks.objects.store import open_store

        base, _, key = url.rpartition("/")
        try:
            yield from open_store(base).stream(key)
        except FileNotFoundError:
            raise _missing(url) from None
    else:
        path = Path(unquote(urlsplit(url).path))
        if path.is_dir():
            raise _folder(url)
        if not path.is_file():
            raise _missing(url)
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                yield piece


def plain(
    url: str, compression: Literal["none", "gzip", "zstd", "auto"], *, encoding: str = "utf-8"
) -> Iterator[bytes]:
    """The bytes at the address, unpacked as declared; refused by their first ones when they are no text of that encoding."""
    codec: Codec = codec_of(urlsplit(url).path) if compression == "auto" else compression
    yield from refuse_other_forms(_unpacked(stored(url), codec, shown(url)), shown(url), encoding)


def _unpacked(pieces: Iterable[bytes], codec: Codec, where: str) -> Iterator[bytes]:
    try:
        yield from unpacked(pieces, codec)
    except PACKING_ERRORS as error:
        raise UpstreamError(
            f"{where} isn't whole {codec} data: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
        ) from None


def _folder(url: str) -> DeclarationError:
    return DeclarationError(
        f"{shown(url)} is a folder: a source is one file, or one for each window"
        " ({window.start:%Y-%m-%d} in its name); only CSV in S3 with load.stage: in_place takes all of a folder",
        code="SOURCE",
        next_command="headgate peek FILE   (one of its files)",
    )


def _missing(url: str) -> SourceMissingError:
    return SourceMissingError(
        f"{shown(url)} isn't there",
        code="SOURCE-MISSING",
        next_command="ask the source's owner; `on_missing: empty` if such windows are normal",
    )
