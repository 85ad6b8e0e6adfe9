"""Clients of AWS: shared by those who ask for the same, and cheap to come by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.objects import aws
from tasks.objects.store import open_store

LOGIN = {"access_key_id": "a", "secret_access_key": "b", "session_token": "c", "region": "eu-west-1"}
HERE = "http://127.0.0.1:9"


def test_a_login_becomes_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_STAGE_TIMEOUT_SECONDS", "7")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    made = aws.client("s3", LOGIN, HERE)
    signed = made._request_signer._credentials
    assert (signed.access_key, signed.secret_key, signed.token) == ("a", "b", "c")
    assert (made.meta.region_name, made.meta.endpoint_url, made.meta.config.read_timeout) == ("eu-west-1", HERE, 7)
    assert made.meta.config.retries["total_max_attempts"] == aws.TRIES
    silent = aws.client("sqs", {}, HERE, silent=30)
    assert (silent.meta.region_name, silent.meta.config.read_timeout) == ("us-west-2", 30)


def test_a_shared_client_is_of_one_login_one_place_and_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    first = aws.client("s3", LOGIN, HERE, shared=True)
    assert aws.client("s3", dict(LOGIN), HERE, shared=True) is first
    assert aws.client("s3", LOGIN, HERE) is not first
    for other in ({"access_key_id": "x"}, {"secret_access_key": "x"}, {"session_token": "x"}, {"region": "x"}):
        assert aws.client("s3", LOGIN | other, HERE, shared=True) is not first
    assert aws.client("s3", LOGIN, "http://127.0.0.1:10", shared=True) is not first
    monkeypatch.setenv("HEADGATE_CONNECT_TIMEOUT_SECONDS", "7")
    assert aws.client("s3", LOGIN, HERE, shared=True) is not first


def test_what_is_said_of_one_bucket_is_not_of_the_next() -> None:
    """A key to encrypt with is an option of the place; a plain store of the same login keeps a client without it."""
    address = f"s3://here?access_key_id=a&secret_access_key=b&region=eu-west-1&endpoint_url={HERE}"
    plain, again, guarded = (open_store(f"{address}{more}")._client for more in ("", "", "&bucket_owner=123456789012"))
    assert plain is again
    assert guarded is not plain


def test_a_certificate_of_the_network_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_CA_BUNDLE, as every other tool of AWS reads it."""
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/our-network.pem")
    assert aws.client("s3", LOGIN, HERE)._endpoint.http_session._verify == "/etc/ssl/our-network.pem"


def test_a_client_imports_no_worker_of_prefect() -> None:
    program = (
        "import sys\nfrom tasks.objects.store import open_store\n"
        f"open_store('s3://here?region=eu-west-1&endpoint_url={HERE}')._client\n"
        "print([name for name in ('prefect', 'prefect_aws', 'aiobotocore') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
