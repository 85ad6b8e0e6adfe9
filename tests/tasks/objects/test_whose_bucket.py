"""What a bucket answers is told of whose it is: the stage's by its setting, a source's by the connection it is reached with."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from deployments.embedded.stack import StackState
from deployments.errors import HeadgateError
from tasks.objects.store import open_store
from tasks.sources.address import Place
from tasks.sources.folder import listed
from tasks.sources.stored import stored
from tests.acceptance.faults.faulty_bucket import Bucket, How

KEYS = "access_key_id=k&secret_access_key=s&region=us-east-1"
FAULTS: dict[How, tuple[str, str, str]] = {
    # what it says; the code of the stage, of a source
    "no bucket": ("NoSuchBucket (there is no such bucket)", "STAGE-RIGHTS", "SOURCE"),
    "denied": ("AccessDenied (this login may not)", "STAGE-RIGHTS", "SOURCE-LOGIN"),
    "expired": ("ExpiredToken (the session token is over)", "STAGE-RIGHTS", "SOURCE-LOGIN"),
    "elsewhere": ("PermanentRedirect (it lies in another region)", "STAGE-RIGHTS", "SOURCE-LOGIN"),
    "503": ("SlowDown", "STAGE-UNREACHABLE", "SOURCE-UNREACHABLE"),
}


@pytest.fixture
def bucket(clients: StackState, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr("tasks.objects.aws.TRIES", 1)
    made = Bucket(str(clients.s3_endpoint))
    open_store(f"s3://{clients.s3_bucket}").put("whose/a.csv", b"id\n1\n")
    yield made
    made.close()


def told(ask: Callable[[], object]) -> HeadgateError:
    with pytest.raises(HeadgateError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("doing", ["read", "list"])
def test_each_answer(clients: StackState, bucket: Bucket, how: How, doing: str) -> None:
    says, of_stage, of_source = FAULTS[how]
    base = f"s3://{clients.s3_bucket}?endpoint_url={quote(bucket.url)}&{KEYS}"
    bucket.fail("GET", "", how, 99)
    key = f"s3://{clients.s3_bucket}/whose/"
    place = Place(key if doing == "list" else f"{key}a.csv", base, connection="lake")
    source = told(lambda: listed(place, None) if doing == "list" else list(stored(place)))
    store = open_store(base)
    stage = told(lambda: store.listing("whose") if doing == "list" else store.get("whose/a.csv"))
    assert (stage.code, source.code) == (of_stage, of_source)
    for error in (stage, source):
        assert says in error.message
        assert key.rstrip("/") in error.message
        assert "secret" not in f"{error}"
    if how == "503":
        assert (stage.family, source.family) == ("retryable", "upstream")
        assert stage.next_command == source.next_command == "headgate retry RUN"
        return
    assert stage.family == source.family == "declaration"
    assert stage.next_command == "mend HEADGATE_STAGE_URL; then: headgate check --connect"
    where = "source.url or HEADGATE_CONNECTION_LAKE" if how == "no bucket" else "HEADGATE_CONNECTION_LAKE"
    assert source.next_command == f"mend {where}; then: headgate check --connect"


def test_a_source_without_a_connection_is_read_as_this_machine(clients: StackState) -> None:
    error = told(lambda: list(stored(Place("s3://no-such-bucket/a.csv"))))
    assert (error.code, error.next_command) == ("SOURCE", "mend source.url; then: headgate check --connect")


def test_a_server_that_is_away(clients: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.objects.aws.TRIES", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"s3://{clients.s3_bucket}?endpoint_url=http://127.0.0.1:{taken.getsockname()[1]}&{KEYS}"
        place = Place(f"s3://{clients.s3_bucket}/whose/a.csv", base, connection="lake")
        assert told(lambda: list(stored(place))).code == "SOURCE-UNREACHABLE"
        assert told(lambda: open_store(base).get("whose/a.csv")).code == "STAGE-UNREACHABLE"


def test_a_key_that_is_not_there(clients: StackState) -> None:
    place = Place(f"s3://{clients.s3_bucket}/whose/none.csv")
    assert told(lambda: list(stored(place))).code == "SOURCE-MISSING"
    with pytest.raises(FileNotFoundError):
        open_store(f"s3://{clients.s3_bucket}").get("whose/none.csv")
