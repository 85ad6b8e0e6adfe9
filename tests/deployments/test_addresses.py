"""Addresses are checked when settings are made; what is wrong with one is told without any part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.addresses import database_parameters, fault_of, is_same_database, s3_connection
from deployments.errors import DeclarationError
from deployments.settings import Settings, read_settings

SECRET = "Tr0ub4dor"
PASSWORDS = [f"{SECRET}{sign}77" for sign in ("/", "?", "#", "%zz", "%é", "[", "]", " ", "\n", "/@", "?@", "#@")]
PLACES = {
    "WAREHOUSE_URL": "postgresql://loader:{}@db.example.com:5432/shop",
    "CONNECTION_PROD": "postgresql://loader:{}@127.0.0.1:1/shop",
    "CONNECTION_API": "https://loader:{}@api.example.com/v2",
}


@pytest.mark.parametrize("setting", PLACES)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_that_is_not_encoded_is_told_by_its_setting(tmp_path: Path, setting: str, password: str) -> None:
    address = PLACES[setting].format(password)
    with pytest.raises(DeclarationError) as caught:
        read_settings({f"HEADGATE_{setting}": address}, tmp_path)
    told = str(caught.value) + repr(caught.value.facts)
    assert f"HEADGATE_{setting}" in told
    assert "percent-encoded" in told or "control character" in told
    assert SECRET not in told
    assert "77" not in told
    assert caught.value.code == "SETTING"


@pytest.mark.parametrize("password", ["12/34", "12#34", "12?34"])
def test_a_password_that_looks_like_a_port(password: str) -> None:
    assert fault_of(f"postgresql://loader:{password}@host/db") is not None
    assert fault_of(f"https://loader:{password}@host/x") is not None


@pytest.mark.parametrize("address", [
    "postgresql://u:p%2F%40%25%5B@host:5432/db?sslmode=require", "postgresql:///db", "postgresql://h1:1,h2:2/db",
    "postgresql://u@[::1]:5432/db", "redshift://u:p@host/db", "https://u:p@host/x?mail=a@b.c", "http://host", "file:///a/b",
    "https://user@example.com:pw@host/x", "s3://bucket/pre fix", "s3://bucket?region=x&endpoint_url=http%3A%2F%2Fh%3A9000",
    "s3://bucket/p?endpoint_url=http://h:9000&access_key_id=a&secret_access_key=b%2Fc&session_token=t", "mysql://u:p@h/d",
])  # fmt: skip
def test_what_can_be_used(address: str) -> None:
    assert fault_of(address) is None


@pytest.mark.parametrize("address", [
    "s3://bucket?endpoint=http://h", "s3://bucket?secret_access_key=hidden", "s3://bucket?access_key_id=a&secret_access_key=h&idden",
    "s3://bucket?region=", "s3://bucket?endpoint_url=h:9000", "s3://hidden:key@bucket/x", "s3:///x", "https:///x", "http://",
    "s3://bucket?profile=a&access_key_id=a&secret_access_key=hidden",
])  # fmt: skip
def test_what_can_not_be_used(address: str) -> None:
    fault = fault_of(address)
    assert fault is not None
    assert "hidden" not in fault
    assert "idden" not in fault


def test_the_parts() -> None:
    assert database_parameters("postgresql://u%40x:p%2Fq@h:5433/d%20b?sslmode=require") == {
        "host": "h", "port": "5433", "user": "u@x", "password": "p/q", "dbname": "d b", "sslmode": "require"}  # fmt: skip
    assert database_parameters("postgresql://h1:1,h2:2/d") == {"host": "h1,h2", "port": "1,2", "dbname": "d"}
    assert database_parameters("postgresql:///d?host=/run/pg") == {"dbname": "d", "host": "/run/pg"}
    found = s3_connection("s3://b/pre/fix/?region=r&secret_access_key=a%2Fb%2Bc&access_key_id=k")
    assert (found.bucket, found.key, dict(found.options)) == (
        "b", "pre/fix", {"region": "r", "secret_access_key": "a/b+c", "access_key_id": "k"})  # fmt: skip


def test_settings_never_tell_keys(tmp_path: Path) -> None:
    stage = "s3://b/stage?access_key_id=k&secret_access_key=hidden"
    assert "hidden" not in repr(Settings(tmp_path, tmp_path, stage_url=stage, report_url=stage))


SAME = "postgresql://loader:a@localhost/sales"


@pytest.mark.parametrize(("other", "same"), [
    ("postgresql://reader:b@127.0.0.1:5432/sales?sslmode=require", True), ("postgres://x@[::1]/sales", True),
    ("postgresql://x@away,LOCALHOST:5432/sales", True), ("postgresql://x@localhost:5433/sales", False),
    ("postgresql://x@localhost/sales_production", False), ("mysql://x@localhost:5432/other", False),
    ("redshift://x@localhost/sales", False), ("https://localhost:5432/sales", False),
    ("postgresql://x@db.example/sales", False),
])  # fmt: skip
def test_when_two_addresses_are_one_database(other: str, same: bool) -> None:
    assert is_same_database(SAME, other) is same
    assert is_same_database(other, SAME) is same
    named = is_same_database("postgresql://x@db.example/sales", SAME, lambda host: {"127.0.0.1"})
    assert named is True
