"""What each setting does, seen where it is used."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from deployments.errors import DeclarationError, HeadgateError
from deployments.settings import Settings, read_settings
from expectations.drift.replay import cache_folder
from flows.cli import cli
from tasks.deciding import somebody
from tasks.extract import spool_source
from tasks.notices.channels import channels
from tasks.warehouses import session
from tasks.warehouses.opening import open_warehouse
from tasks.warehouses.postgres import PostgresAddress
from tasks.workbench import Workbench

effect = pytest.mark.effect
LONG_KEY = "k" * 32


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("HEADGATE_", "XDG_CACHE"))]:
        if not name.startswith("HEADGATE_TEST"):
            monkeypatch.delenv(name)


def given(**values: str) -> Settings:
    """Settings of a process whose environment says these."""
    os.environ.update({f"HEADGATE_{name}": value for name, value in values.items()})
    return read_settings()


@effect("HEADGATE_PROJECT")
def test_the_project(tmp_path: Path) -> None:
    (tmp_path / "mine" / "tables").mkdir(parents=True)
    os.environ["HEADGATE_PROJECT"] = "mine"
    assert f"{tmp_path}/mine: 0 tables" in CliRunner().invoke(cli, ["check"]).output


@effect("HEADGATE_STATE")
def test_the_state(tmp_path: Path) -> None:
    assert Workbench(given(STATE="elsewhere")).spool.is_relative_to(tmp_path / "elsewhere")


@effect("HEADGATE_WAREHOUSE_URL", "HEADGATE_STATEMENT_TIMEOUT_SECONDS")
def test_the_warehouse() -> None:
    opened = open_warehouse(given(WAREHOUSE_URL="postgresql://u:p@h/d", STATEMENT_TIMEOUT_SECONDS="7"))
    assert opened.address.url == "postgresql://u:p@h/d"
    assert opened.address.statement_timeout_seconds == 7


@effect("HEADGATE_STAGE_URL", "HEADGATE_REPORT_URL")
def test_the_stage_and_the_report(tmp_path: Path) -> None:
    bench = Workbench(given(STAGE_URL=f"file://{tmp_path}/here", REPORT_URL="file:///there"))
    assert (bench.stage.base, bench.report_url) == (f"file://{tmp_path}/here", "file:///there")


@effect("HEADGATE_COPY_IAM_ROLE")
def test_the_role_of_copy() -> None:
    role = "arn:aws:iam::123456789012:role/load"
    opened: Any = open_warehouse(given(WAREHOUSE_URL="redshift://u:p@h/d", STAGE_URL="s3://b/p", COPY_IAM_ROLE=role))
    assert role in vars(opened).values()


@effect("HEADGATE_CONNECTION_<NAME>", "HEADGATE_NOTIFY_<NAME>")
def test_what_is_named_by_the_user() -> None:
    settings = given(CONNECTION_SHOP="https://shop.example.com", NOTIFY_OPS="https://hook.example.com")
    assert settings.connection("shop") == "https://shop.example.com"
    assert list(channels(settings.notify)) == ["ops"]


@effect("HEADGATE_PII_KEY")
def test_the_key_of_hashes() -> None:
    assert given(PII_KEY=LONG_KEY).hashing_key("t") == LONG_KEY.encode()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ANSWER_KEY": "short"}, "HEADGATE_ANSWER_KEY must have 32 characters"),
        ({"ANSWER_URL": "http://ops.example.com"}, "HEADGATE_ANSWER_URL must start with https://"),
        ({"ANSWER_URL": "https://user@ops.example.com"}, "must be a host and perhaps a path"),
        ({"ANSWER_URL": "https://ops.example.com/answer"}, "HEADGATE_ANSWER_KEY isn't set"),
        ({"ANSWER_KEY": LONG_KEY}, "HEADGATE_ANSWER_URL isn't set"),
    ],
)
def test_links_that_could_be_forged_or_lead_nowhere_are_refused(values: dict[str, str], told: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        given(**values)
    assert told in str(refused.value)
    assert LONG_KEY not in str(refused.value)


@effect("HEADGATE_SHORT_PII_KEY")
def test_a_short_key_is_taken_when_that_is_said() -> None:
    with pytest.raises(DeclarationError, match="SHORT_PII_KEY"):
        given(PII_KEY="short").hashing_key("t")
    assert given(SHORT_PII_KEY="yes").hashing_key("t") == b"short"


@effect("HEADGATE_SPOOL_LIMIT_MB")
def test_a_batch_that_is_too_large_for_the_disk(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    source: Any = SimpleNamespace(
        delimiter=",", where="here", set_aside=(), fingerprint=lambda: None, chunks=lambda: iter([b"id\n" * 2_000_000])
    )
    with pytest.raises(HeadgateError, match="HEADGATE_SPOOL_LIMIT_MB"):
        spool_source(source, tmp_path / "spool", None, given(SPOOL_LIMIT_MB="1").spool_limit_mb)


@effect("HEADGATE_DASK")
def test_where_parts_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect import flow

    from flows import part_runner

    @flow
    def work() -> None:
        """Nothing."""

    monkeypatch.setattr(part_runner, "workbench", lambda: SimpleNamespace(settings=given(DASK="tcp://scheduler:8786")))
    assert vars(part_runner.on_part_runner(work).task_runner)["address"] == "tcp://scheduler:8786"


@effect("HEADGATE_USER", "HEADGATE_CACHE")
def test_who_decides_and_where_profiles_are_kept(tmp_path: Path) -> None:
    given(USER="ana", CACHE=str(tmp_path / "kept"))
    assert somebody() == "ana"
    assert cache_folder().is_relative_to(tmp_path / "kept")


@effect("HEADGATE_DEBUG")
def test_the_trace_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.cli import main

    given(DEBUG="yes")
    with pytest.raises(SystemExit):
        main(["check"])
    assert "Traceback" in capsys.readouterr().err


@effect("HEADGATE_CONNECT_TIMEOUT_SECONDS")
def test_how_long_the_warehouse_may_take_to_let_us_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def connect(**how: Any) -> None:
        asked.update(how)
        raise session.psycopg2.OperationalError("refused")

    monkeypatch.setattr(session.psycopg2, "connect", connect)
    given(CONNECT_TIMEOUT_SECONDS="3")
    with pytest.raises(HeadgateError), session.session(PostgresAddress("postgresql://u:p@h/d", 1)):
        pass
    assert asked["connect_timeout"] == 3


@effect("HEADGATE_EXIT_TIMEOUT_SECONDS")
def test_how_long_a_command_may_take_to_say_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli import stopping

    slept: list[int] = []
    monkeypatch.setattr(stopping.time, "sleep", slept.append)
    monkeypatch.setattr(stopping.os, "_exit", lambda _: None)
    given(EXIT_TIMEOUT_SECONDS="5")
    stopping._end(0)
    assert slept == [5]


@effect("HEADGATE_WORKERS_TIMEOUT_SECONDS")
def test_how_long_a_cluster_may_be_without_workers() -> None:
    from tasks import part_workers

    class Waiting:
        status = "pending"

        def result(self, timeout: float) -> None:
            raise TimeoutError(timeout)

    given(WORKERS_TIMEOUT_SECONDS="12")
    with pytest.raises(HeadgateError, match="no workers for 12 s") as caught:
        part_workers._awaited(SimpleNamespace(nthreads=dict), Waiting())
    assert caught.value.code == "DASK"


@effect("HEADGATE_STACK_TIMEOUT_SECONDS")
def test_how_long_a_server_of_the_local_stack_may_take(tmp_path: Path) -> None:
    from deployments.embedded.stack import EmbeddedStack

    given(STACK_TIMEOUT_SECONDS="1")
    stack = EmbeddedStack(tmp_path)
    try:
        # No first start of Prefect's server is through by then.
        with pytest.raises(HeadgateError, match="did not come up within 1 s"):
            stack.up(("prefect",))
        assert not stack.status().prefect.running
    finally:
        stack.down(purge=True)
