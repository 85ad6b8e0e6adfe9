"""A build that fails, drifts, is killed, or meets another one leaves the live table of a summary as it was."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import summarize
from tasks import switches

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16), nullable: false}
  - {name: amount, type: integer, nullable: false}
key: [id]
load: {mode: full_refresh, shrink_guard: 100%}
"""
SUMMARY = """/*
target: {schema}.by_city
description: Orders by city.
owner: a@example.com
inputs:
  - table: {schema}.orders
    checks: [{code: ENOUGH, sql: "SELECT COUNT(*) FROM {schema}.orders", at_least: 3}]
expectations:
  - {code: POSITIVE, type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}}
drift: {policy: stop}
columns:
  - {name: city, type: varchar(16), nullable: false}
  - {name: amount, type: bigint, nullable: false}
key: [city]
*/
SELECT city, SUM(amount) AS amount FROM {schema}.orders GROUP BY city
"""
KILLED_AT = ["built", "judged", "publish-begun", "proof-locked", "before-swap", "renamed", "before-commit"]


def orders(amounts: dict[str, int], each: int = 40) -> str:
    rows = [f"{n},{city}{n % 20},{amount}" for n, (city, amount) in enumerate(list(amounts.items()) * each)]
    return "id,city,amount\n" + "\n".join(rows) + "\n"


@pytest.fixture
def built(house: Any, flows_as_functions: None) -> Callable[[str], str]:
    """A summary that was built of nine days alike; what is called with the next orders loads them and gives its name."""
    (house.folder / "summaries").mkdir()
    house.declare("orders", TABLE)
    text = SUMMARY.replace("{schema}", house.schema)
    (house.folder / "summaries" / "by_city.sql").write_text(text)
    name = f"{house.schema}.by_city"

    def load(content: str) -> str:
        house.source("orders.csv", content)
        house.load(f"{house.schema}.orders")
        return name

    for day in range(9):
        load(orders({"a": 100 + day, "b": 110 - day}))
        house.open()
        summarize.summarize(name)
    return load


def stands(house: Any, name: str) -> tuple[Any, ...]:
    """Everything a reader may see, and what proves it."""
    return house.rows(name), house.proofs(name)


def test_a_build_that_may_not_be_published_leaves_what_stands(
    house: Any, command: Callable[..., Any], built: Callable[[str], str]
) -> None:
    name = f"{house.schema}.by_city"
    before = stands(house, name)
    assert len(before[0]) == 20
    for content, code, words in (
        ("id,city,amount\n1,a,5\n2,b,5\n", "CHECK-FAILED", "ENOUGH"),
        (orders({"a": -3, "b": 105}), "CHECK-FAILED", "POSITIVE"),
        (orders({"a": 9000, "b": 9500}), "DRIFT", "amount"),
    ):
        built(content)
        told = command("run", name, "--json").json
        assert [(item["error"]["code"], words in item["error"]["message"]) for item in told["failures"]] == [
            (code, True)
        ]
        assert stands(house, name) == before, words


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_build_that_is_killed_leaves_what_stands(
    house: Any, flows_as_functions: None, built: Callable[[str], str]
) -> None:
    name = built(orders({"a": 104, "b": 103}))
    before = stands(house, name)
    for at in KILLED_AT:
        assert play(house, name, at) == -signal.SIGKILL, f"{at} was not passed"
        assert stands(house, name) == before, at
    assert play(house, name, "after-commit") == -signal.SIGKILL
    assert len(stands(house, name)[1]) == len(before[1]) + 1
    assert summarize.summarize(name).status == "unchanged"


def test_of_two_builds_at_once_one_is_published(
    house: Any, flows_as_functions: None, built: Callable[[str], str], tmp_path: Path
) -> None:
    name = built(orders({"a": 104, "b": 103}))
    before = stands(house, name)
    children = [start(house, name, tmp_path / f"{n}") for n in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0, 0]
    told = sorted((tmp_path / f"{n}").read_text() for n in range(2))
    rows, proofs = stands(house, name)
    assert len(proofs) == len(before[1]) + 1, told
    assert "published" in told
    assert dict(rows)["a0"] != dict(before[0])["a0"]
    side = house.place.ask(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE 'by_city__hg_c%%'", (house.schema,)
    )
    assert side == [], "no candidate is left"


def play(house: Any, name: str, at: str) -> int:
    child = start(house, name, None, at)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def start(house: Any, name: str, said: Path | None, at: str = "") -> int:
    """Build it in a process of its own, which dies at a point; how it ended is written down."""
    child = os.fork()
    if child:
        return child
    try:
        house.open()
        if at:
            switches.at_points(switches.killer(at))
        status = summarize.summarize(name).status
        if said is not None:
            said.write_text(status)
    except BaseException as error:  # noqa: BLE001 - a fork must never go on as a second pytest
        if said is not None:
            said.write_text(type(error).__name__)
        else:
            traceback.print_exc()
            os._exit(1)
    os._exit(0)
