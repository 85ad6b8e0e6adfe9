"""CSV from a file and from a real S3 server."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError, SourceMissingError
from tasks.objects.store import open_store

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

Read = Callable[..., bytes]


def csv(url: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "csv", "url": url, **keys}


def test_a_file(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a b-2024-03-01.csv.gz").write_bytes(gzip.compress(b"id\n1\n"))
    url = f"file://{tmp_path}/a%20b-{{window.start:%Y-%m-%d}}.csv.gz"
    assert read(csv(url), day="2024-03-01") == b"id\n1\n"
    with pytest.raises(SourceMissingError, match=r"2024-03-02\.csv\.gz isn't there"):
        read(csv(url), day="2024-03-02")


def test_a_folder_is_not_a_file(tmp_path: Path, read: Read) -> None:
    with pytest.raises(HeadgateError, match="is a folder") as caught:
        read(csv(f"file://{tmp_path}"))
    assert (caught.value.code, caught.value.family) == ("SOURCE", "declaration")


def test_an_object_in_s3(clients: StackState, read: Read) -> None:
    base = f"s3://{clients.s3_bucket}/source-test"
    data = b"id\n" + b"1234567\n" * 400_000
    open_store(base).put("in/a.csv", data)
    assert read(csv(f"{base}/in/a.csv")) == data
    with pytest.raises(SourceMissingError, match=r"in/b\.csv isn't there") as caught:
        read(csv(f"{base}/in/b.csv"))
    assert caught.value.code == "SOURCE-MISSING"


def test_a_bucket_that_is_absent_is_a_matter_of_settings(clients: StackState, read: Read) -> None:
    with pytest.raises(HeadgateError, match="no-such-bucket") as caught:
        read(csv("s3://no-such-bucket/a.csv"))
    assert (caught.value.code, caught.value.family) == ("SOURCE", "declaration")
