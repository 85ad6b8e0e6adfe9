"""What lies on the stage, seen with a client of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from targets import Target


@dataclass
class Stage:
    """The bucket and prefix that loads stage to."""

    url: str
    environment: dict[str, str]

    def __post_init__(self) -> None:
        self._client: Any = boto3.client(
            "s3", endpoint_url=self.environment["AWS_ENDPOINT_URL_S3"], region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def strange(self, target: Target, known: set[str]) -> list[str]:
        """Prefixes of attempts whose run has left no record; what is known is removed: a thousand trials fill a memory."""
        parts = urlsplit(self.url)
        start = f"{parts.path.strip('/')}/{target.table}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=start)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        prefixes = {key.removeprefix(start).partition("/")[0] for key in keys}
        for key in keys:
            self._client.delete_object(Bucket=parts.netloc, Key=key)
        return sorted(prefix for prefix in prefixes if prefix.rpartition("-")[2] not in known)
