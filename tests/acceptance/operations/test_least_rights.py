"""`deployments/grants`: with these files a whole load works, without one of them it doesn't, and nothing else is allowed."""

from __future__ import annotations

import json
import re
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

import boto3
import psycopg2
import pytest

import deployments
from deployments.embedded.stack import EmbeddedStack
from deployments.errors import DeclarationError, HeadgateError
from deployments.project import load_project
from tasks.connect import try_everything
from tasks.objects.store import open_store
from tasks.provision import provision
from tasks.rollback import choose, take_back, target_of
from tasks.warehouses import ops
from tasks.workbench import Workbench, use, workbench
from tests.acceptance.conftest import Place, _house, _place

GRANTS = Path(deployments.__file__).parent / "grants"
COLUMNS = """
description: Orders.
owner: a@example.com
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
key: [id]
"""
WHOLE = COLUMNS + 'source: {kind: csv, url: "file://{folder}/orders.csv"}\nload: {mode: full_refresh, tolerance: 90%}\n'
MERGED = (
    COLUMNS
    + """
source: {kind: postgres, connection: shop, query: "SELECT id, note FROM public.orders"}
load: {mode: merge, deletes: compare_keys}
"""
)


def statements(file: str, **names: str) -> list[str]:
    """The statements of a file, with psql's variables filled in as psql does."""
    text = re.sub(r"--.*", "", (GRANTS / file).read_text())
    text = re.sub(r':"(\w+)"', lambda match: f'"{names[match[1]]}"', text)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def address(parts: SplitResult, database: str, login: str) -> str:
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{login}@{host}", f"/{database}", parts.query, ""))


def grant(house: Any, file: str, without: int | None = None) -> None:
    """Run a file as the owner of the database would, all but the statement that is left out."""
    names = house.names | {"schema": "public" if file == "source.sql" else house.schema}
    for number, statement in enumerate(statements(file, **names)):
        if number != without:
            house.chief.ask(statement)


@pytest.fixture
def home(request: Any, stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database where nothing is granted yet, with the logins of a loader and of a source."""
    mark, word = secrets.token_hex(3), secrets.token_hex(8)
    loader, reader, database = f"loader_{mark}", f"reader_{mark}", f"db_{mark}"
    monkeypatch.setattr("tasks.warehouses.session._idle", {})
    for admin in _place(request, "postgresql", stack, tmp_path, None):
        for name in (loader, reader):
            admin.ask(f"CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{word}'")
        admin.ask(f"CREATE DATABASE {database}")
        parts = urlsplit(str(admin.settings.warehouse_url))
        url = partial(address, parts, database)
        given = replace(
            admin.settings, warehouse_url=url(f"{loader}:{word}"), connections={"shop": url(f"{reader}:{word}")}
        )
        house: Any = _house(Place("postgresql", given), tmp_path, monkeypatch)
        house.names = {"database": database, "loader": loader, "reader": reader, "table": "orders"}
        house.chief = Place("postgresql", replace(given, warehouse_url=url(parts.netloc.rpartition("@")[0])))
        house.reader = Place("postgresql", replace(given, warehouse_url=url(f"{reader}:{word}")))
        house.chief.ask("CREATE TABLE public.orders AS SELECT n AS id, 'a' AS note FROM generate_series(1, 9) n")
        house.chief.ask("CREATE SCHEMA private")
        house.chief.ask("CREATE TABLE private.salaries AS SELECT 1 AS id")
        yield house
        from tasks.warehouses import session

        for kept in session._idle.values():
            for connection, _ in kept:
                connection.close()
        admin.ask(f"DROP DATABASE {database} WITH (FORCE)")
        for name in (loader, reader):
            admin.ask(f"DROP ROLE {name}")


def whole_story(house: Any) -> None:
    """Loads of two modes, rows set aside, a source's login, an undo, and every line of `check --connect`."""
    whole, merged = house.declare("whole", WHOLE), house.declare("merged", MERGED)
    house.reads_warehouse("shop")
    house.source("orders.csv", "id,note\n1,a\nx,b\n")
    house.load(whole)
    house.load(merged)
    house.source("orders.csv", "id,note\n1,a\n2,b\nx,b\n")
    assert house.load(whole).counts["quarantined"] == 1
    bench = workbench()
    target = target_of(bench, whole)
    take_back(bench, target, choose(bench, target, None, None), "undo", "maria", "")
    assert house.rows(whole) == [(1, "a")]
    assert len(house.rows(merged)) == 9
    failed = [line for line in try_everything(bench) if not line.ok]
    assert failed == []


def test_a_whole_story_works_with_what_the_files_grant(home: Any) -> None:
    grant(home, "postgresql.sql")
    grant(home, "postgresql.sql")
    grant(home, "source.sql")
    whole_story(home)


def as_chief(home: Any) -> Workbench:
    return use(home.chief.settings, load_project(home.folder))


def test_what_an_administrator_provisions_is_left_to_the_loader(home: Any) -> None:
    """`headgate provision` before the first load, by the login that docs/production.md says."""
    (home.folder / "warehouse.yaml").write_text("groups: {}\n")
    home.declare("whole", WHOLE), home.declare("merged", MERGED)
    provision(as_chief(home))
    grant(home, "postgresql.sql")
    grant(home, "source.sql")
    home.open()
    whole_story(home)


def test_books_that_another_login_has_made_are_told(home: Any) -> None:
    home.declare("whole", WHOLE)
    home.source("orders.csv", "id,note\n1,a\n")
    ops.prepare(as_chief(home).warehouse, [])
    grant(home, "postgresql.sql")
    home.open()
    line = next(line for line in try_everything(workbench()) if line.what == "warehouse: schema ops: owner")
    assert (line.ok, "this user may not write to it" in line.said) == (False, True)
    with pytest.raises(DeclarationError) as caught:
        home.load(f"{home.schema}.whole")
    assert (caught.value.code, "check --connect" in caught.value.next_command) == ("WAREHOUSE-RIGHTS", True)


@pytest.mark.parametrize(("file", "number"), [
    (file, number) for file in ("postgresql.sql", "source.sql")
    for number, statement in enumerate(statements(file, database="", loader="", reader="", schema="", table=""))
    if not statement.startswith(("REVOKE", "ALTER"))
])  # fmt: skip
def test_each_of_them_is_needed(home: Any, file: str, number: int) -> None:
    home.chief.ask(f"CREATE SCHEMA {home.schema}")
    home.chief.ask(f"REVOKE ALL ON DATABASE {home.names['database']} FROM PUBLIC")
    home.chief.ask("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    if "CREATE SCHEMA" in statements(file, database="", loader="", reader="", schema="", table="")[number]:
        home.chief.ask(f"DROP SCHEMA {home.schema}")
    for each in ("postgresql.sql", "source.sql"):
        try:
            grant(home, each, without=number if each == file else None)
        except psycopg2.Error:
            # A later statement of the file is about what this one makes.
            return
    with pytest.raises((HeadgateError, AssertionError)):
        whole_story(home)


REFUSED = {
    "loader": [
        "CREATE SCHEMA more", "CREATE TABLE public.mine (id int)", "SELECT * FROM private.salaries",
        "SELECT * FROM public.orders", "CREATE ROLE friend", "CREATE DATABASE more",
        "CREATE FUNCTION {schema}.f() RETURNS int LANGUAGE c AS 'libc.so.6', 'system'",
        "COPY (SELECT 1) TO PROGRAM 'id'", "SELECT pg_read_file('PG_VERSION')", "SELECT * FROM pg_authid",
        "ALTER SYSTEM SET work_mem = '1MB'", "CREATE TEMPORARY TABLE t (id int)", "SET ROLE postgres",
    ],
    "reader": [
        "SET TRANSACTION READ WRITE; DELETE FROM public.orders", "SET TRANSACTION READ WRITE; CREATE TABLE public.mine (id int)",
        "SELECT * FROM private.salaries", "SELECT * FROM ops.version", "SELECT * FROM {schema}.whole",
        "COPY (SELECT 1) TO PROGRAM 'id'", "SELECT * FROM pg_authid", "CREATE TEMPORARY TABLE t (id int)",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("who", "statement"), [(who, statement) for who, of in REFUSED.items() for statement in of])
def test_nothing_else_is_allowed(home: Any, who: str, statement: str) -> None:
    grant(home, "postgresql.sql")
    grant(home, "source.sql")
    home.declare("whole", WHOLE)
    home.source("orders.csv", "id,note\n1,a\n")
    home.load(f"{home.schema}.whole")
    place = home.place if who == "loader" else home.reader
    with pytest.raises(psycopg2.Error) as refused:
        place.ask(statement.replace("{schema}", home.schema))
    # Not allowed, a role or extension that isn't there to be taken, or a session that may only read.
    assert refused.value.pgcode in ("42501", "22023", "25006"), refused.value


def test_the_redshift_file_is_sql_that_redshift_reads(double: Any) -> None:
    """All but the rights of a role, which the Redshift-like server doesn't know."""
    name = f"headgate_loader_{secrets.token_hex(3)}"
    with (
        psycopg2.connect(double.url.replace("redshift://", "postgresql://")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"CREATE USER {name} PASSWORD 'Passw0rd1'")
        for statement in statements("redshift.sql"):
            if "ASSUMEROLE" not in statement and "DATABASE dw" not in statement:
                cursor.execute(statement.replace("headgate_loader", name))
        connection.rollback()


# The S3 server of the local stack asks for signatures and policies once it is told to.
BUCKET, PREFIX = "headgate", "stage"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, str]]]:
    """An S3 server that holds everybody to their policies; makes a user with a policy of a file, and gives its keys."""
    stack = EmbeddedStack(tmp_path_factory.mktemp("guarded") / "state")
    state = stack.up(("s3",))
    endpoint = str(state.s3_endpoint)

    def allow(actions: float) -> None:
        request = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth", str(actions).encode(), {"Content-Type": "text/plain"}, method="POST"
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()

    def user(policy: str) -> dict[str, str]:
        allow(float("inf"))
        keys = {"aws_access_key_id": "chief", "aws_secret_access_key": "chief", "region_name": "us-east-1"}
        iam = boto3.client("iam", endpoint_url=endpoint, **keys)
        name = f"user-{secrets.token_hex(4)}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        allow(0)
        return {
            "endpoint_url": endpoint,
            "access_key_id": made["AccessKeyId"],
            "secret_access_key": made["SecretAccessKey"],
        }

    yield user
    stack.down(purge=True)


def policy(file: str, without: str | None = None) -> str:
    text = (GRANTS / file).read_text().replace("BUCKET", BUCKET).replace("PREFIX", PREFIX)
    told = json.loads(text)
    for statement in told["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in actions if action != without]
        if "s3:DeleteObject" in statement["Action"]:
            # moto asks for the right to delete several keys on the bucket; S3 asks for each key.
            statement["Resource"] = [statement["Resource"], f"arn:aws:s3:::{BUCKET}"]
    told["Statement"] = [statement for statement in told["Statement"] if statement["Action"]]
    return json.dumps(told)


def store_of(keys: dict[str, str], prefix: str = PREFIX) -> Any:
    return open_store(f"s3://{BUCKET}/{prefix}?{urlencode({'region': 'us-east-1'} | keys)}")


def every_verb(store: Any, folder: Path) -> None:
    large = folder / "large"
    large.write_bytes(b"0" * 9_000_000)
    store.put("a/one", b"1")
    store.put_file("a/large", large)
    assert store.get("a/one") == b"1"
    assert store.keys("a") == ["a/large", "a/one"]
    assert store.stat("a/one")[0] == 1
    with pytest.raises(FileNotFoundError):
        store.get("a/absent")
    assert store.delete("a") == 2


def test_the_workers_policy_is_all_that_a_stage_needs(guarded: Any, tmp_path: Path) -> None:
    every_verb(store_of(guarded(policy("worker-policy.json"))), tmp_path)


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"])
def test_each_of_its_rights_is_needed(guarded: Any, tmp_path: Path, action: str) -> None:
    with pytest.raises(HeadgateError) as refused:
        every_verb(store_of(guarded(policy("worker-policy.json", without=action))), tmp_path)
    assert refused.value.code in ("STAGE-RIGHTS", "STAGE-UNREACHABLE")


def test_copy_may_read_and_nothing_else(guarded: Any) -> None:
    store_of(guarded(policy("worker-policy.json"))).put("a/one", b"1")
    copy = store_of(guarded(policy("copy-role-policy.json")))
    assert copy.get("a/one") == b"1"
    for refused in (
        lambda: copy.put("a/two", b"2"),
        lambda: store_of(guarded(policy("copy-role-policy.json")), "x").get("b"),
    ):
        with pytest.raises(HeadgateError, match="AccessDenied"):
            refused()


def test_another_place_of_the_bucket_is_closed(guarded: Any) -> None:
    with pytest.raises(HeadgateError, match="AccessDenied"):
        store_of(guarded(policy("worker-policy.json")), "elsewhere").put("a", b"1")


def test_calls_and_policy_name_the_same_rights(guarded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every call that a store makes, the policy has the right; of every right there is a call."""
    called: set[str] = set()
    store = store_of(guarded(policy("worker-policy.json")))
    store._client.meta.events.register("before-call.s3", lambda model, **_: called.add(model.name))
    every_verb(store, tmp_path)
    rights = {
        "PutObject": "s3:PutObject", "CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject",
        "CompleteMultipartUpload": "s3:PutObject", "AbortMultipartUpload": "s3:AbortMultipartUpload", "GetObject": "s3:GetObject",
        "HeadObject": "s3:GetObject", "ListObjectsV2": "s3:ListBucket", "DeleteObjects": "s3:DeleteObject",
    }  # fmt: skip
    granted = {
        action for statement in json.loads(policy("worker-policy.json"))["Statement"] for action in statement["Action"]
    }
    needed = {rights[name] for name in called}
    # A multipart upload is given up only when it fails; the key is used by S3 in our name.
    assert granted - needed == {"s3:AbortMultipartUpload", "kms:GenerateDataKey", "kms:Decrypt"}
    assert needed <= granted


@pytest.mark.parametrize("file", sorted(path.name for path in GRANTS.glob("*.json")))
def test_policies_are_narrow(file: str) -> None:
    for statement in json.loads((GRANTS / file).read_text())["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Allow":
            assert not [action for action in actions if "*" in action]
            assert statement.get("Resource", "") != "*"
