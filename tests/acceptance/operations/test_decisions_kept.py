"""Decisions can't be changed, put in or taken out by hand without `check --live` naming the first one."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest

from deployments import settings
from tasks.warehouses import decision_chain, decisions, ops
from tasks.warehouses.decisions import Decision
from tasks.warehouses.migrations import MIGRATIONS
from tasks.warehouses.names import TableName
from tasks.warehouses.opening import open_warehouse
from tasks.warehouses.session import transaction
from tests.acceptance.operations.conftest import forget_decisions

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: full_refresh}
"""


@pytest.fixture
def books(house: Any, by_hand: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Nothing is decided yet; what a test changes by hand isn't left to others."""
    monkeypatch.setattr(settings, "read_settings", lambda: house.place.settings)
    house.declare("orders", TABLE)
    ops.prepare(adapter_of(house), [TableName(house.schema, "orders")])
    forget_decisions(by_hand)
    return house


def adapter_of(house: Any) -> Any:
    return open_warehouse(house.place.settings)


def decide(house: Any, *reasons: str) -> None:
    for reason in reasons:
        decisions.decide(
            adapter_of(house), Decision(datetime.now(UTC), f"{house.schema}.orders", "pause", "all", "maria", reason)
        )


def looked(command: Callable[..., Any]) -> dict[str, Any]:
    return next(line for line in command("check", "--live", "--json").json["lines"] if line["what"] == "decisions")


def test_what_was_decided_is_found_as_it_was(books: Any, command: Callable[..., Any]) -> None:
    assert looked(command)["said"] == "none was made yet"
    decide(books, "the source moves", "ümlaut, 'quote', \\ and\nline", "x" * 9000)
    assert re.fullmatch(r"3 as they were made; the last one's seal is [0-9a-f]{64}", looked(command)["said"])
    assert command("resume", f"{books.schema}.orders", "--by", "jonas").code == 0
    assert looked(command)["said"].startswith("4 as they were made")


CHANGED = {
    "another name": ("UPDATE ops.decision SET decided_by = 'jonas' WHERE sequence = 2", r"decision 2 \(pause .* by jonas"),
    "a longer pause": ("UPDATE ops.decision SET expires_at = '2030-01-01' WHERE sequence = 1", r"decision 1 .*isn't what"),
    "one less": ("DELETE FROM ops.decision WHERE sequence = 2", "decision 2 is gone"),
    "the last one less": ("DELETE FROM ops.decision WHERE sequence = 3", "decision 3 is gone"),
    "all gone": ("DELETE FROM ops.decision", "decisions 1 to 3 are gone"),
    "one by hand": (
        "INSERT INTO ops.decision (decided_at, target, kind, what, decided_by, reason) "
        "VALUES ('2026-01-01', 'a.b', 'override', 'DRIFT', 'maria', 'fine')",
        r"override of a\.b by maria, 2026-01-01 00:00 UTC: was put in by hand",
    ),
    "one by hand, with a number": (
        "INSERT INTO ops.decision (decided_at, target, kind, what, decided_by, reason, sequence, seal) "
        "VALUES ('2026-01-01', 'a.b', 'override', 'DRIFT', 'maria', 'fine', 4, '0')",
        "decision 4 .*put in by hand",
    ),
    "one twice": ("INSERT INTO ops.decision SELECT * FROM ops.decision WHERE sequence = 3", "decision 3 .*is there twice"),
    "the head": ("UPDATE ops.decision_head SET sequence = 2", "decision 3 isn't the last one"),
    "no head": ("DELETE FROM ops.decision_head", r"ops\.decision_head has 0 rows"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGED)
def test_what_is_changed_by_hand_is_named(books: Any, command: Callable[..., Any], change: str) -> None:
    decide(books, "first", "second", "third")
    assert looked(command)["ok"]
    statement, told = CHANGED[change]
    books.place.ask(statement)
    result = command("check", "--live")
    assert result.code == 1
    assert re.search(rf"DECISIONS-ALTERED: {told}", result.out)
    # A later decision hides nothing, and is itself as it was made.
    decide(books, "fourth")
    assert looked(command)["said"].startswith("DECISIONS-ALTERED: ")


def test_a_chain_that_was_made_anew_is_another_one(books: Any, command: Callable[..., Any]) -> None:
    decide(books, "first", "second")
    assert looked(command)["ok"]
    with transaction(adapter_of(books).address) as cursor:
        cursor.execute("UPDATE ops.decision SET reason = 'nothing' WHERE sequence = 1")
        cursor.execute("DELETE FROM ops.decision_head")
        decision_chain.begin(cursor)
    assert "decision 2 had another seal when this machine looked last" in looked(command)["said"]


def test_two_who_decide_at_once_make_one_chain(books: Any, command: Callable[..., Any]) -> None:
    barrier = Barrier(4)

    def one_of(number: int) -> None:
        barrier.wait(timeout=60)
        decide(books, *(f"{number} {n}" for n in range(5)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one_of, range(4)))
    assert looked(command)["said"].startswith("20 as they were made")


def test_decisions_of_an_older_version_are_sealed(books: Any, command: Callable[..., Any]) -> None:
    decide(books, "first", "second")
    later = re.findall(r"CREATE TABLE (ops\.\w+)", str(MIGRATIONS[7:]))
    for statement in (
        *(f"DROP TABLE {name}" for name in later), "DROP TABLE ops.decision_head",
        "ALTER TABLE ops.decision DROP COLUMN sequence", "ALTER TABLE ops.decision DROP COLUMN seal",
        "DELETE FROM ops.version WHERE version >= 7",
    ):  # fmt: skip
        books.place.ask(statement)
    assert looked(command)["said"].startswith("aren't sealed yet")
    ops.prepare(adapter_of(books), [])
    assert looked(command)["said"].startswith("2 as they were made")
    assert [reason for (reason,) in books.place.ask("SELECT reason FROM ops.decision ORDER BY sequence")] == [
        "first",
        "second",
    ]
