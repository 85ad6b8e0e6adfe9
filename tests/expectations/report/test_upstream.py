"""A summary stands no better than what it is made of: on its page, on the start page, for machines."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from expectations.record import Drift, DriftAlert, Failure
from expectations.report import shelf as at
from expectations.report.about import Below, Described, Promise
from expectations.report.model import Because, Facts
from expectations.report.upstream import kept_state, worst

ALERT = DriftAlert(
    column="amount", kind="values", level="page", score=4.0, message="The mean of amount is 50 times the usual."
)
FAILURE = Failure(code="CHECK-FAILED", family="upstream", step="validate", message="1 critical check failed",
                  who_must_act="owner of the source", next_command="headgate show x")  # fmt: skip
REVENUE = Described(table="analytics.revenue", kind="summary", owner="bi@example.com", inputs=("raw_data.sales",))
BOARD = Described(table="analytics.board", kind="summary", owner="bi@example.com", inputs=("analytics.revenue",))
DECLARED = (REVENUE, BOARD)


def alarmed(run_of, day=1):
    return run_of(day, status="warned", drift=Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,)))


@pytest.fixture
def built(site, sales, run_of, soon):
    """A day of sales and both summaries, all good; answers the text of a page."""
    site.add(run_of(0), sales, soon(run_of(0)), declared=[sales, *DECLARED])
    for n, summary in enumerate(DECLARED, start=1):
        build = run_of(
            0, run_id=f"build-{n}", kind="summary", table=summary.table, batch_key="build", label="build",
            window_start=None, window_end=None,
        )  # fmt: skip
        site.add(build, summary, soon(build), declared=[sales, *DECLARED])
    return lambda key: " ".join(re.sub(r"<[^>]+>", " ", site.shelf.get(key).decode().replace("<wbr>", "")).split())


def test_all_good_is_good(built):
    for summary in DECLARED:
        assert "Yes, this table is good." in built(at.table_page(summary.table))
    assert "All 3 tables are good" in built("index.html")


@pytest.mark.parametrize(
    ("changes", "state", "title", "word"),
    [
        ({"status": "warned", "drift": Drift(verdict="page", score=4.0, history=8, alerts=(ALERT,))}, "warned",
         "Look at it: something it is built from wants a look.", "50 times the usual"),
        ({"status": "failed", "failure": FAILURE, "counts": {}}, "failed",
         "No: something it is built from was not published.", "1 critical check failed"),
    ],
)  # fmt: skip
def test_a_bad_batch_below_is_told_on_the_pages_of_all_summaries_above(
    site, sales, run_of, soon, built, changes, state, title, word
):
    record = run_of(1, **changes)
    added = site.add(record, sales, soon(record))
    for summary in DECLARED:
        page = built(at.table_page(summary.table))
        assert title in page
        assert "Yes, this table is good." not in page
        assert word in page
        assert f'href="../{sales.table}/index.html"' in site.shelf.get(at.table_page(summary.table)).decode()
        twin = at.read_twin(site.shelf, summary.table)
        assert (twin.state, twin.own, [item.table for item in twin.because]) == (state, "good", [sales.table])
    told = {row["table"]: row["state"] for row in json.loads(site.shelf.get("index.json"))["tables"]}
    assert told == dict.fromkeys((sales.table, REVENUE.table, BOARD.table), state)
    assert built("index.html").count(f"because of {sales.table}") == 2
    assert {row.table: row.state for row in added.others} == dict.fromkeys((REVENUE.table, BOARD.table), state)


def test_it_is_over_when_it_is_over_below(site, sales, run_of, soon, built):
    site.add(alarmed(run_of), sales, soon(alarmed(run_of)))
    again = run_of(1, run_id="again", started_at=run_of(1).started_at + timedelta(hours=1))
    added = site.add(again, sales, soon(again))
    assert "Yes, this table is good." in built(at.table_page(REVENUE.table))
    assert {row.table: row.state for row in added.others} == {REVENUE.table: "good", BOARD.table: "good"}


def test_a_summary_built_after_the_alarm_says_so_at_once(site, sales, run_of, soon, built):
    site.add(alarmed(run_of), sales, soon(alarmed(run_of)))
    build = run_of(1, run_id="build-9", kind="summary", table=REVENUE.table, batch_key="build", label="build",
                   window_start=None, window_end=None)  # fmt: skip
    added = site.add(build, REVENUE, soon(build))
    assert added.row.state == "warned"
    assert "wants a look below it: raw_data.sales" in built(at.table_page(REVENUE.table))


def test_what_waits_below_comes_before_what_waits_because_of_it(site, sales, run_of, soon, built):
    failed = run_of(1, status="failed", failure=FAILURE, counts={})
    for summary in reversed(DECLARED):
        again = failed.model_copy(
            update={"run_id": f"again-{summary.table}", "kind": "summary", "table": summary.table}
        )
        site.add(again, summary, soon(again))
    plain = sales.model_copy(update={"tier": "experimental"})
    site.add(failed, plain, soon(failed))
    waiting = built("index.html").partition("What waits for somebody")[2].partition("All 3 tables")[0]
    tables = [sales.table, REVENUE.table, BOARD.table]
    assert sorted(tables, key=waiting.index) == tables
    site.write_start(failed.started_at + timedelta(days=8))
    assert "waits since 3 Mar 2026, 02:00 UTC (8 d)" in built("index.html")


def test_late_data_below_makes_it_late(site, run_of, built):
    late = run_of(0).started_at + timedelta(days=3)
    site.write_start(late)
    assert "Late: something it is built from is late." in built(at.table_page(REVENUE.table))
    assert "1 of 3 tables needs somebody now" in built("index.html"), "what is late below is all that waits"
    assert built("index.html").count("nothing newer has been published") == 1


def test_nothing_is_written_anew_while_nothing_changes(site, sales, run_of, soon, built):
    before = {key: site.shelf.get(key) for key in site.shelf.keys("tables/analytics.")}
    added = site.add(run_of(1), sales, soon(run_of(0)) + timedelta(hours=1))
    assert added.others == ()
    assert {key: site.shelf.get(key) for key in site.shelf.keys("tables/analytics.")} == before


def test_rebuilding_in_any_order_tells_the_same(site, sales, run_of, soon, built):
    site.rebuild_table(sales, [run_of(0), alarmed(run_of)], Facts(), soon(alarmed(run_of)))
    site.write_start(soon(alarmed(run_of)))
    assert at.read_twin(site.shelf, BOARD.table).state == "warned"


@pytest.mark.parametrize(
    ("own", "below", "shown", "kept"),
    [
        ("good", (), "good", "good"), ("good", ("warned",), "warned", "warned"), ("failed", ("late",), "failed", "failed"),
        ("late", ("failed",), "failed", "failed"), ("warned", ("late",), "late", "warned"), ("held", (), "held", "held"),
        ("never", ("failed",), "failed", "failed"),
    ],
)  # fmt: skip
def test_the_worse_state_wins(own, below, shown, kept):
    found = tuple(Because(table="t", state=state) for state in below)
    assert worst(own, found) == shown
    assert kept_state("good" if own == "late" else own, found) == kept


@pytest.fixture
def promised(site, sales, run_of, soon):
    """A summary that is promised by eight, built after the first day of sales; the second day fails. Answers the start page."""
    below = Below(table=sales.table, window=sales.window)
    revenue = REVENUE.model_copy(update={
        "below": (below,), "promises": (Promise(stakeholder="board", fresh_by="08:00"),), "window": None,
    })  # fmt: skip
    declared = [sales, revenue]
    site.add(run_of(0), sales, soon(run_of(0)), declared=declared)
    build = run_of(0, run_id="build", kind="summary", table=revenue.table, batch_key="build", label="2026-03-02",
                   window_start=None, window_end=None, started_at=run_of(0).started_at + timedelta(minutes=5),
                   finished_at=run_of(0).started_at + timedelta(minutes=6))  # fmt: skip
    site.add(build, revenue, soon(build), declared=declared)
    failed = run_of(1, status="failed", failure=FAILURE, counts={})
    site.add(failed, sales, soon(failed), declared=declared)
    site.write_start(run_of(1).started_at + timedelta(hours=9))
    return site.shelf.get("index.html").decode()


def test_a_summary_says_up_to_which_batch_it_was_built(site, promised):
    """It is named by the day it was built on; its rows end where its input ended then."""
    shown = " ".join(re.sub(r"<[^>]+>", " ", promised).split())
    assert "built up to 2026-03-01" in shown
    page = " ".join(
        re.sub(r"<[^>]+>", " ", site.shelf.get(at.table_page(REVENUE.table)).decode().replace("<wbr>", "")).split()
    )
    assert "Newest build 2026-03-02" in page
    assert "Built from raw_data.sales up to 2026-03-01" in page


def test_a_late_summary_leads_to_what_is_wrong_below_it_and_names_who_can_mend_it(site, promised):
    shown = " ".join(re.sub(r"<[^>]+>", " ", promised).split())
    assert "promised to board by 3 Mar 2026, 08:00 UTC" in shown
    assert "who acts: whoever mends raw_data.sales" in shown
    for table, place in re.findall(r'href="tables/([^/]+)/index\.html#(\w+)"', promised):
        assert f'id="{place}"' in site.shelf.get(at.table_page(table)).decode(), (table, place)


def test_a_build_that_is_older_than_what_it_reads_says_nothing_of_its_days(site, sales, run_of, soon, promised):
    again = run_of(1, run_id="again", started_at=run_of(1).started_at + timedelta(hours=10))
    site.add(again, sales, soon(again))
    later = run_of(0, run_id="look", kind="summary", table=REVENUE.table, status="unchanged", batch_key="build",
                   label="2026-03-03", window_start=None, window_end=None, started_at=again.started_at)  # fmt: skip
    described = at.read_twin(site.shelf, REVENUE.table).described
    site.add(later, described, soon(later), declared=[sales, described])
    assert at.read_twin(site.shelf, REVENUE.table).freshness.built_from == ()
