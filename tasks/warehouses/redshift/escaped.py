"""Parts whose values hold CR LF, written again as delimited text with escapes.

What COPY makes of a CR LF inside a quoted CSV field isn't documented, and a server that drops the CR was seen. Escaped
text is: UNLOAD writes and COPY reads a backslash before every CR, LF, delimiter and backslash. Most batches hold no CR LF
and are loaded as they were staged.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import zstandard

from tasks.objects.manifest import Manifest, Part
from tasks.objects.protocol import ObjectStore

_LEVEL = 1
_FLUSH_CHARACTERS = 1024 * 1024


def needs_escapes(manifest: Manifest) -> bool:
    """Whether any value of the staged parts holds CR LF."""
    return any(part.crlf for part in manifest.parts)


def write_escaped(store: ObjectStore, manifest: Manifest) -> Manifest:
    """The manifest of the same rows as escaped text, beside the staged parts; a retry writes the same objects again."""
    # A part's values may be as long as a record of the source.
    csv.field_size_limit(64 * 1024 * 1024)
    parts = [_escape_part(store, manifest, part) for part in manifest.parts]
    escaped = replace(manifest, key=manifest.key.replace("manifest", "manifest-escaped"), parts=tuple(parts))
    store.put(escaped.key, escaped.to_bytes(store.base), "application/json")
    return escaped


def _escape_part(store: ObjectStore, manifest: Manifest, part: Part) -> Part:
    compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
    data = b"".join([*(compressor.compress(piece) for piece in _escaped(store, manifest, part)), compressor.flush()])
    key = part.key.replace(".csv.zst", ".txt.zst")
    store.put(key, data)
    return replace(part, key=key, bytes=len(data))


def _escaped(store: ObjectStore, manifest: Manifest, part: Part) -> Iterator[bytes]:
    special = re.compile(r"[\\\r\n" + re.escape(manifest.delimiter) + "]")
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(store.get(part.key)))
    text = io.TextIOWrapper(reader, encoding="utf-8", newline="")
    lines, size = [], 0
    for fields in csv.reader(text, delimiter=manifest.delimiter, strict=True):
        # A delimiter behind the last field, as COPY allows: a line must not end with the CR of a value.
        lines.append("".join(special.sub(r"\\\g<0>", field) + manifest.delimiter for field in fields) + "\n")
        size += len(lines[-1])
        if size > _FLUSH_CHARACTERS:
            yield "".join(lines).encode()
            lines, size = [], 0
    yield "".join(lines).encode()
