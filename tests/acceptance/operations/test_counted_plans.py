"""A plan that only counts the windows that stand says what one with all of them says, whatever has happened to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from flows.choosing import Selection
from flows.planning import plan_table
from flows.plans import TablePlan
from tasks.warehouses import names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Proof
from tasks.warehouses.session import transaction
from tasks.workbench import Workbench, workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv", on_missing: empty}
window: {every: day, timezone: Europe/Berlin, start: 2026-03-20, lookback: LOOKBACK}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
load: {mode: MODEMORE}
"""
NOW = datetime(2026, 4, 8, 12, tzinfo=UTC)
DAYS = 22


def history(random: Random, bench: Workbench, name: str, *, merges: bool) -> list[Proof]:
    """Proofs of a table to which anything may have happened: nothing, loads by another declaration, loads again, undone ones,
    replays, and windows of another grid."""
    table = bench.project.table(name)
    assert table.grid is not None
    keys = [table.grid.nth(n).key for n in range(DAYS)] + ["2026-03-20T07:00:00Z/2026-03-20T08:00:00Z"]
    found: list[Proof] = []
    for key in random.choices(keys, k=random.choice((0, 5, 40, 60))):
        standing = [
            item for item in found if item.batch_key == key and item.undone_by is None and item.kind != "rollback"
        ]
        what = random.choice(("load", "load", "load", "load", "undo", "replay"))
        published = random.randrange(5)
        updated = random.randrange(published + 1) if merges and random.random() < 0.3 else 0
        one = Proof(
            sequence=len(found) + 1, batch_key=key, kind=random.choice(("publish", "publish", "empty", "override")),
            run_id=f"run-{len(found)}", attempt_id=f"attempt-{len(found)}", fingerprint=random.choice("abc"),
            declaration_hash=random.choice((table.fingerprint, table.fingerprint, "older")),
            suite_hash=bench.project.suite_hash(name), stage_uri="", published_at=datetime(2026, 3, 1, tzinfo=UTC),
            counts=Counts(extracted=published, staged=published, copied=published, inserted=published - updated,
                          updated=updated),
        )  # fmt: skip
        if what == "undo" and standing:
            last = standing[-1]
            found[last.sequence - 1] = replace(last, undone_by=one.sequence)
            one = replace(one, kind="rollback", fingerprint=random.choice(("d", proofs.LOST, proofs.ERASED)))
        elif what == "replay" and standing:
            one = replace(one, kind="replay")
        found.append(one)
    return found


def said(plan: TablePlan) -> dict[str, Any]:
    """What a plan says that no longer lists the windows that stand."""
    states = ("loaded", "stale", "undone", "failed", "missing")
    told = plan.to_json() | {state: plan.count(state) for state in states} | {"to_run": plan.to_run}  # type: ignore[arg-type]
    del told["windows"]
    return told


@pytest.mark.parametrize("mode", ["replace_window", "merge"])
def test_says_the_same(house: Any, mode: str) -> None:
    """30 histories a mode, each asked for in six ways."""
    left_out = 0
    key, more = ("key: [id]\n", "") if mode == "merge" else ("", ", window_column: at")
    declared = key + TABLE.replace("MODEMORE", mode + more)
    name = house.declare("orders", declared.replace("LOOKBACK", "0"))
    house.source("orders-20.csv", "id,at\n1,2026-03-20 12:00:00\n")
    house.load(name, "2026-03-20")
    live = TableName.parse(name)
    for seed in range(30):
        random = Random(seed)
        # Of a file that is merged nothing says which live rows are a window's: it can't be read again.
        lookback = 0 if mode == "merge" else random.choice((0, 1, 3))
        house.declare("orders", declared.replace("LOOKBACK", str(lookback)))
        house.open()
        bench = workbench()
        with transaction(bench.warehouse.address) as cursor:
            cursor.execute(f"DELETE FROM {names.proof(live)}")
            for item in history(random, bench, name, merges=mode == "merge" or seed % 3 == 0):
                proofs.write(cursor, live, item)
        for asked in (
            Selection(), Selection(start="2026-03-25", end="2026-04-02"), Selection(window="2026-03-24"),
            Selection(reprocess="none"), Selection(reprocess="all"), Selection(full_refresh=True),
        ):  # fmt: skip
            whole = plan_table(bench, bench.project.table(name), NOW, asked)
            counted = plan_table(bench, bench.project.table(name), NOW, asked, counted=True)
            assert said(counted) == said(whole), (seed, asked)
            left_out += len(whole.windows) - len(counted.windows)
    assert left_out > 100
