"""A bucket's event notifications in a queue start the tables that an object belongs to, and are only hints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from deployments.errors import DeclarationError
from tasks.objects.queue import Put, Queue, puts_of
from tasks.objects.store import open_store

TABLE = """
description: Orders.
owner: a@example.com
source: {{kind: csv, url: "{url}", objects: each, pattern: "*.csv"}}
columns:
  - {{name: id, type: integer, nullable: false}}
load: {{mode: append}}
"""


@pytest.fixture
def queue(house: Any, stack: Any) -> Iterator[Any]:
    """A queue that the bucket tells what is put below the house's prefix."""
    client = boto3.client("sqs", endpoint_url=stack.s3_endpoint, region_name="us-east-1")
    url = client.create_queue(QueueName=f"q-{house.schema}", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules = [{"Name": "prefix", "Value": f"{house.schema}/"}]
    told = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    boto3.client("s3", endpoint_url=stack.s3_endpoint, region_name="us-east-1").put_bucket_notification_configuration(
        Bucket=stack.s3_bucket, NotificationConfiguration={"QueueConfigurations": [told]}
    )
    # What the bucket sends to try the queue.
    for message in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    yield Box(client, url)
    client.delete_queue(QueueUrl=url)


class Box:
    def __init__(self, client: Any, url: str) -> None:
        self.client, self.url = client, url

    @property
    def bodies(self) -> list[str]:
        answer = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def send(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)


@pytest.mark.effect("headgate listen --once", "headgate listen QUEUE")
def test_an_object_that_comes_is_loaded(
    house: Any, stack: Any, queue: Box, command: Callable[..., Any]
) -> None:  # fmt: skip
    store = open_store(f"s3://{stack.s3_bucket}/{house.schema}/orders")
    table = str(house.declare("orders", TABLE.format(url=f"{store.base}/")))
    store.put("a b+ü.csv", b"id\n1\n")
    told = command("listen", queue.url, "--once")
    assert (told.code, "1 batch published" in told.out) == (0, True), told.out
    assert house.rows(table) == [(1,)]
    assert queue.bodies == []
    # A message that comes a second time finds nothing to do.
    queue.send(json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": stack.s3_bucket}, "object": {"key": f"{house.schema}/orders/a+b%2B%C3%BC.csv"}}}]}))  # fmt: skip
    assert command("listen", queue.url, "--once").code == 0
    assert (house.rows(table), queue.bodies) == ([(1,)], [])


def test_a_failed_load_is_told_and_what_is_for_others_stays(
    house: Any, stack: Any, queue: Box, command: Callable[..., Any]
) -> None:
    store = open_store(f"s3://{stack.s3_bucket}/{house.schema}/orders")
    house.declare("orders", TABLE.format(url=f"{store.base}/"))
    store.put("readme.txt", b"not for us")
    told = command("listen", queue.url, "--once")
    assert (told.code, len(queue.bodies)) == (0, 1)
    assert "1 message for no table of this project: left in the queue" in told.out
    store.put("a.csv", b"name\nx\n")
    told = command("listen", queue.url, "--once")
    assert (told.code, "[HEADER]" in told.out) == (1, True)


def test_a_message_that_somebody_forged_holds_up_no_other(
    house: Any, stack: Any, queue: Box, command: Callable[..., Any]
) -> None:
    store = open_store(f"s3://{stack.s3_bucket}/{house.schema}/orders")
    table = str(house.declare("orders", TABLE.format(url=f"{store.base}/")))

    def forged(bucket: object, key: object) -> str:
        return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": bucket}, "object": {"key": key}}}]})  # fmt: skip

    mine = f"{house.schema}/orders/"
    for body in ("[" * 100_000, forged(stack.s3_bucket, f"{mine}../../ops/x.csv"), forged(stack.s3_bucket, f"{mine}\x1b]8;;x"),
                 forged(stack.s3_bucket, f"{mine}absent.csv"), forged("another", f"{mine}a.csv"), forged(1, [2])):  # fmt: skip
        queue.send(body)
    store.put("a.csv", b"id\n1\n")
    told = command("listen", queue.url, "--once")
    assert (told.code, house.rows(table)) == (0, [(1,)]), told.out
    assert "\x1b" not in told.out


def test_a_queue_that_is_not_there(command: Callable[..., Any], stack: Any) -> None:
    told = command("listen", f"{stack.s3_endpoint}/123456789012/absent", "--once")
    assert (told.error.code, "mend the queue's URL" in str(told.error.next_command)) == ("QUEUE", True)


@pytest.mark.parametrize(
    "said", ["deliveries", "arn:aws:sqs:eu-west-1:123456789012:deliveries", "https://sqs.example.com"]
)
def test_the_name_of_a_queue_is_not_its_url(said: str) -> None:
    with pytest.raises(DeclarationError, match="isn't the URL of a queue") as caught:
        Queue(said)
    assert (caught.value.code, "get-queue-url" in str(caught.value.next_command)) == ("QUEUE", True)


def test_what_no_later_try_finds_is_no_reason_to_go_on_listening(
    stack: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a region nothing is asked at all: `listen` would say so again and again, without a pause."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DeclarationError, match="You must specify a region") as caught:
        Queue(f"{stack.s3_endpoint}/123456789012/absent").receive(1)
    assert (caught.value.code, "AWS_REGION" in str(caught.value.next_command)) == ("QUEUE", True)


RECORD = {"eventName": "s3:ObjectCreated:Copy", "s3": {"bucket": {"name": "b"}, "object": {"key": "x/a+b.csv"}}}
BODIES = {
    "of S3": (json.dumps({"Records": [RECORD]}), [Put("b", "x/a b.csv")]),
    "through SNS": (json.dumps({"Message": json.dumps({"Records": [RECORD, RECORD]})}), [Put("b", "x/a b.csv")] * 2),
    "of EventBridge": (
        json.dumps({"source": "aws.s3", "detail-type": "Object Created",
                    "detail": {"bucket": {"name": "b"}, "object": {"key": "x/a+b.csv"}}}),
        [Put("b", "x/a+b.csv")],
    ),
    "a removal": (json.dumps({"Records": [RECORD | {"eventName": "ObjectRemoved:Delete"}]}), []),
    "a removal through EventBridge": (json.dumps({"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}}), []),
    "a test": (json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}), []),
    "no JSON": ("hello", []),
    "a list": ("[1]", []),
    "one that is nested without end": ('{"Records":' + "[" * 200_000, []),
    "one within one that is": (json.dumps({"Message": "[" * 200_000}), []),
    "half of one": (json.dumps({"Records": [None, {"eventName": "ObjectCreated:Put", "s3": {"bucket": 1}}]}), []),
}  # fmt: skip


@pytest.mark.parametrize("form", BODIES)
def test_what_a_message_tells(form: str) -> None:
    body, puts = BODIES[form]
    assert list(puts_of(body)) == puts
