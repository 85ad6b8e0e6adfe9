"""Pages that speak of one thing agree: a batch that was stopped or is missing, two bad loads in a row, a summary above them."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from posixpath import dirname, join, normpath

import pytest

from expectations.record import Drift, DriftAlert, Failure, QuarantineReason, RuleResult
from expectations.report import shelf as at
from expectations.report.about import Below, Described, Promise
from expectations.report.lines import line_of
from expectations.report.model import Decision, Facts, Publish
from expectations.report.outcomes import broke, last_outcomes
from expectations.report.texts import Texts
from expectations.report.weeks import weeks

TABLE = "raw_data.sales"
OVER = Failure(
    code="TOLERANCE", family="upstream", step="validate", who_must_act="owner of the source (data or system)",
    message="raw_data.sales: more rows fail than are tolerated\n  SAL-AMOUNT: 66 of 100 rows (66%), tolerated 1.0%",
    next_command="headgate retry sales-2026-03-10-aa0009   (when the source is mended)",
)  # fmt: skip
ASIDE = QuarantineReason(code="SAL-AMOUNT", column="amount", rows=66, sentence="breaks the rule: amount is at least 0",
                         examples=("17,-5.00",))  # fmt: skip
ALERT = DriftAlert(
    column="amount", kind="values", level="page", score=4.0, message="The mean is far from usual.", since="source"
)
PASSED = tuple(
    RuleResult(code=code, type="t", sentence="s", severity="critical", outcome="pass", place="batch")
    for code in ("SAL-AMOUNT", "SAL-FULL")
)


def text(site, key):
    page = re.sub(
        r"<(style|script|head).*?</\1>|<[^>]+>", " ", site.shelf.get(key).decode().replace("<wbr>", ""), flags=re.S
    )
    return " ".join(html.unescape(page).split())


def stopped(run_of, day):
    return run_of(day, status="failed", failure=OVER, quarantine=(ASIDE,), counts={}, profile=None)


def without_target(site, key):
    """Links of a page to what isn't there: a file, or a place in it."""
    page = site.shelf.get(key).decode()
    for link in re.findall(r'href="([^"]*)"', page):
        target, _, anchor = html.unescape(link).partition("#")
        if ":" in target:
            continue
        file = normpath(join(dirname(key), target)) if target else key
        try:
            found = site.shelf.get(file).decode()
        except Exception:  # noqa: BLE001 - whichever way the store says that there is no such file
            yield link
            continue
        if anchor and f'id="{anchor}"' not in found:
            yield link


@pytest.fixture
def whole(sales):
    """The table, loaded as a whole each time."""
    return sales.model_copy(
        update={"window": None, "promises": (), "mode": "full_refresh", "columns": sales.columns[:2]}
    )


def load(run_of, day, **changes):
    record = run_of(
        day, batch_key="source", label="source", window_start=None, window_end=None, sequence=day + 1, **changes
    )
    return record.model_copy(update={"schema_columns": record.schema_columns[:2]})


def proof(record, n, *, can_undo=False):
    return Publish(sequence=n, batch_key=record.batch_key, kind="publish", run_id=record.run_id,
                   published_at=record.finished_at, can_undo=can_undo)  # fmt: skip


def test_a_rule_that_stopped_the_newest_batch_has_not_passed(site, sales, run_of, soon):
    for record in (*(run_of(day, rules=PASSED) for day in range(9)), stopped(run_of, 9)):
        site.add(record, sales, soon(record))
    page = text(site, at.table_page(TABLE)).partition("Last outcome")[2]
    assert "✕ failed batch 2026-03-10" in page.partition("SAL-FULL")[0]
    # The run ended before the other rule was judged: its last word is of the day before.
    assert "✓ passed batch 2026-03-09" in page
    assert "1 of 2 passed" in text(site, "index.html")


def test_how_a_rule_came_out_is_of_the_newest_batch_that_says_it(sales, run_of):
    def outcomes(*records):
        found = last_outcomes(sales.rules, [line_of(record) for record in records])
        return [(item.outcome, item.line.label if item.line else "") for item in found]

    assert outcomes() == [("none", ""), ("none", "")]
    assert outcomes(run_of(0, rules=PASSED), stopped(run_of, 1)) == [("fail", "2026-03-02"), ("pass", "2026-03-01")]
    some = ASIDE.model_copy(update={"rows": 1})
    assert outcomes(stopped(run_of, 0), run_of(1, rules=PASSED, status="warned", quarantine=(some,)))[0] == (
        "aside",
        "2026-03-02",
    )
    assert broke(line_of(stopped(run_of, 1)))
    assert not broke(line_of(run_of(1, rules=PASSED, quarantine=(some,))))


def test_a_missing_batch_in_the_middle_is_told_where_all_tables_are(site, sales, run_of, soon):
    for record in (run_of(0), stopped(run_of, 1), run_of(2)):
        site.add(record, sales, soon(record))
    said = "a batch is missing: promise broken since 3 Mar 2026, 06:00 UTC"
    site.write_start(run_of(2).started_at + timedelta(hours=1))
    assert said in text(site, "index.html")
    assert "due again by" not in text(site, "index.html")


def test_an_undo_to_a_load_as_bad_is_not_called_a_way_out(site, whole, run_of, soon):
    bad = Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,))
    records = [load(run_of, day, **({"status": "warned", "drift": bad} if day > 6 else {})) for day in range(9)]
    for n, record in enumerate(records, start=1):
        site.add(
            record,
            whole,
            soon(record),
            Facts(publishes=tuple(proof(r, i + 1, can_undo=i == n - 1) for i, r in enumerate(records[:n]))),
        )
    page = text(site, at.table_page(TABLE))
    since = "9 Mar 2026, 02:00 UTC"
    assert f"in 2 loads in a row amount Size of values · waits since {since}" in page
    assert f"taking it back alone mends nothing. What stood before was told for the same (since {since})" in page
    assert "It is wrong: take it back." not in page
    assert "taking it back alone mends nothing" in text(site, at.run_page(TABLE, records[-1].run_id))
    # Somebody says that the load before is right: what an undo brings back isn't doubted any more.
    answer = Decision(decided_at=records[7].finished_at, kind="reject-drift", what="values", column="amount", by="ann",
                      run_id=records[7].run_id)  # fmt: skip
    proofs = tuple(proof(r, i + 1, can_undo=i == 8) for i, r in enumerate(records))
    site.refresh(whole, Facts(publishes=proofs, decisions=(answer,)), soon(records[-1]))
    page = text(site, at.table_page(TABLE))
    assert "It is wrong: take it back." in page
    assert "in a row" not in page


SUMMARY = Described(table="analytics.revenue", kind="summary", owner="bi@example.com", inputs=(TABLE,),
                    dependents=("analytics.never",),
                    promises=(Promise(stakeholder="the board", fresh_by="08:00"),))  # fmt: skip


@pytest.fixture
def month(site, sales, run_of, soon):
    """Nine days of sales of which the last was stopped, and a summary that was built the day before; the hour is nine."""
    summary = SUMMARY.model_copy(update={"below": (Below(table=TABLE, window=sales.window),)})
    sales = sales.model_copy(update={"dependents": (summary.table,)})
    never = Described(table="analytics.never", kind="summary", inputs=(summary.table,))
    for day in range(9):
        record = run_of(day, rules=PASSED)
        site.add(record, sales, soon(record), declared=[sales, summary, never])
        build = run_of(day, run_id=f"revenue-{day}", kind="summary", table=summary.table, batch_key="build",
                       label=f"{record.started_at:%Y-%m-%d}", window_start=None, window_end=None,
                       started_at=record.started_at + timedelta(minutes=5),
                       finished_at=record.started_at + timedelta(minutes=6))  # fmt: skip
        site.add(build, summary, build.finished_at, declared=[sales, summary])
    site.add(stopped(run_of, 9), sales, soon(run_of(9)), declared=[sales, summary])
    site.write_start(run_of(9).started_at + timedelta(hours=7))
    return site


def test_a_summary_says_up_to_when_its_data_are(month):
    page = text(month, at.table_page(SUMMARY.table))
    assert "It holds the data up to batch 2026-03-09 of raw_data.sales." in page
    assert "built up to 2026-03-09" in text(month, "index.html")


def test_who_acts_on_a_late_summary_is_first_who_acts_on_its_input(month):
    waiting = text(month, "index.html").partition("What waits for somebody")[2].partition("All 3 tables")[0]
    late = waiting.partition("Late analytics.revenue")[2]
    assert "who acts: whoever mends raw_data.sales" in late
    assert "2 of 3 tables need somebody now" in text(month, "index.html")


def test_every_link_leads_somewhere(month):
    pages = ["index.html", *map(at.table_page, (TABLE, SUMMARY.table, "analytics.never"))]
    pages += [at.run_page(table, run) for table in (TABLE, SUMMARY.table) for run in at.run_ids(month.shelf, table)]
    assert len(pages) > 20
    assert {key: found for key in pages if (found := [*without_target(month, key)])} == {}


def test_one_situation_has_one_command(month):
    page = text(month, at.table_page(TABLE))
    assert "headgate retry sales-2026-03-10-aa0009" in page
    assert "headgate run raw_data.sales" not in page


def test_a_stopped_day_is_part_of_the_last_week(sales, run_of):
    lines = [line_of(record) for record in (*(run_of(day, rules=PASSED) for day in range(14)), stopped(run_of, 14))]
    found = weeks(sales, lines, {}, Texts())
    assert found is not None
    assert (found.now, found.before) == ("2026-03-09 – 2026-03-15", "2026-03-02 – 2026-03-08")
    told = {row.title: (row.now, row.before) for row in found.rows}
    assert told["Batches published"] == ("6 of 7", "7")
    assert told["Batches not published"] == told["Batches in which a rule failed"] == ("1", "0")


def test_values_of_a_week_are_counted_as_they_are_named(sales, run_of):
    lines = []
    for day in range(14):
        line, distinct = line_of(run_of(day)), 2.0 if day > 6 else 1.0
        lines.append(line.model_copy(update={"labels": {"country": ("DE", "FR")[: 1 + (day == 3 or day > 6)]},
                                             "figures": {**line.figures, "distinct:country": distinct}}))  # fmt: skip
    found = weeks(sales, lines, {}, Texts())
    assert found is not None
    assert "country has the same 2 values as in the week before." in found.said
    row = next(row for row in found.rows if row.title == "Different values of country")
    assert (row.now, row.before, row.change) == ("2", "2", "same")


def test_a_code_has_its_plain_words_beside_it(month, run_of):
    words = "TOLERANCE: more rows broke a rule than are tolerated"
    of_table = text(month, at.table_page(TABLE))
    assert f"batch 2026-03-10 was stopped ({words}); nothing of it reached readers." in of_table
    assert f"2026-03-10 ✕ not published {words}" in of_table, "in the list of runs"
    for key in ("index.html", at.run_page(TABLE, run_of(9).run_id)):
        assert words in text(month, key), key


def test_whose_a_source_is_says_which_source_and_through_whom(site, sales, run_of, soon):
    files = sales.model_copy(update={"source": "csv, shop_files"})
    site.add(stopped(run_of, 9), files, soon(run_of(9)))
    said = "who acts: owner of the source (data or system): csv, shop_files (through sales@example.com)"
    for key in ("index.html", at.table_page(TABLE), at.run_page(TABLE, run_of(9).run_id)):
        assert said in text(site, key), key


def test_a_failed_run_leads_to_the_one_that_brought_the_batch(site, sales, run_of, soon):
    failed = stopped(run_of, 1)
    at_three = failed.started_at + timedelta(hours=1)
    again = run_of(1, run_id="again", started_at=at_three, finished_at=at_three + timedelta(minutes=1))
    site.add(failed, sales, soon(failed))
    assert "A later run" not in text(site, at.run_page(TABLE, failed.run_id))
    site.add(again, sales, soon(again), Facts(publishes=(proof(again, 1),)))
    assert "A later run has published this batch: again" in text(site, at.run_page(TABLE, failed.run_id))
    assert [*without_target(site, at.run_page(TABLE, failed.run_id))] == []


def test_an_undo_among_the_runs_is_no_publish(site, sales, run_of, soon):
    site.add(run_of(0), sales, soon(run_of(0)))
    undo = run_of(0, run_id="undo", kind="rollback", counts={}, started_at=run_of(0).started_at + timedelta(hours=1))
    site.add(undo, sales, soon(undo))
    runs = text(site, at.table_page(TABLE)).rpartition("Outcome When")[2]
    assert "2026-03-01 undo – taken back" in runs
