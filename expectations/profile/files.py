"""The profile of a CSV file that nobody declared: read as text, kinds told from the values.

The kind of a column is never fixed for later files: a profile holds every reading that fits, and the detector compares
readings across a history, so that a column that turns from numbers into words is an alarm and not a failure to read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import duckdb

from deployments.errors import DeclarationError, UpstreamError
from expectations.contract.engine import lock
from expectations.contract.quoting import literal
from expectations.profile.measure import measure
from expectations.profile.model import VERSION, ColumnKind, Profile

DELIMITERS = ",;\t|"
PIECE_BYTES = 1 << 20
LONGEST_FIELD = 1 << 30
"""Characters of a field that a line which doesn't fit may hold: the csv module gives up at 131,072 by itself."""

_LOOK = "headgate drift score --help   (which files it reads)"


def profile_file(path: Path, *, masked: Sequence[str] = (), key: str = "", cache: Path | None = None) -> Profile:
    """Profile of a .csv or .csv.gz file with a header line; with `cache`, kept there by the hash of its content.

    Raises UpstreamError for a file that is empty, has no header, or can't be read as a table.
    """
    content = _scanned(path)
    kept = None
    if cache is not None:
        mark = hashlib.sha256(f"{VERSION}|{sorted(masked)}|{hashlib.sha256(key.encode()).hexdigest()}".encode())
        mark.update(content.digest)
        kept = cache / f"{mark.hexdigest()[:40]}.json"
        found = _cached(kept)
        if found is not None:
            return found
    profile = _read(path, content, masked, key)
    if kept is not None:
        _keep(kept, profile)
    return profile


@dataclass(frozen=True)
class _Content:
    """What one pass over a file's bytes tells: their hash, how they are encoded, how they begin, and
    whether no line end stands at their end."""

    digest: bytes
    encoding: str
    begins: bytes
    unfinished: bool | None


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _scanned(path: Path) -> _Content:
    """Reads a file once, piece by piece."""
    digest, begins, last, valid = hashlib.sha256(), b"", b"", True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _opened(path) as handle:
            while piece := handle.read(PIECE_BYTES):
                digest.update(piece)
                begins, last = begins or piece, piece[-1:]
                valid = valid and _decodes(decoder, piece)
            valid = valid and _decodes(decoder, b"", final=True)
    except FileNotFoundError as error:
        raise DeclarationError(f"There is no file {path}.", next_command=_LOOK) from error
    except (OSError, EOFError) as error:
        raise UpstreamError(f"{path} can't be read: {error}", next_command=_LOOK) from error
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Content(digest.digest(), "utf-16", begins, None)
    return _Content(digest.digest(), "utf-8" if valid else "cp1252", begins, last not in b"\r\n")


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _read(path: Path, content: _Content, masked: Sequence[str], key: str) -> Profile:
    codec = "utf-8-sig" if content.encoding == "utf-8" else content.encoding
    # The first piece may end within a letter, which the header doesn't reach.
    header, delimiter = _header(path, content.begins.decode(codec, errors="replace"))
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        plain = path
        if codec != "utf-8-sig" or path.suffix == ".gz" or content.begins.startswith(codecs.BOM_UTF8):
            plain = Path(folder) / "batch.csv"
            with _opened(path) as source, plain.open("w", encoding="utf-8", newline="") as target:
                shutil.copyfileobj(codecs.getreader(codec)(source, "replace"), target, PIECE_BYTES)
        with duckdb.connect(config={"autoinstall_known_extensions": "false", "temp_directory": folder}) as con:
            lock(con, plain.parent)
            unreadable = _load(con, path, plain, header, delimiter)
            columns = [ColumnKind(name, "text", masked=name in masked) for name in header]
            profile = measure(con, "headgate_batch", columns, key=key, in_place=True)
    return replace(
        profile,
        unreadable=unreadable,
        encoding=content.encoding,
        delimiter=delimiter,
        unfinished=content.unfinished,
    )


def _header(path: Path, text: str) -> tuple[list[str], str]:
    line = text[:1_000_000].lstrip("\r\n")
    if not line.strip():
        raise UpstreamError(f"{path} is empty: not even a header line.", code="EMPTY-FILE", next_command=_LOOK)
    first = line.splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda d: len(next(csv.reader([first], delimiter=d))))
    names = next(csv.reader(io.StringIO(line), delimiter=delimiter))
    if all(not name.strip() or name.strip().replace(".", "").replace("-", "").isdigit() for name in names):
        raise UpstreamError(
            f"{path} has no header line: its first line is {first[:80]!r}.",
            code="NO-HEADER",
            next_command=f"add a line with the column names; then: {_LOOK}",
        )
    seen: dict[str, int] = {}
    unique = []
    for position, name in enumerate(names):
        # Spaces at the edges stay: whoever reads the file sees another column.
        name = name if name.strip() else f"column{position + 1}"
        seen[name.lower()] = seen.get(name.lower(), 0) + 1
        unique.append(name if seen[name.lower()] == 1 else f"{name}_{seen[name.lower()]}")
    return unique, delimiter


def _load(con: duckdb.DuckDBPyConnection, path: Path, plain: Path, header: list[str], delimiter: str) -> int:
    """Loads the file as text; returns how many lines didn't fit the header and were left out."""
    named = "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header) + "}"
    options = (
        f"auto_detect=false, header=true, delim='{delimiter}', quote='\"', escape='\"', columns={named}, nullstr=''"
    )
    source = literal(str(plain))
    for more in (
        "strict_mode=true",
        "strict_mode=true, ignore_errors=true",
        "strict_mode=false, null_padding=true, ignore_errors=true, parallel=false",
    ):
        try:
            con.execute(f"CREATE TABLE headgate_batch AS SELECT * FROM read_csv({source}, {options}, {more})")
        except duckdb.Error as error:
            failure = error
            continue
        if "ignore_errors" not in more:
            return 0
        loaded = con.execute("SELECT count(*) FROM headgate_batch").fetchall()[0][0]
        usual = csv.field_size_limit(LONGEST_FIELD)
        try:
            with plain.open(encoding="utf-8", newline="") as handle:
                return max(0, sum(1 for _ in csv.reader(handle, delimiter=delimiter)) - 1 - int(loaded))
        finally:
            csv.field_size_limit(usual)
    raise UpstreamError(f"{path} can't be read as CSV: {str(failure).splitlines()[0]}", next_command=_LOOK) from failure


def _cached(kept: Path) -> Profile | None:
    try:
        return Profile.from_json(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        # Absent, cut off, or of another version: it is measured again.
        return None


def _keep(kept: Path, profile: Profile) -> None:
    """Writes through a name of its own, so that two processes can fill one cache."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(profile.to_json(), separators=(",", ":")), encoding="utf-8")
        part.replace(kept)
    except OSError:
        # A cache that can't be written (full disk, read-only home) costs time, not the answer.
        return
