"""Event notifications of a bucket that come by way of an SQS queue: what says that an object was put there.

They come straight from S3, through SNS or through EventBridge. A message is a hint and never a proof: it may come twice,
late, for an object that is gone, or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

from deployments.errors import DeclarationError, SourceUnreachableError
from deployments.foreign_text import one_line
from tasks.objects import aws

POLLED_SECONDS = 30
"""A queue keeps a question for 20 seconds while it has no message."""
AT_ONCE = 10
"""Messages that SQS gives in one answer, at most."""
_URL = re.compile(r"https?://[^/\s]+/\S+")
_OF_AWS = re.compile(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")


@dataclass(frozen=True, slots=True)
class Put:
    """An object that was put into a bucket, by a message."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Message:
    """What the queue gave: the receipt to take it out by, and the objects it tells of (none: of something else)."""

    receipt: str
    puts: tuple[Put, ...]


@dataclass(frozen=True)
class Queue:
    """An SQS queue by its URL, reached with the credentials of this machine (AWS_*, a profile, a role)."""

    url: str

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise DeclarationError(
                f"'{one_line(self.url)}' isn't the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries",
                code="QUEUE",
                next_command="aws sqs get-queue-url --queue-name NAME; then: headgate listen URL",
            )

    @cached_property
    def _client(self) -> Any:
        region = _OF_AWS.match(self.url)
        endpoint = None if region else "/".join(self.url.split("/")[:3])
        return aws.client("sqs", {"region": region[1]} if region else {}, endpoint, silent=POLLED_SECONDS)

    def receive(self, seconds: int) -> list[Message]:
        """Messages that are there within so many seconds; they stay hidden from others for the queue's own time-out."""
        with self._telling():
            answer = self._client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=seconds
            )  # fmt: skip
        return [Message(item["ReceiptHandle"], tuple(puts_of(item["Body"]))) for item in answer.get("Messages", [])]

    def take_out(self, messages: list[Message]) -> None:
        """What they told is done."""
        with self._telling():
            for message in messages:
                self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ProfileNotFound

        unsaid = (NoRegionError, NoCredentialsError, ProfileNotFound)
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise DeclarationError(
                f"the queue {self.url} refuses us ({code})", code="QUEUE",
                next_command="mend the queue's URL, or the rights of this machine: sqs:ReceiveMessage and sqs:DeleteMessage",
            ) from None  # fmt: skip
        except unsaid as error:
            # No later try finds what isn't said.
            raise DeclarationError(
                f"the queue {self.url} can't be asked: {error}", code="QUEUE",
                next_command="export AWS_REGION=... (and AWS_*, a profile or a role); then: headgate listen " + self.url,
            ) from None  # fmt: skip
        except BotoCoreError as error:
            raise SourceUnreachableError(
                f"the queue {self.url} can't be reached: {type(error).__name__}", code="QUEUE",
                next_command=f"headgate listen {self.url}",
            ) from None  # fmt: skip


def puts_of(body: str) -> Iterator[Put]:
    """The objects that a message says were put; none of a test, a removal, or what isn't of a bucket."""
    told = _json(body)
    if isinstance(told.get("Message"), str):
        told = _json(told["Message"])
    detail = told.get("detail")
    if told.get("source") == "aws.s3" and isinstance(detail, Mapping):
        if told.get("detail-type") == "Object Created":
            yield from _put(detail, plain=True)
        return
    records = told.get("Records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping) and str(record.get("eventName", "")).removeprefix("s3:").startswith(
            "ObjectCreated:"
        ):
            yield from _put(record.get("s3"), plain=False)


def _put(told: object, *, plain: bool) -> Iterator[Put]:
    """`plain`: EventBridge writes keys as they are, S3 itself as in a form."""
    try:
        bucket, key = told["bucket"]["name"], told["object"]["key"]  # type: ignore[index]
    except (KeyError, TypeError):
        return
    if isinstance(bucket, str) and isinstance(key, str):
        yield Put(bucket, key if plain else unquote_plus(key))


def _json(text: str) -> Mapping[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        # Whoever may put an object there decides what stands in a message: none of them ends the process.
        return {}
    return told if isinstance(told, Mapping) else {}
