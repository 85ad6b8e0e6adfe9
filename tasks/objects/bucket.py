"""Objects in an S3 bucket, by way of boto3."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from deployments.addresses import S3_GUARDS
from deployments.errors import DeclarationError, HeadgateError, RetryableError, SourceUnreachableError
from tasks.objects import aws
from tasks.objects.packing import Codec
from tasks.objects.protocol import READ_BYTES, Listed
from tasks.progress import report_wait

# Answers that say who asks may not, or that the place itself is wrong: never that a key isn't there.
_REFUSED = ("AccessDenied", "403", "NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidObjectState",
            "AllAccessDisabled", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidToken", "ExpiredToken",
            "InvalidBucketName", "ExpiredTokenException", "TokenRefreshRequired", "InvalidClientTokenId", "301")  # fmt: skip
_MEANS = {
    "NoSuchBucket": "there is no such bucket", "InvalidBucketName": "no bucket can be called so",
    "AccessDenied": "this login may not", "403": "this login may not", "AllAccessDisabled": "nobody may",
    "InvalidObjectState": "it is archived", "InvalidAccessKeyId": "the access key isn't known",
    "InvalidClientTokenId": "the access key isn't known", "SignatureDoesNotMatch": "the secret key is another one's",
    "InvalidToken": "the session token is another one's", "ExpiredToken": "the session token is over",
    "ExpiredTokenException": "the session token is over", "TokenRefreshRequired": "the session token is over",
    "PermanentRedirect": "it lies in another region", "301": "it lies in another region",
    "AuthorizationHeaderMalformed": "it lies in another region",
}  # fmt: skip
_NO_BUCKET = ("NoSuchBucket", "InvalidBucketName")
STAGE_SETTING = "HEADGATE_STAGE_URL"
_TRIED_AGAIN = (429, 500, 502, 503, 504)
_WRITING = ("PutObject", "CreateMultipartUpload")
_SETTINGS = {
    "NoCredentialsError": "no AWS credentials found", "PartialCredentialsError": "half of the AWS credentials is missing",
    "ProfileNotFound": "the AWS profile isn't in this machine's configuration", "NoRegionError": "no AWS region is set",
}  # fmt: skip


@dataclass(frozen=True)
class BucketStore:
    """A bucket, or a prefix in it. `options` of its address go before a role, a profile or AWS_* variables."""

    bucket: str
    prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    codec: Codec = "zstd"
    setting: str = STAGE_SETTING
    """What holds its address, or leads to it."""
    is_source: bool = False
    """Whether it is somebody's data that is read, and not a place of ours."""

    @property
    def base(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"

    @cached_property
    def _client(self) -> Any:
        endpoint = (
            self.options.get("endpoint_url")
            or os.environ.get("AWS_ENDPOINT_URL_S3")
            or os.environ.get("AWS_ENDPOINT_URL")
        )
        # What is said of this bucket holds for it alone: such a client isn't the one of all stores of this login.
        is_guarded = bool(self.options.keys() & set(S3_GUARDS))
        with self._telling(self.base, "reach"):
            client = aws.client("s3", self.options, endpoint, shared=not is_guarded)
        client.meta.events.register("needs-retry.s3", _tell_wait, unique_id="headgate")
        if is_guarded:
            client.meta.events.register("provide-client-params.s3", self._guarded)
        return client

    def _guarded(self, params: dict[str, Any], model: Any, **_: object) -> dict[str, Any]:
        """A call with the owner the bucket must have, and the key that what it writes is encrypted with."""
        known, more = model.input_shape.members, {}
        if "bucket_owner" in self.options and "ExpectedBucketOwner" in known:
            more["ExpectedBucketOwner"] = self.options["bucket_owner"]
        if "kms_key" in self.options and model.name in _WRITING:
            more |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.options["kms_key"]}
        return params | more

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{self._key(key)}"

    def _telling(self, url: str, doing: str) -> _Telling:
        has_keys = self.options.keys() & {"access_key_id", "profile"}
        login = self.setting if has_keys else f"the AWS login of this machine (role, profile, AWS_*) or {self.setting}"
        place = f"source.url or {self.setting}" if self.is_source and self.setting != "source.url" else self.setting
        return _Telling(url, doing, place, login, is_source=self.is_source)

    def put_file(self, key: str, file: Path, content_type: str | None = None) -> None:
        extra = {"ContentType": content_type} if content_type else None
        with self._telling(self.url(key), "write"):
            self._client.upload_file(str(file), self.bucket, self._key(key), ExtraArgs=extra)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        extra = {"ContentType": content_type} if content_type else {}
        with self._telling(self.url(key), "write"):
            self._client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data, **extra)

    def get(self, key: str) -> bytes:
        return b"".join(self.stream(key))

    def stream(self, key: str) -> Iterator[bytes]:
        with self._telling(self.url(key), "read"), self._absent(key):
            found = self._client.get_object(Bucket=self.bucket, Key=self._key(key))
            read = 0
            for piece in found["Body"].iter_chunks(READ_BYTES):
                read += len(piece)
                yield piece
        # The client counts too, but not behind a proxy that leaves the length out.
        if read != found.get("ContentLength", -1):
            raise (SourceUnreachableError if self.is_source else RetryableError)(
                f"{self.url(key)} was cut off: {read:,} bytes of {found.get('ContentLength', 'an unknown number')}",
                code="SOURCE-CUT" if self.is_source else "STAGE-CORRUPT", next_command="headgate retry RUN",
            )  # fmt: skip

    def end(self, key: str, count: int) -> bytes:
        if not count:
            return b""
        with self._telling(self.url(key), "read"), self._absent(key):
            found = self._client.get_object(Bucket=self.bucket, Key=self._key(key), Range=f"bytes=-{count}")
            return bytes(found["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        return [item.key for item in self.listing(prefix)]

    def listing(self, prefix: str) -> list[Listed]:
        found = []
        with self._telling(self.url(prefix), "list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(prefix))
            for page in pages:
                found += page.get("Contents", [])
        start, below = f"{self.prefix}/" if self.prefix else "", prefix.rstrip("/")
        listed = sorted(Listed(item["Key"].removeprefix(start), int(item["Size"]), _tag(item)) for item in found)
        # To S3 a prefix is only letters: run-1 would hold run-10.
        return [item for item in listed if not below or item.key == below or item.key.startswith(f"{below}/")]

    def stat(self, key: str) -> tuple[int, str]:
        with self._telling(self.url(key), "look at"), self._absent(key):
            found = self._client.head_object(Bucket=self.bucket, Key=self._key(key))
        return int(found["ContentLength"]), _tag(found)

    def delete(self, prefix: str) -> int:
        found = self.keys(prefix)
        with self._telling(self.url(prefix), "delete"):
            for start in range(0, len(found), 1000):
                batch = [{"Key": self._key(key)} for key in found[start : start + 1000]]
                answer = self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})
                # Answered with 200, whatever became of each key.
                for refused in answer.get("Errors", ()):
                    raise _refused_key(refused)
        return len(found)

    @contextmanager
    def _absent(self, key: str) -> Iterator[None]:
        """Turn "not found" into FileNotFoundError once the bucket says that it holds no such key.

        A HEAD is answered alike for a key and for a bucket that isn't there, and a wrong endpoint answers so to everything.
        """
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("NoSuchKey", "404", "NotFound"):
                raise
            found = self._client.list_objects_v2(Bucket=self.bucket, Prefix=self._key(key), MaxKeys=1)
            if "KeyCount" not in found or any(item["Key"] == self._key(key) for item in found.get("Contents", [])):
                raise
            raise FileNotFoundError(self.url(key)) from None

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


def _tag(told: Mapping[str, Any]) -> str:
    return f"etag:{told['ETag'].strip(chr(34))}"


def _refused_key(told: Mapping[str, str]) -> Exception:
    """What S3 says of one key among many, as it says it of a call for one."""
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": told.get("Code", ""), "Message": told.get("Message", "")}}, "DeleteObjects")


def _tell_wait(response: Any, attempts: int, caught_exception: BaseException | None, **_: object) -> None:
    """Say, once a request, that the store is waited for: the library's own tries may take minutes, in silence."""
    status = 0 if response is None else int(response[0].status_code)
    if attempts == 1 and (caught_exception is not None or status in _TRIED_AGAIN):
        why = f"HTTP {status}" if caught_exception is None else type(caught_exception).__name__
        report_wait("the object store", why, f"tried {aws.TRIES - 1} times more, then it fails")


class _Telling:
    """Turn boto3's errors into ours: absent, forbidden, or worth a retry. `setting` leads to the bucket, `login` holds what it is
    signed in to with."""

    def __init__(
        self, url: str, doing: str, setting: str = STAGE_SETTING, login: str = STAGE_SETTING, *, is_source: bool = False
    ) -> None:
        self.url, self.doing, self.setting, self.login = url, doing, setting, login
        self.rights, self.away, self.other = (
            ("SOURCE-LOGIN", "SOURCE-UNREACHABLE", "SOURCE-CUT") if is_source
            else ("STAGE-RIGHTS", "STAGE-UNREACHABLE", "STAGE-CORRUPT")
        )  # fmt: skip
        self.no_bucket = "SOURCE" if is_source else self.rights
        self.passing: type[HeadgateError] = SourceUnreachableError if is_source else RetryableError

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
            NoRegionError,
            PartialCredentialsError,
            ProfileNotFound,
            TokenRetrievalError,
            UnauthorizedSSOTokenError,
        )

        settings = (CredentialRetrievalError, NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound,
                    TokenRetrievalError, UnauthorizedSSOTokenError)  # fmt: skip

        # An upload in parts tells what it was answered as an error of its own.
        answered = error.__context__ if isinstance(error, Boto3Error) else error
        code = str(answered.response.get("Error", {}).get("Code", "")) if isinstance(answered, ClientError) else ""
        if code in _REFUSED or isinstance(error, settings):
            what = code or _SETTINGS.get(type(error).__name__, type(error).__name__)
            what += f" ({_MEANS[code]})" if code in _MEANS else ""
            is_gone = code in _NO_BUCKET
            raise DeclarationError(
                f"can't {self.doing} {self.url}: {what}",
                code=self.no_bucket if is_gone else self.rights,
                next_command=f"mend {self.setting if is_gone else self.login}; then: headgate check --connect",
            ) from None
        if isinstance(error, FlexibleChecksumError):
            raise self.passing(
                f"{self.url} arrives as other bytes than were stored", code=self.other,
                next_command="headgate retry RUN",
            ) from error  # fmt: skip
        if isinstance(error, ClientError | BotoCoreError | Boto3Error):
            raise self.passing(
                f"can't {self.doing} {self.url}: {code or type(error).__name__}",
                code=self.away,
                next_command="headgate retry RUN",
            ) from error
