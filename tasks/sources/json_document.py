"""A JSON document of a source, one page or all of it: read without a guess, and what stands in it at dotted paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployments.errors import UpstreamError
from tasks.sources import json_text
from tasks.sources.json_text import Parsed
from tasks.sources.protocol import OWNER

MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""A document is held in memory as a whole; JSON lines and pages aren't."""


def gathered(pieces: Iterable[bytes], shown: str) -> bytes:
    """The bytes of a document; UpstreamError when they are more than may be held."""
    held, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_DOCUMENT_BYTES:
            raise UpstreamError(
                f"{shown} is longer than {MAX_DOCUMENT_BYTES // 1024**2} MB, the most a JSON document may have",
                code="TOO-LARGE",
                next_command="ask the source's owner for pages, or for JSON lines (`format: lines`)",
            )
        held.append(piece)
    return b"".join(held)


def document_of(body: bytes, shown: str, paths: Iterable[str | None]) -> Parsed:
    """The document; UpstreamError when it isn't JSON, or when a key stands twice on one of the `paths` that are read."""
    try:
        parsed = json_text.parse(body)
    except ValueError as error:
        raise UpstreamError(
            f"{shown} isn't JSON: {error}",
            code="NOT-JSON",
            next_command="headgate peek SOURCE   (look at what the source sends)",
        ) from None
    if parsed.suspect and any(_twice_above(parsed.document, path) for path in paths if path is not None):
        raise UpstreamError(
            f"{shown}: a key stands twice in the document beside its records, and which one is meant can't be known",
            code="NOT-JSON",
            next_command=OWNER,
        )
    return parsed


def at(document: Any, path: str) -> Any:
    """What stands at a dotted path; None when there is nothing."""
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def records_at(document: Any, path: str | None, shown: str) -> list[dict[str, Any]]:
    """The records of a document; UpstreamError when there is no list of objects."""
    records = document if path is None else at(document, path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UpstreamError(
            f"{shown}: {path or 'the document'} isn't a list of objects",
            code="NOT-RECORDS",
            next_command="headgate peek SOURCE   (it tells the lists there are: source.records)",
        )
    return records


def lists_in(document: Any) -> list[str]:
    """Dotted paths of the lists of objects: what `records` may be."""
    return sorted(json_text.paths(document, _is_records))


def next_addresses_in(document: Any) -> list[str]:
    """Dotted paths of keys that are named like the next page's address."""
    return sorted(json_text.paths(document, _is_next))


def _twice_above(document: Any, path: str) -> bool:
    """Whether an object on the way to what is read has a key twice."""
    for part in path.split("."):
        if isinstance(document, json_text.KeyTwice):
            return True
        document = document.get(part) if isinstance(document, dict) else None
    return False


def _is_records(_: str, node: Any) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(item, dict) for item in node)


def _is_next(name: str, node: Any) -> bool:
    named = name.lower().replace("_", "").replace("-", "") in ("next", "nexturl", "nextpage", "nextpageurl", "nextlink")
    return named and (node is None or (isinstance(node, str) and node.startswith(("http", "/", "?"))))
