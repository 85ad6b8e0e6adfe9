"""What a command that went well says to type next is typed as it is printed, and does what it says.

A next step of two commands (`&&`) is typed one after the other, as a shell would.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.next_commands import written

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: city, type: varchar(16), nullable: false, description: Where it was sent.}
key: [id]
load: {mode: full_refresh}
"""
SUMMARY = """/*
target: {schema}.by_city
description: Orders by city.
owner: a@example.com
inputs: [{table: {schema}.orders}]
key: [city]
columns:
  - {name: city, type: varchar(16), nullable: false}
  - {name: orders, type: bigint, nullable: false}
*/
SELECT city, count(*) AS orders FROM {schema}.orders GROUP BY city
"""
FEW = """expectations:
  - {code: FEW, type: expect_column_values_to_be_between, kwargs: {column: orders, max_value: 1}, severity: critical}
"""


class Desk:
    """A terminal: what is typed has to go well, and what was said last is there to go on from."""

    def __init__(self, command: Callable[..., Any]) -> None:
        self._command = command
        self.said = ""

    def types(self, text: str, *, code: int = 0) -> str:
        for part in text.split(" && "):
            done = self._command(*shlex.split(part)[1:])
            assert done.code == code, (part, done.code, done.out, done.error)
            self.said = done.out if done.error is None else f"{done.out}{done.error}"
        return self.said

    @property
    def told(self) -> list[str]:
        """The commands that were said to come next."""
        lines = re.findall(r"next: (.*)", self.said)
        return [step for line in lines for step, _ in written(line) if step.startswith("headgate ")]


@pytest.fixture
def desk(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("deployments.settings.read_settings", lambda: house.place.settings)
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    (house.folder / "summaries").mkdir()
    house.declare("orders", TABLE)
    house.source("orders.csv", "id,city\n1,Oslo\n2,Oslo\n3,Rome\n")
    return Desk(command)


def summarized(house: Any) -> Path:
    file: Path = house.folder / "summaries" / "by_city.sql"
    file.write_text(SUMMARY.replace("{schema}", house.schema))
    return file


def test_of_erase(house: Any, desk: Desk) -> None:
    summarized(house)
    desk.types("headgate run orders by_city")
    desk.types("headgate erase orders --key id=3 --plan")
    (erase,) = desk.told
    desk.types(erase.replace("--key ...", "--key id=3").replace("--reason ...", "--reason asked"))
    assert house.rows(f"{house.schema}.orders", "id") == [(1,), (2,)]
    assert ("Rome", 1) in house.rows(f"{house.schema}.by_city")
    (run,) = desk.told
    house.source("orders.csv", "id,city\n1,Oslo\n2,Oslo\n")
    desk.types(run)
    assert house.rows(f"{house.schema}.by_city") == [("Oslo", 2)], "made of what is there now"


def test_of_provision(house: Any, desk: Desk) -> None:
    scratch = f"{house.schema}_x"
    (house.folder / "warehouse.yaml").write_text(f"schemas: [{house.schema}, {scratch}]\ngroups: {{}}\n")
    desk.types("headgate provision --plan")
    (provision,) = desk.told
    assert "0 left" in desk.types(provision)
    assert "the warehouse is as declared" in desk.types("headgate provision --plan")
    house.place.ask(f"DROP SCHEMA {scratch}")


@pytest.mark.parametrize("which", ["orders", "--all"])
def test_of_a_pause(house: Any, desk: Desk, which: str) -> None:
    desk.types(f"headgate pause {which} --until 1d --reason works")
    (resume,) = desk.told
    assert "paused" in desk.types("headgate run orders")
    assert "resumed: " in desk.types(resume)
    (plan,) = desk.told
    assert "paused" not in desk.types(plan)
    desk.types("headgate run orders")
    assert len(house.rows(f"{house.schema}.orders")) == 3


@pytest.mark.parametrize("which", ["orders", "--all"])
def test_of_a_resume_while_prefect_is_away(house: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """The pause is over then, and what is told is about the schedule alone; the same works when Prefect is back."""
    desk.types(f"headgate pause {which} --until 1d --reason works")
    (resume,) = desk.told
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    monkeypatch.setenv("PREFECT_API_URL", away)
    with temporary_settings({PREFECT_API_URL: away}):
        assert "the pause is over" in desk.types(resume, code=1)
        check, again = desk.told
        assert "Prefect: port" in desk.types(check, code=1)
    monkeypatch.delenv("PREFECT_API_URL")
    assert "everything works" in desk.types(check)
    told = desk.types(again)
    assert any(words in told for words in ("nothing was paused", "not paused: ")), (
        "it had ended before Prefect was asked"
    )


def test_of_a_drafted_summary(house: Any, desk: Desk) -> None:
    desk.types("headgate run orders")
    file = house.folder / "cities.sql"
    file.write_text(f"SELECT city, count(*) AS orders FROM {house.schema}.orders GROUP BY city\n")
    desk.types(f"headgate summary new {file}")
    draft = house.folder / "summaries" / "cities.sql"
    draft.write_text(draft.read_text().replace("target: analytics.", f"target: {house.schema}."))
    (tried,) = desk.told
    desk.types(tried)
    (run,) = desk.told
    desk.types(run)
    assert house.rows(f"{house.schema}.cities") == [("Oslo", 2), ("Rome", 1)]
    assert "is there already" in desk.types(f"headgate summary new {file}", code=1)
    (anew,) = desk.told
    assert "drafted from 2 rows" in desk.types(anew)


def test_of_a_summary_that_would_not_be_published(house: Any, desk: Desk) -> None:
    desk.types("headgate run orders")
    file = summarized(house)
    good = file.read_text()
    file.write_text(good.replace("key: [city]\n", "key: [city]\n" + FEW))
    desk.types(f"headgate summary try {file}", code=1)
    (again,) = desk.told
    file.write_text(good)
    desk.types(again)
    (run,) = desk.told
    desk.types(run)
    assert house.rows(f"{house.schema}.by_city") == [("Oslo", 2), ("Rome", 1)]
