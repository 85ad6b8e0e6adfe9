"""What is open about a table, and the one state that sums it up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from expectations.record import Drift, DriftAlert, Failure, QuarantineReason, RuleResult
from expectations.report.lines import line_of
from expectations.report.model import Decision, Facts
from expectations.report.standing import RECENT, open_items, state_of

FAILURE = Failure(code="CHECK-FAILED", family="upstream", step="validate", message="1 critical check failed",
                  who_must_act="owner of the source", next_command="headgate show x")  # fmt: skip
ASIDE = (
    QuarantineReason(code="SAL-AMOUNT", column="amount", rows=3, sentence="breaks the rule: amount is at least 0"),
)


def drift(*kinds, level="page"):
    alerts = [DriftAlert(column="amount", kind=k, level=level, score=2.0, message=f"{k} of amount") for k in kinds]
    return Drift(verdict=level, score=2.0, alerts=alerts)


def found(sales, records, *decisions, days=20):
    lines = [line_of(record) for record in records]
    now = records[0].started_at + timedelta(days=days)
    items = open_items(sales, lines, Facts(decisions=decisions), now)
    return items, state_of(lines, items)


def test_a_table_with_good_runs_has_nothing_open(sales, run_of):
    assert found(sales, [run_of(0), run_of(1)]) == ((), "good")


def test_a_failed_batch_is_open_until_it_is_published(sales, run_of):
    failed = run_of(1, status="failed", failure=FAILURE)
    items, state = found(sales, [run_of(0), failed])
    assert ([item.what for item in items], items[0].level, state) == (["failure"], "bad", "failed")
    again = run_of(1, run_id="again", started_at=failed.started_at + timedelta(hours=1))
    assert found(sales, [run_of(0), failed, again]) == ((), "good")


def test_what_is_open_waits_since_it_was_first_told(sales, run_of):
    def attempt(hours, **changes):
        at = run_of(1).started_at + timedelta(hours=hours)
        return run_of(1, run_id=f"try-{hours}", started_at=at, finished_at=at, **changes)

    def failed(hours):
        return attempt(hours, status="failed", failure=FAILURE)

    # What was failing before the batch was published is over; a look that found nothing to load changes nothing.
    items, _ = found(sales, [failed(0), attempt(1), failed(2), attempt(3, status="waiting"), failed(4)])
    assert [item.opened_at for item in items] == [failed(2).started_at]
    aside = [run_of(day, status="warned", quarantine=ASIDE) for day in range(3)]
    assert [item.opened_at for item in found(sales, aside)[0]] == [aside[0].finished_at]


def test_alerts_about_one_column_of_a_batch_are_one_thing(sales, run_of):
    items, state = found(sales, [run_of(0, status="warned", drift=drift("values", "format"))])
    assert [(item.code, item.also) for item in items] == [("values", ("format",))]
    assert state == "warned"


def test_the_same_thing_in_several_batches_is_told_once_with_the_newest(sales, run_of):
    records = [run_of(day, status="warned", quarantine=ASIDE) for day in range(3)]
    items, _ = found(sales, records)
    assert [(item.label, item.batches, item.rows, item.since) for item in items] == [("2026-03-03", 3, 9, "2026-03-01")]


def test_a_digest_fades_but_a_page_stays_until_somebody_answers(sales, run_of):
    later = [run_of(day) for day in range(1, RECENT + 1)]
    assert found(sales, [run_of(0, status="warned", drift=drift("values", level="digest")), *later])[0] == ()
    assert len(found(sales, [run_of(0, status="warned", drift=drift("values")), *later])[0]) == 1


@pytest.mark.parametrize(
    ("decision", "open_left"),
    [
        ({"kind": "accept-drift", "column": "amount", "what": "values"}, 0),
        ({"kind": "accept-drift", "column": "amount", "what": ""}, 0),
        ({"kind": "accept-drift", "column": "price", "what": "values"}, 1),
        ({"kind": "accept-drift", "column": "amount", "what": "values", "expires": 10}, 1),
        ({"kind": "accept-drift", "column": "amount", "what": "values", "before": True}, 1),
        ({"kind": "pause", "what": ""}, 1),
        ({"kind": "mute-drift", "column": "amount", "what": "values"}, 0),
        ({"kind": "reject-drift", "column": "amount", "what": "values"}, 0),
        ({"kind": "reject-drift", "column": "amount", "what": "values", "run_id": "another"}, 1),
    ],
)
def test_an_owner_answers_a_drift(sales, run_of, decision, open_left):
    record = run_of(0, status="warned", drift=drift("values"))
    at = record.started_at + timedelta(hours=-1 if decision.pop("before", False) else 1)
    expires = decision.pop("expires", None)
    until = None if expires is None else record.started_at + timedelta(days=expires)
    items, _ = found(sales, [record], Decision(decided_at=at, expires_at=until, by="ada", **decision))
    assert len(items) == open_left


def test_what_is_interesting_again_is_open_again(sales, run_of):
    record = run_of(0, status="warned", drift=drift("values"))
    muted, again = (
        Decision(decided_at=record.started_at + timedelta(hours=at), kind=kind, column="amount", what="values")
        for at, kind in ((1, "mute-drift"), (2, "unmute-drift"))
    )
    assert len(found(sales, [record], muted)[0]) == 0
    assert len(found(sales, [record], muted, again)[0]) == 1


def test_rows_set_aside_are_settled_by_a_decision_about_their_run(sales, run_of):
    record = run_of(0, status="warned", quarantine=ASIDE)
    at = record.started_at + timedelta(hours=1)
    settled = Decision(decided_at=at, kind="discard", what="SAL-AMOUNT", run_id=record.run_id)
    assert found(sales, [record], settled)[0] == ()
    assert len(found(sales, [record], settled.model_copy(update={"run_id": "another"}))[0]) == 1


def test_what_was_undone_has_nothing_open(sales, run_of):
    undone = line_of(run_of(0, status="warned", drift=drift("values"))).model_copy(update={"undone": True})
    assert open_items(sales, [undone], Facts(), undone.started_at) == ()


def test_an_info_rule_waits_for_nobody(sales, run_of):
    rule = RuleResult(code="SAL-INFO", type="x", sentence="s", severity="info", outcome="fail", place="batch")
    assert found(sales, [run_of(0, rules=(rule,))]) == ((), "good")


@pytest.mark.parametrize(("status", "state"), [("waiting", "waiting"), ("held", "held"), ("checked", "never")])
def test_states_of_runs_without_an_outcome(sales, run_of, status, state):
    assert found(sales, [run_of(0, status=status)])[1] == state
