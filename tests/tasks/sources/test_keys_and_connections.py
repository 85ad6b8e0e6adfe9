"""A key of S3 is no URL; each connection has an endpoint and keys of its own; a folder's connection is a fence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import duckdb
import pytest

from deployments.errors import HeadgateError
from tasks.sources.address import holds_secret, shown

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

Read = Callable[..., bytes]
KEYS = [
    "in/run #2/a.csv", "in/day?1/a.csv", "in//double.csv", "/leading.csv", "//two.csv", "in/a b.csv", "in/a+b.csv",
    "in/a%20b.csv", "in/a%2Fb.csv", "in/한글.csv", "in/x=1&y=2.csv", "in/#.csv", "in/?endpoint=1", "in/../up.csv", "in/a;b=c",
    "in/a@b:c.csv", "in/{}.csv".replace("{}", "~"),
]  # fmt: skip


@pytest.fixture
def bucket(clients: StackState) -> Any:
    return boto3.client("s3", endpoint_url=clients.s3_endpoint)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_read_letter_by_letter(clients: StackState, bucket: Any, read: Read, key: str) -> None:
    bucket.put_object(Bucket=clients.s3_bucket, Key=key, Body=b"id\n1\n")
    url = f"s3://{clients.s3_bucket}/{key}"
    assert read({"kind": "csv", "url": url}) == b"id\n1\n"
    assert shown(url) == url
    connected = {"kind": "csv", "connection": "lake", "url": f"/{key}"}
    assert read(connected, lake=f"s3://{clients.s3_bucket}") == b"id\n1\n"


def test_each_connection_has_its_own_endpoint_and_keys(
    clients: StackState, bucket: Any, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Bucket=clients.s3_bucket, Key="lake/a 1.csv", Body=b"id\n7\n")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    declared = {"kind": "csv", "connection": "lake", "url": "/a 1.csv"}
    address = clients.bucket_address("lake")
    assert address is not None
    assert read(declared, lake=address) == b"id\n7\n"
    with pytest.raises(HeadgateError) as caught:
        read(declared, lake=f"s3://{clients.s3_bucket}/lake")
    assert clients.s3_secret_key not in repr(caught.value)


def test_a_profile(
    clients: StackState, bucket: Any, read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket.put_object(Bucket=clients.s3_bucket, Key="p.csv", Body=b"id\n8\n")
    (tmp_path / "credentials").write_text("[lake]\naws_access_key_id=a\naws_secret_access_key=b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    declared = {"kind": "csv", "connection": "lake", "url": "/p.csv"}
    address = f"s3://{clients.s3_bucket}?profile=lake&endpoint_url={clients.s3_endpoint}"
    assert read(declared, lake=address) == b"id\n8\n"
    with pytest.raises(HeadgateError, match="profile") as caught:
        read(declared, lake=address.replace("profile=lake", "profile=nobody"))
    assert caught.value.family == "declaration"


def test_a_login_stays_at_its_own_host(read: Read, tmp_path: Path) -> None:
    for base, url in {
        "http://me:hidden@127.0.0.1:1/x": "http://127.0.0.2:1/a.csv",
        "https://me:hidden@127.0.0.1:1/x": "http://127.0.0.1:1/a.csv",
        "s3://bucket": "s3://other/a.csv",
        "http://me:hidden@127.0.0.1:1/y": "file:///etc/hostname",
        "http://me:hidden@127.0.0.1:1/z": "/../a.csv",
    }.items():
        with pytest.raises(HeadgateError) as caught:
            read({"kind": "csv", "connection": "c", "url": url}, c=base)
        assert caught.value.code == "SOURCE-ELSEWHERE"
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "/../private.csv", "/in/../../private.csv", "/%2e%2e/private.csv", "/..%2fprivate.csv", "/link.csv", "/linked/private.csv",
    "/..\\private.csv", "file:///etc/hostname",
])  # fmt: skip
def test_a_folder_is_not_left(read: Read, tmp_path: Path, url: str) -> None:
    (tmp_path / "files" / "in").mkdir(parents=True)
    (tmp_path / "private.csv").write_text("id\n1\n")
    (tmp_path / "files" / "link.csv").symlink_to(tmp_path / "private.csv")
    (tmp_path / "files" / "linked").symlink_to(tmp_path)
    (tmp_path / "files" / "in" / "a #1.csv").write_text("id\n2\n")
    (tmp_path / "files" / "inside.csv").symlink_to(tmp_path / "files" / "in" / "a #1.csv")
    base = f"file://{tmp_path}/files"
    for name in ("/in/a%20%231.csv", "/in/a #1.csv", "/inside.csv"):
        assert read({"kind": "csv", "connection": "files", "url": name}, files=base) == b"id\n2\n"
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "csv", "connection": "files", "url": url}, files=base)
    assert caught.value.code == "SOURCE-ELSEWHERE"


def test_a_file_that_may_not_be_read_is_not_missing(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, file = os.open, str(tmp_path / "a.csv")

    def refused(path: Any, *more: Any, **named: Any) -> int:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return opened(path, *more, **named)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "csv", "url": f"file://{tmp_path}/a.csv"})
    assert (caught.value.code, caught.value.family) == ("SOURCE-LOGIN", "declaration")


SECRETS = ["auth", "code", "pass", "pwd", "sas", "jwt", "bearer", "session", "token", "key", "sig", "signature"]


@pytest.mark.parametrize("name", [*SECRETS, "q", "größe"])
def test_no_value_of_a_query_is_shown(name: str) -> None:
    url = f"https://me:hidden@h.example:8443/p;{name}=hidden/a.csv?a=hidden&{name}=hidden&hidden"
    assert "hidden" not in shown(url)
    assert shown(url).startswith("https://h.example:8443/p;")
    assert urlsplit(shown(url)).path.endswith("/a.csv")
    assert holds_secret(f"https://h.example/a?{name}=x") == (name in SECRETS)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_is_exchanged_for_a_link_after_it_was_looked_at(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whoever may write in the folder does it between our look at a name and our opening of it, again and again."""
    (tmp_path / "files").mkdir()
    for name, row in ({"private": "secret", "files/in": "1"}).items():
        duckdb.sql(f"COPY (SELECT '{row}' AS id) TO '{tmp_path}/{name}.csv' (FORMAT {kind})")
    inside, outside = tmp_path / "files" / "in.csv", tmp_path / "private.csv"
    declared = {"kind": kind, "connection": "files", "url": "/in.csv"}
    assert b"1" in read(declared, files=f"file://{tmp_path}/files")
    inside.rename(tmp_path / "files" / "kept")
    resolve, looked = Path.resolve, 0

    def resolved(path: Path, strict: bool = False) -> Path:
        nonlocal looked
        if path != inside:
            return resolve(path, strict)
        # What it is while it is looked at, and what it is before and after.
        looked += 1
        inside.unlink()
        inside.hardlink_to(tmp_path / "files" / "kept")
        found = resolve(path, strict)
        inside.unlink()
        inside.symlink_to(outside)
        return found

    monkeypatch.setattr(Path, "resolve", resolved)
    inside.symlink_to(outside)
    with pytest.raises(HeadgateError) as caught:
        print(read(declared, files=f"file://{tmp_path}/files"))
    assert looked
    assert caught.value.code == "SOURCE-ELSEWHERE"


def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path, read: Read) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(HeadgateError, match="is no plain file") as caught:
        read({"kind": "csv", "url": f"file://{tmp_path}/a.csv"})
    assert caught.value.code == "SOURCE"
