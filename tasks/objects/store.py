"""Object stores: a folder (`file://`) or a bucket (`s3://`), with the few verbs the stage and the report need."""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from deployments.errors import DeclarationError, RetryableError
from tasks.objects.packing import Codec
from tasks.second_name import second_name

READ_BYTES = 1024 * 1024


class ObjectStore(Protocol):
    """Keys are relative to the store's base URL, with '/' between parts."""

    @property
    def base(self) -> str:
        """The store's URL."""

    @property
    def codec(self) -> Codec:
        """How large objects are best packed there."""

    def url(self, key: str) -> str:
        """The full URL of a key."""

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        """Store a file's bytes; replaces what is there. The file must not be written to afterwards."""

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Store bytes; replaces what is there, all or nothing."""

    def get(self, key: str) -> bytes:
        """All bytes of an object; FileNotFoundError when there is none."""

    def stream(self, key: str) -> Iterator[bytes]:
        """The bytes of an object in pieces; FileNotFoundError when there is none."""

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix, sorted."""

    def stat(self, key: str) -> tuple[int, str]:
        """Size in bytes and a tag that changes with the content; FileNotFoundError when there is none."""

    def delete(self, prefix: str) -> int:
        """Delete every object below a prefix; returns how many."""


@dataclass(frozen=True)
class FolderStore:
    """Objects as files below a folder. Unpacked: a second name for a file costs nothing."""

    base: str
    codec: Codec = "none"

    @cached_property
    def root(self) -> Path:
        return Path(unquote(urlsplit(self.base).path))

    def url(self, key: str) -> str:
        return f"{self.base.rstrip('/')}/{key}"

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        with self._replacing(key) as target:
            second_name(file, target)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        with self._replacing(key) as target:
            target.write_bytes(data)

    def get(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        with (self.root / key).open("rb") as source:
            while data := source.read(READ_BYTES):
                yield data

    def keys(self, prefix: str) -> list[str]:
        below = self.root / prefix
        files = [below] if below.is_file() else below.rglob("*") if below.is_dir() else []
        return sorted(f.relative_to(self.root).as_posix() for f in files if f.is_file() and f.suffix != ".writing")

    def stat(self, key: str) -> tuple[int, str]:
        found = (self.root / key).stat()
        return found.st_size, f"mtime:{found.st_mtime_ns}"

    def delete(self, prefix: str) -> int:
        found = self.keys(prefix)
        target = self.root / prefix
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        elif target.is_file():
            target.unlink()
        return len(found)

    @contextmanager
    def _replacing(self, key: str) -> Iterator[Path]:
        """The path of a new file that takes the key's place when it is whole; two writers of a key never share one."""
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        being_written = target.with_name(f"{target.name}.{secrets.token_hex(4)}.writing")
        try:
            yield being_written
            being_written.replace(target)
        finally:
            being_written.unlink(missing_ok=True)


@dataclass(frozen=True)
class BucketStore:
    """Objects in an S3 bucket, by way of boto3 with prefect-aws credentials (role, profile or AWS_* variables)."""

    base: str
    codec: Codec = "zstd"

    @cached_property
    def _client(self) -> Any:
        from prefect_aws import AwsClientParameters, AwsCredentials

        parameters = AwsClientParameters(
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
            config={"retries": {"mode": "standard", "max_attempts": 5}, "connect_timeout": 10, "read_timeout": 60},
        )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return AwsCredentials(region_name=region, aws_client_parameters=parameters).get_s3_client()

    @cached_property
    def bucket(self) -> str:
        return urlsplit(self.base).netloc

    @cached_property
    def prefix(self) -> str:
        return urlsplit(self.base).path.strip("/")

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{self._key(key)}"

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        extra = {"ContentType": content_type} if content_type else None
        with _Telling(self.url(key), "write"):
            self._client.upload_file(str(file), self.bucket, self._key(key), ExtraArgs=extra)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        extra = {"ContentType": content_type} if content_type else {}
        with _Telling(self.url(key), "write"):
            self._client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data, **extra)

    def get(self, key: str) -> bytes:
        return b"".join(self.stream(key))

    def stream(self, key: str) -> Iterator[bytes]:
        with _Telling(self.url(key), "read"):
            body = self._client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"]
            yield from body.iter_chunks(READ_BYTES)

    def keys(self, prefix: str) -> list[str]:
        found = []
        with _Telling(self.url(prefix), "list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(prefix))
            for page in pages:
                found += [item["Key"] for item in page.get("Contents", [])]
        start, below = f"{self.prefix}/" if self.prefix else "", prefix.rstrip("/")
        keys = sorted(key.removeprefix(start) for key in found)
        # To S3 a prefix is only letters: run-1 would hold run-10.
        return [key for key in keys if not below or key == below or key.startswith(f"{below}/")]

    def stat(self, key: str) -> tuple[int, str]:
        with _Telling(self.url(key), "look at"):
            found = self._client.head_object(Bucket=self.bucket, Key=self._key(key))
        return int(found["ContentLength"]), f"etag:{found['ETag'].strip(chr(34))}"

    def delete(self, prefix: str) -> int:
        found = self.keys(prefix)
        with _Telling(self.url(prefix), "delete"):
            for start in range(0, len(found), 1000):
                batch = [{"Key": self._key(key)} for key in found[start : start + 1000]]
                self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})
        return len(found)

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


class _Telling:
    """Turn boto3's errors into ours: absent, forbidden, or worth a retry."""

    def __init__(self, url: str, doing: str) -> None:
        self.url, self.doing = url, doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            CredentialRetrievalError,
            FlexibleChecksumError,
            NoCredentialsError,
            TokenRetrievalError,
            UnauthorizedSSOTokenError,
        )

        code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
        if code in ("NoSuchKey", "404"):
            raise FileNotFoundError(self.url) from None
        if code in ("AccessDenied", "403", "NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
                    "InvalidToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidClientTokenId") or isinstance(
            error, NoCredentialsError | CredentialRetrievalError | TokenRetrievalError | UnauthorizedSSOTokenError
        ):  # fmt: skip
            raise DeclarationError(
                f"can't {self.doing} {self.url}: {code or type(error).__name__}",
                code="STAGE-RIGHTS",
                next_command="headgate check --connect",
            ) from None
        if isinstance(error, FlexibleChecksumError):
            raise RetryableError(
                f"{self.url} arrives as other bytes than were stored", code="STAGE-CORRUPT",
                next_command="headgate retry RUN",
            ) from error  # fmt: skip
        if isinstance(error, ClientError | BotoCoreError | Boto3Error):
            raise RetryableError(
                f"can't {self.doing} {self.url}: {code or type(error).__name__}",
                code="STAGE-UNREACHABLE",
                next_command="headgate retry RUN",
            ) from error


def open_store(url: str) -> ObjectStore:
    """The store at a `file://` or `s3://` URL."""
    return BucketStore(url) if url.startswith("s3://") else FolderStore(url)


def sha256_of(file: Path) -> str:
    """Hex digest of a file's bytes."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def holds(file: Path, pattern: bytes) -> bool:
    """Whether these bytes stand somewhere in a file that isn't empty."""
    with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return mapped.find(pattern) >= 0


def scratch_file(folder: Path, suffix: str) -> Path:
    """A new empty file in `folder`, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=suffix)
    os.close(handle)
    return Path(name)
