"""The page of a table answers what its owner asks: what waits, what was set aside, who reads it, what is watched."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from expectations.record import Drift, DriftAlert, Failure, QuarantineReason, RuleResult, WouldBeTold
from expectations.report import shelf as at
from expectations.report.about import Reader
from expectations.report.decided import together
from expectations.report.lines import line_of
from expectations.report.model import Decision, Facts, OpenIncident, Publish, RunTwin
from expectations.report.site import WITH_EXAMPLES
from expectations.report.texts import Texts
from expectations.report.watched import alarms

TABLE = "raw_data.sales"
ALERT = DriftAlert(
    column="amount", kind="values", level="page", score=4.0, message="The mean of amount is far from usual."
)
ASIDE = QuarantineReason(code="SAL-AMOUNT", column="amount", rows=7, sentence="breaks the rule: amount is at least 0",
                         examples=("17,-5.00", "18,-80995"), names="id,amount")  # fmt: skip
RULE = RuleResult(code="SAL-FULL", type="t", sentence="amount has a value", severity="warning", outcome="fail",
                  place="candidate", message="amount has no value in 5 rows")  # fmt: skip
FAILURE = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many rows were set aside",
                  who_must_act="owner of the source",
                  next_command="headgate retry sales-1   (when the source is mended)")  # fmt: skip


@pytest.fixture
def open_table(sales):
    """The table without masked columns: its rows may be shown."""
    return sales.model_copy(update={"columns": sales.columns[:2]})


def unmasked(run_of, day, **changes):
    record = run_of(day, **changes)
    return record.model_copy(update={"schema_columns": record.schema_columns[:2]})


def text(site, key):
    page = re.sub(
        r"<(style|script|head).*?</\1>|<[^>]+>", " ", site.shelf.get(key).decode().replace("<wbr>", ""), flags=re.S
    )
    return " ".join(html.unescape(page).split())


def commands(site, key):
    found = re.findall(r'<div class="command"><code>(.*?)</code>', site.shelf.get(key).decode(), re.S)
    return [" ".join(re.sub(r"<[^>]+>", "", code).split()) for code in found]


def test_a_batch_leads_with_one_sentence_and_prints_each_command_once(site, open_table, run_of, soon):
    for day in range(8):
        site.add(unmasked(run_of, day), open_table, soon(run_of(day)))
    bad = unmasked(run_of, 8, status="warned", quarantine=(ASIDE,), rules=(RULE,),
                   drift=Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,)))  # fmt: skip
    proof = Publish(sequence=9, batch_key=bad.batch_key, kind="publish", run_id=bad.run_id, can_undo=True,
                    published_at=bad.started_at)  # fmt: skip
    site.add(bad, open_table, soon(bad), Facts(publishes=(proof,)))
    page = text(site, at.table_page(TABLE))
    lead = (
        "Published, but look at it: batch 2026-03-09: amount is unusual; rule SAL-FULL failed; 7 rows were set aside."
    )
    assert page.count(lead) == 1
    printed = commands(site, at.table_page(TABLE))
    assert sorted(set(printed)) == sorted(printed), "each command once"
    assert sum("rollback" in command for command in printed) == 1


def test_a_batch_that_failed_among_newer_ones_is_called_missing(site, open_table, run_of, soon):
    failed = unmasked(run_of, 1, status="failed", failure=FAILURE, counts={})
    for record in (unmasked(run_of, 0), failed):
        site.add(record, open_table, soon(record))
    assert "No: the newest data did not pass and was not published." in text(site, at.table_page(TABLE))
    site.add(unmasked(run_of, 2), open_table, soon(run_of(2)))
    page = text(site, at.table_page(TABLE))
    assert "No: a batch is missing: it was not published. What failed: batch 2026-03-02." in page
    assert "Readers see the other batches up to batch 2026-03-03" in page


def test_a_promise_that_is_broken_by_a_hole_is_said_on_the_start_page(site, sales, run_of, soon):
    """The newest batch is here and on time: what is due next is not all there is to say."""
    for day in (0, 2):
        site.add(run_of(day), sales, soon(run_of(day)))
    page = text(site, "index.html")
    assert "a batch is missing: promise broken since 3 Mar 2026, 06:00 UTC" in page
    assert "due again by" not in page


def test_an_undo_that_brings_back_the_same_says_so(site, sales, run_of, soon):
    whole = {"label": "source", "batch_key": "source", "window_start": None, "window_end": None}
    described = sales.model_copy(update={"window": None})
    drift = Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,))
    same = "What stood before was told for the same (since 3 Mar 2026, 02:00 UTC)"
    loads = [
        run_of(day, status="warned" if day else "published", drift=drift if day else None, **whole) for day in range(3)
    ]
    proofs: tuple[Publish, ...] = ()
    for n, record in enumerate(loads, start=1):
        proofs = (*proofs, Publish(sequence=n, batch_key="source", kind="publish", run_id=record.run_id, can_undo=True,
                                   published_at=record.started_at))  # fmt: skip
        site.add(record, described, soon(record), Facts(publishes=proofs))
        assert (same in text(site, at.table_page(TABLE))) == (n == 3), n


def test_lines_of_a_message_stay_apart(site, open_table, run_of, soon):
    told = FAILURE.model_copy(update={"message": "too many rows fail\n  AMOUNT: 66 of 644\n  all reasons: 66 of 644"})
    failed = unmasked(run_of, 0, status="failed", failure=told, counts={})
    site.add(failed, open_table, soon(failed))
    assert "too many rows fail: AMOUNT: 66 of 644; all reasons: 66 of 644" in text(site, at.table_page(TABLE))


@pytest.mark.parametrize(
    ("days", "window", "said"),
    [
        ((0, 2), True, "Promised to finance by 3 Mar 2026, 06:00 UTC: broken since. Batch 2026-03-02 is not here."),
        ((0,), False, "Promised to finance by 3 Mar 2026, 06:00 UTC: broken since. Nothing newer has been published."),
    ],
)
def test_a_broken_promise_is_said_on_the_table_s_page(site, sales, run_of, soon, days, window, said):
    whole = {} if window else {"label": "source", "batch_key": "source", "window_start": None, "window_end": None}
    described = sales if window else sales.model_copy(update={"window": None})
    now = run_of(2).started_at + timedelta(hours=2)
    site.add(run_of(0, **whole), described, soon(run_of(0)))
    assert "broken since" not in text(site, at.table_page(TABLE))
    for day in days:
        site.add(run_of(day, **whole), described, now)
    assert said in text(site, at.table_page(TABLE))


def test_a_table_s_page_says_how_long_a_thing_waits(site, open_table, run_of, soon):
    failed = unmasked(run_of, 0, status="failed", failure=FAILURE, counts={})
    site.add(failed, open_table, failed.finished_at + timedelta(days=8))
    assert "waits since 2 Mar 2026, 02:00 UTC (8 d)" in text(site, at.table_page(TABLE))


def test_rows_that_were_set_aside_are_shown_and_how_to_get_all(site, open_table, run_of, soon):
    bad = unmasked(run_of, 0, status="warned", quarantine=(ASIDE,))
    site.add(bad, open_table, soon(bad))
    for key in (at.table_page(TABLE), at.run_page(TABLE, bad.run_id)):
        assert "2 examples (of 7) id,amount 17,-5.00 18,-80995" in text(site, key)
        assert "headgate quarantine show raw_data.sales --window 2026-03-01 --code SAL-AMOUNT --csv" in commands(
            site, key
        )


def test_rows_of_a_batch_that_failed_are_shown_without_commands_that_find_nothing(site, open_table, run_of, soon):
    failed = unmasked(run_of, 0, status="failed", failure=FAILURE, counts={}, quarantine=(ASIDE,))
    site.add(failed, open_table, soon(failed))
    page = text(site, at.run_page(TABLE, failed.run_id))
    assert "17,-5.00 18,-80995" in page
    assert "the batch wasn't published: beside these examples they are only in the source" in page
    assert not any("quarantine" in command for command in commands(site, at.run_page(TABLE, failed.run_id)))


def test_rows_of_a_table_with_masked_columns_are_never_shown(site, sales, run_of, soon):
    bad = run_of(0, status="warned", quarantine=(ASIDE,))
    site.add(bad, sales, soon(bad))
    assert [key for key in site.shelf.keys("") if "-80995" in site.shelf.get(key).decode()] == []


def test_a_thing_in_several_batches_is_answered_for_all_of_them(site, open_table, run_of, soon):
    for day in range(2):
        record = unmasked(run_of, day, status="warned", quarantine=(ASIDE,))
        site.add(record, open_table, soon(record))
    assert "headgate quarantine replay raw_data.sales --code SAL-AMOUNT" in commands(site, at.table_page(TABLE))


def test_the_rule_whose_rows_stopped_the_newest_batch_has_not_passed(site, open_table, run_of, soon):
    """Of the batches before it every rule passed; that is no longer the last word on the two whose rows were set aside."""
    for day in range(2):
        site.add(
            unmasked(run_of, day, rules=(RULE.model_copy(update={"outcome": "pass"}),)), open_table, soon(run_of(day))
        )
    told = FAILURE.model_copy(update={"message": "more rows fail than are tolerated\n  SAL-AMOUNT: 7 of 100 rows"})
    few = ASIDE.model_copy(update={"code": "SAL-FULL", "rows": 1})
    failed = unmasked(run_of, 2, status="failed", failure=told, counts={}, quarantine=(ASIDE, few))
    site.add(failed, open_table, soon(failed))
    rules = text(site, at.table_page(TABLE)).partition("Rule Last outcome")[2]
    assert "SAL-AMOUNT ✕ failed" in rules
    assert "SAL-FULL ! passed after 1 row was set aside" in rules


def test_a_rule_that_somebody_overrode_waits_for_nobody(site, sales, run_of, soon):
    rule = RULE.model_copy(update={"severity": "critical", "overridden_by": "maria: known"})
    record = run_of(0, kind="override", status="warned", rules=(rule,))
    site.add(record, sales, soon(record))
    assert at.read_twin(site.shelf, TABLE).open_items == ()


def test_who_reads_it_who_is_called_and_who_has_answered(site, sales, run_of, soon):
    board = Reader(name="Revenue board", kind="dashboard", owner="cfo@example.com", through="analytics.revenue")
    described = sales.model_copy(
        update={"dependents": ("analytics.revenue",), "readers": ("analysts",), "consumers": (board,)}
    )
    facts = Facts(on_call="Ana", incidents=(
        OpenIncident(incident_id="3fa9c1", code="TOLERANCE", opened_at=soon(run_of(0)), acknowledged_by="ben",
                     acknowledged_at=soon(run_of(0)) + timedelta(minutes=12)),
        OpenIncident(incident_id="b06383", code="SOURCE-LOGIN", opened_at=soon(run_of(0)), about="connection crm"),
    ))  # fmt: skip
    site.add(run_of(0), described, soon(run_of(0)) + timedelta(hours=3), facts)
    page = text(site, at.table_page(TABLE))
    for said in ("Built from it analytics.revenue", "Revenue board (dashboard, through analytics.revenue) cfo@example.com",
                 "May read it analysts", "On call when this was written Ana",
                 "3fa9c1 (TOLERANCE)",
                 "ben works on it since 2 Mar 2026, 02:13 UTC, answered after 12 min",
                 "b06383 (SOURCE-LOGIN of connection crm)", "nobody has answered for 3 h",
                 "Promised to finance", f"SELECT * FROM {TABLE}"):  # fmt: skip
        assert said in page, said


def test_what_is_different_from_the_week_before_stands_on_the_table_s_own_page(site, sales, run_of, soon):
    for day in range(8):
        site.add(run_of(day, rows=100 + 10 * day), sales, soon(run_of(day)))
    assert "A week before: 2026-03-01" in text(site, at.table_page(TABLE))


def test_an_undo_says_nothing_of_columns(site, sales, run_of, soon):
    site.add(run_of(0), sales, soon(run_of(0)))
    undo = run_of(0, run_id="sales-rollback-1", kind="rollback", profile=None, schema_columns=(), counts={"deleted": 100},
                  started_at=run_of(0).started_at + timedelta(hours=1))  # fmt: skip
    site.add(undo, sales, soon(undo))
    assert "Gone:" not in text(site, at.run_page(TABLE, "sales-rollback-1"))
    assert "undo – taken back" in text(site, at.table_page(TABLE)), "it published nothing"


def counts(lines, decisions=()):
    """Of all alarms and by kind: told, false, meant, right, unanswered."""
    found = alarms(lines, decisions, Texts())
    return found.said, {row.title: (row.told, row.false, row.meant, row.right, row.open) for row in found.rows}


def decided(kind, line, what=""):
    return Decision(decided_at=line.at, kind=kind, run_id=line.run_id, what=what)


def test_how_often_alarms_prove_false_by_kind_and_by_the_owners_answers(run_of):
    rows = DriftAlert(column=None, kind="volume", level="page", score=4.0, message="The number of rows is far off.")
    drift = Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,))
    lines = [line_of(run_of(day, status="warned", drift=drift)) for day in range(3)]
    lines.append(line_of(run_of(3, status="warned", drift=drift.model_copy(update={"alerts": (ALERT, rows)}))))
    lines[1] = lines[1].model_copy(update={"undone": True})
    lines.append(line_of(run_of(2, run_id="again", started_at=run_of(2).started_at + timedelta(hours=1))))
    said, by_kind = counts(lines, (decided("accept-drift", lines[0]), decided("mute-drift", lines[3], "volume")))
    assert said == (
        "From 2 Mar 2026 to 5 Mar 2026 (3 batches that stand) there were 4 alarms: batches far from usual, or stopped by what "
        "was found in them. 4 were answered: 1 of them false (25.0 %). 0 are unanswered."
    )
    assert by_kind == {"Size of values": (4, 0, 1, 2, 1), "Number of rows": (1, 1, 0, 0, 0)}
    said, by_kind = counts(lines)
    assert "2 were answered: 0 of them false (0 %). 2 are unanswered." in said
    said, by_kind = counts(lines, (decided("mute-drift", lines[0]), decided("reject-drift", lines[0])))
    assert by_kind["Size of values"] == (4, 0, 0, 3, 1), "the last answer counts"
    assert alarms(lines[4:], (), Texts()) is None


def test_a_batch_that_was_stopped_is_an_alarm_and_published_all_the_same_it_was_a_false_one(run_of):
    failed = [line_of(run_of(day, status="failed", failure=FAILURE, counts={})) for day in range(3)]
    later = {"started_at": run_of(9).started_at}
    override = line_of(run_of(0, run_id="o", kind="override", status="warned", **later))
    mended = line_of(run_of(1, run_id="m", **later))
    _, by_kind = counts([*failed, override, mended])
    assert by_kind == {"Stopped by a rule, or too many rows set aside": (3, 1, 0, 1, 1)}


def test_the_next_load_of_a_table_without_windows_is_no_answer_to_an_alarm(run_of):
    drift = Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,))
    source = {"label": "source", "batch_key": "source", "window_start": None, "window_end": None}
    told, following = line_of(run_of(0, **source, status="warned", drift=drift)), line_of(run_of(1, **source))
    assert counts([told, following])[1] == {"Size of values": (1, 0, 0, 0, 1)}
    assert counts([told.model_copy(update={"undone": True}), following])[1] == {"Size of values": (1, 0, 0, 1, 0)}


def test_what_somebody_said_at_once_is_one_decision(run_of):
    at_once = run_of(0).started_at
    said = [
        Decision(decided_at=at_once + timedelta(milliseconds=n), kind="mute-drift", column=column, what=what, by="ana")
        for n, (column, what) in enumerate([("amount", "values"), (None, "volume")])
    ]  # fmt: skip
    later = said[0].model_copy(update={"decided_at": at_once + timedelta(minutes=1)})
    ben = said[1].model_copy(update={"by": "ben"})
    assert [item.what for item in together([*said, later, ben])] == ["amount · values; volume", "values", "volume"]


def noticed(day: int) -> Drift:
    rows = WouldBeTold(
        column=None, kind="volume", figure="the number of rows", usual=f"{100 + day}", told="below 55 or above 148"
    )
    empty = WouldBeTold(column="amount", kind="completeness", figure="share of empty values in amount", usual="0.0 %",
                        told="above 9.0 %", rule="- {code: AMOUNT-NULL, type: expect_column_values_to_not_be_null}")  # fmt: skip
    return Drift(verdict="pass", score=0.2, history=9, noticed=(rows, empty))


def test_the_page_says_from_which_change_on_something_would_be_told(site, sales, run_of, soon):
    for day in range(2):
        record = run_of(day, drift=noticed(day))
        site.add(record, sales, soon(record))
    page = text(site, at.table_page(TABLE))
    assert "What the 9 batches before don't explain" in page
    assert "The table the number of rows 101 below 55 or above 148" in page
    assert "amount share of empty values in amount 0.0 % above 9.0 % That is coarse. A rule that tells less" in page
    assert "AMOUNT-NULL" in page


def test_only_the_newest_line_of_the_index_keeps_what_would_be_noticed(site, sales, run_of, soon):
    records = [run_of(day, drift=noticed(day)) for day in range(3)]
    site.rebuild_table(sales, records, Facts(), soon(records[-1]))
    assert [bool(line.noticed) for line in at.read_lines(site.shelf, TABLE)] == [False, False, True]


def test_the_page_of_a_run_keeps_what_would_be_noticed_when_it_is_written_again(site, sales, run_of, soon):
    records = [run_of(day, drift=noticed(day)) for day in range(2)]
    facts = Facts()
    for record in (*records, run_of(2)):
        facts = Facts(publishes=(*facts.publishes, Publish(
            sequence=len(facts.publishes) + 1, batch_key=record.batch_key, kind="publish", run_id=record.run_id,
            published_at=record.started_at, can_undo=record == records[0],
        )))  # fmt: skip
        site.add(record, sales, soon(record), facts)
    later = tuple(item.model_copy(update={"can_undo": False}) for item in facts.publishes)
    site.refresh(sales, Facts(publishes=later), soon(run_of(2)))
    twin = RunTwin.model_validate_json(site.shelf.get(at.run_page(TABLE, records[0].run_id, "json")))
    assert not twin.line.can_undo
    assert twin.line.noticed == line_of(records[0]).noticed != ()


def test_old_lines_of_the_index_keep_no_examples(site, open_table, run_of, soon):
    records = [unmasked(run_of, day, status="warned", quarantine=(ASIDE,)) for day in range(WITH_EXAMPLES + 5)]
    site.rebuild_table(open_table, records, Facts(), soon(records[-1]))
    kept = [bool(line.quarantine[0].examples and line.quarantine[0].names) for line in at.read_lines(site.shelf, TABLE)]
    assert kept == [False] * 5 + [True] * WITH_EXAMPLES


def test_an_undo_is_explained_where_its_data_is_missed(site, sales, run_of, soon):
    for day in range(2):
        site.add(run_of(day), sales, soon(run_of(day)))
    at_noon = run_of(1).started_at + timedelta(hours=10)
    proofs = [
        Publish(sequence=n + 1, batch_key=run_of(n).batch_key, kind="publish", run_id=run_of(n).run_id,
                published_at=run_of(n).started_at, undone_by=3 if n else None)
        for n in range(2)
    ]  # fmt: skip
    decision = Decision(decided_at=at_noon, kind="rollback", what=run_of(1).batch_key, by="maria", reason="wrong prices",
                        run_id=run_of(1).run_id)  # fmt: skip
    undo = run_of(1, run_id="sales-rollback-1", kind="rollback", counts={"deleted": 100}, started_at=at_noon)
    site.add(undo, sales, at_noon, Facts(publishes=tuple(proofs), decisions=(decision,)))
    said = "Batch 2026-03-02 was taken back by maria, 3 Mar 2026, 12:00 UTC: wrong prices."
    assert said in text(site, at.table_page(TABLE))
    by_whom = "Undone: these rows were taken back. By maria, 3 Mar 2026, 12:00 UTC: wrong prices. No reader sees them any more."
    assert by_whom in text(site, at.run_page(TABLE, run_of(1).run_id))
    site.write_start(at_noon + timedelta(days=1))
    assert said in text(site, "index.html"), "not only that it is late"
    again = run_of(1, run_id="again", started_at=at_noon + timedelta(hours=1))
    proofs.append(proofs[1].model_copy(update={"sequence": 4, "run_id": "again", "undone_by": None}))
    site.add(again, sales, soon(again), Facts(publishes=tuple(proofs), decisions=(decision,)))
    assert said not in text(site, at.table_page(TABLE))
