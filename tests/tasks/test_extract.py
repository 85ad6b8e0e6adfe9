"""The spool: the source's bytes as parts, their fingerprint, and what an error leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.errors import UpstreamError
from tasks import extract

LINES = [b"id,name\n", *(b"%d,someone\n" % number for number in range(200_000))]


class Source:
    """A source that gives a record at a time, as JSON pages do."""

    delimiter, where, set_aside = ",", "here", ()

    def fingerprint(self) -> str | None:
        return None

    def chunks(self) -> Iterator[bytes]:
        yield from LINES


def test_small_chunks_are_spooled_whole_and_named_by_their_content(tmp_path: Path) -> None:
    found = extract.spool_source(Source(), tmp_path, None, 100)
    whole = b"".join(LINES)
    assert found.fingerprint == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert found.header == ("id", "name")
    assert b"".join(part.path.read_bytes() for part in found.parts) == whole[len(LINES[0]) :]


def test_a_last_part_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(extract, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        extract.spool_source(Source(), tmp_path, None, 100)


def test_a_batch_larger_than_the_limit_is_refused_as_it_comes(tmp_path: Path) -> None:
    """Packed by gzip it was a thousandth of that."""
    with pytest.raises(UpstreamError, match="larger than 1 MB") as caught:
        extract.spool_source(Source(), tmp_path, None, 1)
    assert caught.value.code == "TOO-LARGE"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * 1024**2


def test_an_error_of_the_source_goes_first_and_names_the_one_aside() -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def extracted(error: Exception | None) -> None:
        with extract._Aside() as aside:
            aside(full)
            if error is not None:
                raise error

    with pytest.raises(ConnectionError, match="gone") as caught:
        extracted(ConnectionError("the source is gone"))
    assert caught.value.__notes__ == ["aside: OSError: [Errno 28] No space left on device"]
    with pytest.raises(OSError, match="No space"):
        extracted(None)
