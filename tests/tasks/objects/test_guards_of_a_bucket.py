"""What an `s3://` address says of the bucket besides where it is: the key to encrypt with, and whose it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deployments.addresses import fault_of
from tasks.objects.store import open_store


@pytest.fixture
def stage(servers: Any) -> Callable[[str], Any]:
    """The same place of the local bucket, with more said of it."""
    address = servers[1].bucket_address(uuid4().hex)
    return lambda more: open_store(f"{address}&{more}" if more else address)


KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/0e5a1f0c-0000-4000-8000-000000000001"


def test_what_is_written_is_encrypted_with_the_key(stage: Any, tmp_path: Path) -> None:
    """Objects in one call and in parts; without the option they are not."""
    guarded, plain = stage(f"kms_key={KMS_KEY}"), stage("")
    large = tmp_path / "large"
    large.write_bytes(b"0" * 9_000_000)
    guarded.put("one", b"1")
    guarded.put_file("large", large)
    plain.put("two", b"2")
    heads = {
        key: guarded._client.head_object(Bucket=guarded.bucket, Key=guarded._key(key))
        for key in ("one", "large", "two")
    }
    assert [heads[key].get("SSEKMSKeyId") for key in heads] == [KMS_KEY, KMS_KEY, None]
    assert heads["large"]["ServerSideEncryption"] == "aws:kms"
    assert guarded.get("one") == b"1"


def test_every_call_names_the_owner_the_bucket_must_have(stage: Any, tmp_path: Path) -> None:
    store, sent = stage("bucket_owner=123456789012"), []
    store._client.meta.events.register(
        "before-send.s3", lambda request, **_: sent.append(request.headers.get("x-amz-expected-bucket-owner"))
    )
    large = tmp_path / "large"
    large.write_bytes(b"0" * 9_000_000)
    store.put("a", b"1")
    store.put_file("large", large)
    store.stat("a")
    store.get("a")
    assert store.delete("") == 2
    assert len(sent) > 6
    assert set(sent) == {b"123456789012"}


@pytest.mark.parametrize("option", ["bucket_owner=me", "bucket_owner=12345", "kms_key="])
def test_a_guard_that_is_none_is_told_before_anything_runs(option: str) -> None:
    assert fault_of(f"s3://bucket/prefix?{option}")
