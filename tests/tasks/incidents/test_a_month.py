"""A month of fifty tables by the clock: twenty real faults are twenty incidents with twenty ends, and nothing else is told.

The watch's own judgement over what the warehouse and Prefect would say, every ten minutes. Made up is only what happens: runs
on their schedules, faults and repairs, and all that looks like a fault and is none (a server that starts again, a watch that was
away, a new table that catches up, a run that comes back by itself, somebody's Ctrl-C).
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.tasks.incidents.month import (
    BY_PLAN,
    FAULTS,
    Month,
    by_chance,
    project,
)


@pytest.fixture(
    scope="module",
    params=[0, *(pytest.param(seed, marks=pytest.mark.trial) for seed in (1, 2, 3))],
    ids="months {}".format,
)
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The month with restarts at the hours that are written above, and three with others."""
    restarts = by_chance(request.param) if request.param else BY_PLAN
    made = Month(project(tmp_path_factory.mktemp("month")), restarts)
    made.run()
    return made


def test_twenty_faults_are_twenty_incidents_each_told_once(month: Month) -> None:
    opened = sorted(item.trouble.key for action in month.told if action.kind == "opened" for item in action.incidents)
    assert opened == sorted(fault.incident or (fault.tables[0], fault.code) for fault in FAULTS)
    assert len(opened) == 20


def test_each_is_over_once_and_after_it_was_mended(month: Month) -> None:
    over = {
        item.trouble.key: action.at for action in month.told if action.kind == "recovered" for item in action.incidents
    }
    assert len([action for action in month.told if action.kind == "recovered"]) == 20
    for fault in FAULTS:
        at = over[fault.incident or (fault.tables[0], fault.code)]
        assert at >= fault.mended
    assert not [item for item in month.incidents if item.active]


def test_nothing_else_is_told_but_reminders_calls_and_broken_promises(month: Month) -> None:
    others = Counter(action.kind for action in month.told if action.kind not in ("opened", "recovered"))
    assert set(others) <= {"late", "escalated", "several_escalated", "reminded", "several_reminded"}


def test_servers_that_start_again_were_seen_and_are_nobodys_trouble(month: Month) -> None:
    """The looks that met them away are what makes this a test."""
    for odd in month.restarts.harmless:
        # What is back within hours is the same incident, begun again.
        met = [item for item in month.incidents if odd.begins in (item.opened_at, item.begun_at)]
        assert [(item.told_at, item.state) for item in met] == [(None, "recovered")]
