"""A window that is read again, or loaded again by `reconcile --repair`, and killed anywhere: run again it leaves what stands
without a kill. And the flow that a deployment runs."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows import reconciling
from flows.choosing import Selection
from flows.run import run_tables
from tasks.workbench import workbench
from tests.acceptance.forked import forked
from tests.acceptance.operations.reconcile.orders import DAYS, FIRST, MODES, PER_DAY, Orders

ENDED = f", end: {FIRST + timedelta(days=DAYS):%Y-%m-%d}, lookback: 2"
AGAIN = f"{FIRST + timedelta(days=DAYS - 2):%Y-%m-%d}"
POINTS = ("extract-part", "validate-part", "stage-manifest", "copied", "judged", "proof-locked", "rows-deleted", "before-commit",
          "after-commit", "after-clean-up", "")  # fmt: skip


def play(orders: Orders, what: str, at: str) -> int:
    """Do it in a process of its own, which dies at a point; 0, or minus the signal it died by."""

    def act() -> None:
        if what == "read again":
            assert run_tables(workbench(), [orders.name], Selection()).failures == []
        else:
            asked = reconciling.Asked(orders.name, start=AGAIN, repair=True)
            assert reconciling.run_reconcile(workbench(), asked, datetime.now(UTC))[0].failures == ()

    return forked(orders.house, at, act)


@pytest.mark.trial
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("what", ["read again", "repaired"])
@pytest.mark.parametrize("mode", ["merge", "replace_window"])
def test_killed_at_every_point(orders: Orders, flows_as_functions: None, mode: str, what: str) -> None:
    table = orders.declare(MODES[mode], window=ENDED)
    orders.load()
    before = len(orders.house.proofs(table))
    late = "INSERT INTO orders (id, at, day, email) VALUES (9001, %s, %s, 'l@example.com')"
    moment = FIRST + timedelta(days=DAYS - 2, hours=5)
    orders.source(late, (moment, moment.date()))
    for at in POINTS:
        done = len(orders.house.proofs(table)) > before
        code = play(orders, what, at)
        # Once the window is published nothing is left to do, and later points may not be passed.
        assert code == -signal.SIGKILL or (code == 0 and (done or not at)), at
        assert orders.live("SELECT count(*) FROM LIVE")[0][0] in (DAYS * PER_DAY, DAYS * PER_DAY + 1), at
    assert orders.live("SELECT count(*), count(DISTINCT id) FROM LIVE") == [(DAYS * PER_DAY + 1,) * 2]
    assert len(orders.house.proofs(table)) == before + 1
    assert orders.reconcile().differing == ()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_flow_says_what_it_found(orders: Orders, flows_as_functions: None) -> None:
    table = orders.declare(MODES["merge"], window=ENDED)
    orders.load()

    def flow(**given: Any) -> Any:
        return reconciling.reconcile.fn(table, **given)

    assert flow(windows=2).message.startswith(f"{table}: 2 windows compared, 0 differ, reconciled up to 2024-03-07")
    orders.live("DELETE FROM LIVE WHERE id = (SELECT max(id) FROM LIVE WHERE at < %s)", (FIRST + timedelta(days=1),))
    found = flow()
    assert (found.name, found.is_completed()) == ("Differs", True)
    assert f"1 differs, differs from its source: {FIRST:%Y-%m-%d}" in found.message
    assert f"next: headgate reconcile {table} --from {FIRST:%Y-%m-%d} --repair" in found.message
    assert flow(start="2024-03-02", end="2024-03-04").name == "Completed"
    assert "1 loaded again, 0 differ" in flow(repair=True).message
