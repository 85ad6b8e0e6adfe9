"""Fixtures: the embedded stack behind two proxies that can be told to fail, and a table that has been loaded once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_bucket import Bucket
from faulty_wire import Wire

from deployments.embedded import process
from deployments.embedded.process import ServerFiles
from deployments.embedded.stack import EmbeddedStack, StackState
from deployments.errors import HeadgateError
from flows.cli import main
from tasks import switches
from tasks.warehouses import exactly_once, session
from tasks.workbench import workbench
from tests.acceptance.faults import scene_of_faults
from tests.acceptance.operations.conftest import flows_as_functions  # noqa: F401 - a fixture

TABLE = """
description: Rows of a fault trial.
owner: faults@example.com
source: {{kind: csv, url: "file://{{folder}}/rows.csv"}}
columns:
  - {{name: id, type: integer, nullable: false, description: Number}}
  - {{name: note, type: varchar(20), description: Text}}
load: {{mode: {mode}, tolerance: 50%{guard}}}
"""
FIRST = "id,note\n1,one\n2,two\n"
SECOND = "id,note\n" + "".join(f"{number},text {number}\n" for number in range(10, 60)) + "bad,row\n"


@pytest.fixture
def wire(stack: StackState) -> Iterator[Wire]:
    url = urlsplit(str(stack.warehouse_url))
    made = Wire(str(url.hostname), int(url.port or 0))
    yield made
    made.close()


@pytest.fixture
def bucket(stack: StackState) -> Iterator[Bucket]:
    made = Bucket(str(stack.s3_endpoint))
    yield made
    made.close()


@pytest.fixture
def place(place: Any, wire: Wire, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The embedded PostgreSQL and S3, each reached by way of its proxy."""
    url = urlsplit(str(place.settings.warehouse_url))
    proxied = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{wire.port}").geturl()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.url)
    # What matters is what happens after the tries, not how long they wait.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(exactly_once, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr("tasks.warehouses.publication.PAUSE_SECONDS", 0.2)
    _wait_between_tries(sys.modules[type(place).__module__], monkeypatch)
    return replace(place, settings=replace(place.settings, warehouse_url=proxied))


def _wait_between_tries(stories: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect waits 5 and 30 seconds before it tries a step again; a server that restarts needs part of that."""
    passing = stories.is_passing

    def waited(error: BaseException) -> bool:
        if getattr(error, "code", None) in (session.UNREACHABLE, session.LOST):
            time.sleep(0.5)
        return bool(passing(error))

    monkeypatch.setattr(stories, "is_passing", waited)
    monkeypatch.setattr(stories, "TRIES", 20)


@dataclass
class Loaded:
    """A table with the rows of FIRST in it, whose source now holds SECOND."""

    house: Any
    table: str
    before: list[tuple[Any, ...]]
    after: list[tuple[Any, ...]]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return list(self.house.rows(self.table))

    @property
    def set_aside(self) -> list[tuple[Any, ...]]:
        name = f"quarantine.{self.table.replace('.', '__')}"
        return list(self.house.place.ask(f"SELECT raw FROM {name} WHERE state = 'open'"))

    def load(self) -> Any:
        return self.house.load(self.table)

    def give_up_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first failure of a step is the load's: for faults that outlast every try."""
        # As an attribute, as it was set before: items are put back after all attributes, and twenty tries would stay.
        monkeypatch.setattr(sys.modules[type(self.house).__module__], "TRIES", 1)

    def must_be_right(self) -> None:
        """The new rows are there, once, proven and with what was set aside."""
        assert self.rows == self.after
        assert self.set_aside == [("bad,row",)]
        proofs = self.house.proofs(self.table)
        assert len(proofs) == 2
        assert sum(proof[3] - proof[6] for proof in proofs) == len(self.after)

    def must_be_untouched(self) -> None:
        """Readers see what they saw, and nothing claims otherwise."""
        assert self.rows == self.before
        assert len(self.house.proofs(self.table)) == 1

    def fails_with(self, code: str, family: str, load: Callable[[], Any] | None = None) -> HeadgateError:
        """The load ends with a clear error, and the table is untouched."""
        with pytest.raises(HeadgateError) as caught:
            (load or self.load)()
        error = caught.value
        assert (error.code, error.family) == (code, family), error
        assert error.next_command, error
        assert "who must act" in str(error)
        self.must_be_untouched()
        return error


@pytest.fixture(params=["append", "full_refresh"])
def loaded(request: pytest.FixtureRequest, house: Any) -> Loaded:
    """Append without a key: nothing but the proof stands between a second publish and doubled rows."""
    mode = str(request.param)
    guard = ", shrink_guard: 99%" if mode == "full_refresh" else ""
    table = house.declare("rows", TABLE.format(mode=mode, guard=guard))
    house.source("rows.csv", FIRST)
    house.load(table)
    before = list(house.rows(table))
    house.source("rows.csv", SECOND)
    new = [(number, f"text {number}") for number in range(10, 60)]
    return Loaded(house, table, before, sorted([*(before if mode == "append" else []), *new]))


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, str, str], HeadgateError]:
    """A load of a table that ends with a clear error: code, family, who must act and the next command."""

    def load(house: Any, table: str, code: str, family: str) -> HeadgateError:
        monkeypatch.setattr(sys.modules[type(house).__module__], "TRIES", 2)
        with pytest.raises(HeadgateError) as caught:
            house.load(table)
        error = caught.value
        assert (error.code, error.family) == (code, family), error
        assert error.next_command
        assert "who must act" in str(error)
        return error

    return load


@pytest.fixture
def at_point(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Do something when the load passes a named point for the first time."""
    actions: list[Callable[[str], None]] = []
    monkeypatch.setattr(switches, "_actions", actions)

    def arm(name: str, action: Callable[[], None]) -> None:
        done: list[str] = []

        def once(point: str) -> None:
            if point == name and not done:
                done.append(point)
                action()

        actions.append(once)

    return arm


@pytest.fixture
def restart(stack: StackState) -> Callable[[], None]:
    """Kill the database as a crash of its machine would, and bring it back at the same address."""
    made = EmbeddedStack(stack.folder.parent)

    def again() -> None:
        for pid in process.holders(ServerFiles(stack.folder / "postgres").alive):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        state = made.up(("postgres",))
        assert state.warehouse_url == stack.warehouse_url, "the server came back at another address"

    return again


@pytest.fixture
def idle(stack: StackState) -> Callable[[], list[str]]:
    """Loads' sessions that still hold a transaction, after a little while."""

    def look() -> list[str]:
        connection = psycopg2.connect(str(stack.warehouse_url))
        connection.autocommit = True
        for _ in range(100):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT query FROM pg_stat_activity WHERE application_name = 'headgate' AND state <> 'idle'"
                )
                found = [query for (query,) in cursor.fetchall()]
            if not found:
                break
            time.sleep(0.1)
        connection.close()
        return found

    return look


@pytest.fixture
def scene(
    house: Any, web: Any, wire: Any, bucket: Any, at_point: Any, monkeypatch: pytest.MonkeyPatch, flows_as_functions: None,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[scene_of_faults.Scene]:  # fmt: skip
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    monkeypatch.setattr("tasks.pauses.pause", lambda _: None)
    monkeypatch.setenv("HEADGATE_LOCK_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("HEADGATE_STATE", str(house.place.settings.state))
    monkeypatch.setattr("deployments.settings.read_settings", lambda: house.place.settings)

    def opened(**_: object) -> Any:
        house.open()
        return workbench()

    def said(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main(words)
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out + told.err

    monkeypatch.setattr("flows.cli.settings.workbench", opened)
    made = scene_of_faults.Scene(house, web, wire, bucket, at_point, said)
    # One table stays, or the stage would seem another project's with each new one.
    house.declare(
        "stays", scene_of_faults.TABLE % (scene_of_faults.FILE.replace("rows", "stays"), "mode: full_refresh", "")
    )
    house.source("stays.csv", scene_of_faults.ROWS)
    yield made
    made.back()
    bucket.forget()
