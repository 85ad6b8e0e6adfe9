"""What Redshift writes in its catalog and its load-error views, read into plain values."""

from __future__ import annotations

import pytest

from tasks.warehouses.names import TableName
from tasks.warehouses.redshift.acl import Grant, Grantee, parse_acl
from tasks.warehouses.redshift.load_errors import _load_error, refused

PUBLIC = Grantee("public", "")


@pytest.mark.parametrize(
    ("item", "grants"),
    [
        ("group readers=r/admin", [Grant(Grantee("group", "readers"), "SELECT")]),
        ("readers=r/admin", [Grant(Grantee("group", "readers"), "SELECT")]),
        ("eve=ar*/admin", [Grant(Grantee("user", "eve"), "INSERT"), Grant(Grantee("user", "eve"), "SELECT", True)]),
        ('group "my group"=w/admin', [Grant(Grantee("group", "my group"), "UPDATE")]),
        ("=r/admin", [Grant(PUBLIC, "SELECT")]),
        ("eve=rRt/admin", [Grant(Grantee("user", "eve"), "SELECT")]),
        ("admin=arwdRxt/admin", []),
    ],
)
def test_access_list(item: str, grants: list[Grant]) -> None:
    acl = parse_acl([item], "admin", {"readers", "eve"}, {"eve", "admin"})
    assert list(acl.grants) == grants
    assert acl.strange == ""


def test_a_privilege_nobody_knows_is_told() -> None:
    acl = parse_acl(["eve=rQ/admin"], "admin", (), {"eve"})
    assert acl.strange == "Q"
    assert acl.grantees == (Grantee("user", "eve"),)


def test_a_load_error_hides_the_value() -> None:
    row = (
        "s3://b/part-1.csv.zst   ",
        7,
        "amount  ",
        "int4 ",
        "0  ",
        1207,
        "Invalid digit, Value 'q', Pos 0, Type: Integer  ",
    )
    error = refused(TableName("raw_data", "orders"), [_load_error(row)])
    assert "part-1.csv.zst line 7, column amount int4: Invalid digit, Value '...', Pos 0" in error.message
    assert "'q'" not in str(error)
    assert error.facts["line"] == 7


def test_more_refused_rows_are_counted() -> None:
    one = _load_error(("f", 1, "note", "varchar", "3", 1204, "String length exceeds DDL length"))
    assert "column note varchar(3)" in refused(TableName("s", "t"), [one]).message
    assert "at least 2 more" in refused(TableName("s", "t"), [one, one, one]).message
