"""Folder and bucket behave alike: keys below a prefix, whole objects or none, what is absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from deployments.errors import DeclarationError, RetryableError
from tasks.objects.bucket import BucketStore
from tasks.objects.manifest import Manifest, Part
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import FolderStore, open_store, sha256_of

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState


@pytest.fixture(params=["file", "file with spaces", "s3", "s3 without prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param.startswith("file"):
        return open_store(f"file://{tmp_path}/{'a%20b' if 'spaces' in request.param else 'stage'}")
    state: StackState = request.getfixturevalue("servers")[1]
    address = state.bucket_address("" if "without" in request.param else uuid4().hex)
    assert address is not None
    return open_store(address)


def test_put_get_list_delete(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"0123456789" * 300_000)
    top = uuid4().hex
    store.put(f"{top}/a/1.txt", b"one")
    store.put(f"{top}/a/1.txt", b"uno", "text/plain")
    store.put_file(f"{top}/a/b/2", tmp_path / "big")
    store.put(f"{top}/ab", b"")
    assert store.get(f"{top}/a/1.txt") == b"uno"
    assert b"".join(store.stream(f"{top}/a/b/2")) == (tmp_path / "big").read_bytes()
    assert store.keys(f"{top}/a/") == [f"{top}/a/1.txt", f"{top}/a/b/2"]
    assert store.keys(f"{top}/a/1.txt") == [f"{top}/a/1.txt"]
    assert store.keys(f"{top}/a/1.txt/below") == []
    assert store.delete(f"{top}/a/") == 2
    assert store.keys(f"{top}/") == [f"{top}/ab"]
    assert store.delete(f"{top}/nothing/") == 0


def test_a_prefix_means_what_is_below_it(store: ObjectStore) -> None:
    """Deleting one run's stage must not touch the run whose name begins alike."""
    top = uuid4().hex
    store.put(f"{top}/run-1/x", b"")
    store.put(f"{top}/run-10/x", b"")
    assert store.keys(f"{top}/run-1") == [f"{top}/run-1/x"]
    assert store.delete(f"{top}/run-1") == 1
    assert store.keys(top) == [f"{top}/run-10/x"]


def test_what_is_absent(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.get("no/such/key")
    with pytest.raises(FileNotFoundError):
        next(iter(store.stream("no/such/key")))
    assert store.keys("no/such") == []


def test_a_whole_disk_is_a_folder_as_others_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").touch()
    store = FolderStore("file:///")
    name = f"{tmp_path.as_posix().removeprefix('/')}/a/1"
    assert store.keys(name) == store.keys(name.removesuffix("/1")) == [name]
    assert [(found.key, found.size) for found in store.listing(name)] == [(name, 0)]


def test_an_object_that_could_not_be_written_whole_is_not_there(tmp_path: Path) -> None:
    store = FolderStore(f"file://{tmp_path}/stage")
    store.put("k", b"old")
    with pytest.raises(FileNotFoundError):
        store.put_file("k", tmp_path / "absent")
    assert store.get("k") == b"old"
    assert store.keys("") == ["k"]


def test_failures_of_a_bucket_say_who_must_act(clients: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeclarationError, match="can't write s3://no-such-bucket/k: NoSuchBucket"):
        BucketStore("no-such-bucket").put("k", b"")
    store = BucketStore("b")
    once = Config(retries={"total_max_attempts": 1})
    monkeypatch.setitem(store.__dict__, "_client", boto3.client("s3", endpoint_url="http://127.0.0.1:1", config=once))
    with pytest.raises(RetryableError, match="can't list s3://b/k") as caught:
        store.keys("k")
    assert caught.value.code == "STAGE-UNREACHABLE"


def test_a_manifest_is_redshifts_and_reads_back() -> None:
    parts = (Part(1, "t/run/part-00001.csv.zst", 10, 99, "ab"), Part(2, "t/run/part-00002.csv.zst", 5, 50, "cd"))
    manifest = Manifest("t/run/manifest.json", "\t", "~null~", parts)
    data = manifest.to_bytes("s3://bucket/stage/")
    assert Manifest.from_bytes(manifest.key, data) == manifest
    assert (manifest.rows, manifest.size_bytes) == (15, 149)
    assert b'"url": "s3://bucket/stage/t/run/part-00001.csv.zst"' in data
    assert b'"content_length": 99' in data


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    made: Callable[[Path], str] = sha256_of
    assert made(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_goes_over_a_network_is_packed_and_a_folder_takes_it_as_it_is() -> None:
    assert [open_store(url).codec for url in ("s3://bucket/stage", "file:///tmp/stage")] == ["zstd", "none"]
