"""Freshness: the moment from which a promise is broken, from what is published."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from expectations.report.about import Promise
from expectations.report.freshness import freshness
from expectations.report.lines import line_of
from expectations.report.model import Broken, Facts, Publish

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def lines(run_of, *days):
    return [line_of(run_of(day)) for day in days]


def test_the_window_after_the_newest_published_one_is_due_at_the_next_promised_hour(sales, run_of):
    found = freshness(sales, lines(run_of, 0, 1, 2, 3), Facts(), NOW)
    assert (found.until, found.promised_to) == (datetime(2026, 3, 6, 6, tzinfo=UTC), "finance")
    assert (found.last_label, found.missing, found.late(NOW)) == ("2026-03-04", 0, False)


def test_a_window_that_is_not_there_at_the_promised_hour_is_late(sales, run_of):
    found = freshness(sales, lines(run_of, 0, 1, 2), Facts(), NOW)
    assert found.late(NOW)
    assert not found.late(datetime(2026, 3, 5, 5, 59, tzinfo=UTC))


def test_a_promise_of_which_nothing_is_due_is_a_promise_all_the_same(site, sales, run_of, soon):
    whole = sales.model_copy(update={"window": None, "mode": "full_refresh"})
    failed = run_of(
        0, status="failed", window_start=None, window_end=None, label="source", batch_key="source", counts={}
    )
    found = freshness(whole, [line_of(failed)], Facts(), NOW)
    assert (found.until, found.promised_to, found.late(NOW)) == (None, "finance", False)
    for promises, said, other in ((whole.promises, "nothing that is promised is due", "no promise declared"),
                                  ((), "no promise declared", "nothing that is promised is due")):  # fmt: skip
        site.add(failed, whole.model_copy(update={"promises": promises}), soon(failed))
        start = site.shelf.get("index.html").decode()
        assert (said in start, other in start) == (True, False)


def test_a_hole_among_the_windows_is_counted(sales, run_of):
    assert freshness(sales, lines(run_of, 0, 3), Facts(), NOW).missing == 2


def test_a_promise_about_a_missing_batch_is_broken_though_newer_ones_are_here(sales, run_of):
    found = freshness(sales, lines(run_of, 0, 2, 3), Facts(), NOW)
    due = datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert found.broken == (Broken(stakeholder="finance", label="2026-03-02", since=due),)
    assert not found.late(NOW)
    assert freshness(sales, lines(run_of, 0, 2), Facts(), due).broken == (), "it is kept until that moment has passed"
    # The first attempt was for the third day: nobody was promised those before it.
    assert freshness(sales, lines(run_of, 2, 3), Facts(), NOW).broken == ()
    aged = sales.model_copy(update={"promises": (Promise(stakeholder="growth", max_age_seconds=26 * 3600),)})
    assert freshness(aged, lines(run_of, 0, 2, 3), Facts(), NOW).broken == ()


def test_a_table_that_was_never_tried_owes_nothing(sales):
    assert freshness(sales, [], Facts(), NOW).until is None


def test_proofs_win_over_runs(sales, run_of):
    kept = run_of(0)
    undone = Publish(
        sequence=2, batch_key=run_of(1).batch_key, kind="publish", run_id="b", published_at=NOW, undone_by=3
    )
    stands = Publish(sequence=1, batch_key=kept.batch_key, kind="publish", run_id="a", published_at=NOW)
    found = freshness(sales, lines(run_of, 0, 1), Facts(publishes=(stands, undone)), NOW)
    assert (found.last_label, found.last_at) == (kept.label, NOW)


def test_a_grid_that_ended_is_complete(sales, run_of):
    ended = sales.model_copy(update={"window": sales.window.model_copy(update={"end": datetime(2026, 3, 3)})})
    found = freshness(ended, lines(run_of, 0, 1), Facts(), NOW)
    assert (found.complete, found.until) == (True, None)


def test_the_greatest_age_counts_from_the_end_of_the_newest_window(sales, run_of):
    promise = Promise(stakeholder="growth", max_age_seconds=26 * 3600)
    aged = sales.model_copy(update={"promises": (promise,)})
    assert freshness(aged, lines(run_of, 0), Facts(), NOW).until == datetime(2026, 3, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "until"),
    [
        ("published", datetime(2026, 3, 3, 6, tzinfo=UTC)), ("unchanged", datetime(2026, 3, 3, 6, tzinfo=UTC)),
        ("failed", None),
    ],
)  # fmt: skip
def test_without_windows_each_day_needs_a_look_at_the_source(sales, run_of, status, until):
    whole = sales.model_copy(update={"window": None})
    line = line_of(run_of(0, window_start=None, window_end=None, batch_key="source", status=status))
    assert freshness(whole, [line], Facts(), NOW).until == until
