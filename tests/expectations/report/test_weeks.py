"""What is different from last week, on the page of a table: seven days beside the seven before, in the data's own terms."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from expectations.record import Drift, DriftAlert, Failure
from expectations.report import shelf as at
from expectations.report.lines import line_of
from expectations.report.model import Facts, Publish
from expectations.report.texts import Texts
from expectations.report.weeks import weeks

TABLE = "raw_data.sales"
ALERT = DriftAlert(
    column="amount", kind="values", level="page", score=4.0, message="The mean of amount is far from usual."
)
FAILURE = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many", who_must_act="owner")
COUNTRY = {"name": "country", "type": "varchar(2)"}


def of(described, lines, **schemas):
    """The rows by title: last week, the week before, change; and what is said beside them."""
    found = weeks(described, lines, schemas, Texts())
    return {row.title: (row.now, row.before, row.change) for row in found.rows}, found


def two_weeks(run_of, **of_second):
    return [line_of(run_of(day, **(of_second if day >= 7 else {}))) for day in range(14)]


def text(site, key):
    page = re.sub(
        r"<(style|script|head).*?</\1>|<[^>]+>", " ", site.shelf.get(key).decode().replace("<wbr>", ""), flags=re.S
    )
    return " ".join(html.unescape(page).split())


def test_rows_are_added_up_and_means_are_weighed_by_rows(sales, run_of):
    lines = two_weeks(run_of, rows=150, mean=20.0)
    lines[13] = line_of(run_of(13, rows=1000, mean=50.0))
    rows, found = of(sales, lines)
    assert found.now == "2026-03-08 – 2026-03-14"
    assert found.before == "2026-03-01 – 2026-03-07"
    assert rows["Batches published"] == ("7", "7", "")
    assert rows["Rows read"] == ("1,900", "700", "+171.4 %")
    # 5 of 150 and of 1,000 rows are empty: (6 x 145 x 20 + 995 x 50) / 1,865.
    assert rows["Mean of amount"] == ("36.01 USD", "20 USD", "+80.0 %")
    assert rows["Empty values in amount"] == ("1.8 %", "5.0 %", "-3.2 points")


def test_alarms_rules_and_failures_of_both_weeks_are_counted(sales, run_of):
    lines = two_weeks(run_of)
    lines[9] = line_of(run_of(9, status="warned", drift=Drift(verdict="page", score=4, history=8, alerts=(ALERT,))))
    lines[3] = line_of(run_of(3, status="failed", failure=FAILURE, counts={}, profile=None))
    rows, found = of(sales, lines)
    assert rows["Batches with unusual data"] == ("1", "0", "+1")
    assert rows["Batches not published"] == ("0", "1", "-1")
    assert rows["Batches published"] == ("7", "6 of 7", "")
    assert "The weeks have different numbers of batches: sums of rows can't be compared as they are." in found.said
    assert [row.title for row in found.rows if row.told] == ["Mean of amount", "Batches with unusual data"]


def with_labels(run_of, day, *labels, complete=True, masked=False):
    record = run_of(day)
    top = [(label, 10.0) for label in labels]
    measured = {"nulls": 0, "distinct": len(labels), "top": top, "sketch": {"complete": complete}}
    profile = {**record.profile, "columns": {**record.profile["columns"], "country": measured}}
    columns = (*record.schema_columns, {**COUNTRY, "masked": masked})
    return record.model_copy(update={"profile": profile, "schema_columns": columns})


def test_labels_that_came_and_went_are_named(sales, run_of):
    first = [with_labels(run_of, day, "DE", "FR") for day in range(7)]
    second = [with_labels(run_of, day, "DE", "KR" if day == 10 else "DE") for day in range(7, 14)]
    _, found = of(sales, [line_of(record) for record in (*first, *second)])
    assert "New in country: KR." in found.said
    assert "Gone from country: FR." in found.said


@pytest.mark.parametrize("of_all", [{"complete": False}, {"masked": True}])
def test_of_columns_that_are_masked_or_not_known_as_a_whole_no_label_is_kept(run_of, of_all):
    assert line_of(with_labels(run_of, 0, "DE", "FR", **of_all)).labels == {}


def test_the_page_says_it_and_older_lines_keep_no_labels(site, sales, run_of, soon):
    for day in range(20):
        record = with_labels(run_of, day, "DE", "FR" if day < 13 else "IT")
        site.add(record, sales, soon(record))
    page = text(site, at.table_page(TABLE))
    assert (
        "The last seven days of its data (2026-03-14 – 2026-03-20) beside the seven before (2026-03-07 – 2026-03-13)."
        in page
    )
    assert "New in country: IT. Gone from country: FR." in page
    assert "The newest batch beside the one before it and the same weekday a week before" in page
    assert [bool(line.labels) for line in at.read_lines(site.shelf, TABLE)] == [False] * 4 + [True] * 16


def test_a_changed_column_is_told_with_the_week(site, sales, run_of, soon):
    for day in range(14):
        record = run_of(day)
        if day >= 9:
            record = record.model_copy(update={"schema_columns": (*record.schema_columns, COUNTRY)})
        site.add(record, sales, soon(record))
    page = text(site, at.table_page(TABLE))
    week = page[page.index("The last seven days of its data") : page.index("The newest batch beside")]
    assert "New: country." in week


def test_a_table_without_windows_is_held_against_what_stood_a_week_before(sales, run_of):
    source = {"label": "source", "batch_key": "source", "window_start": None, "window_end": None}
    lines = [line_of(run_of(day, rows=100 + day, **source)) for day in range(10)]
    rows, found = of(sales.model_copy(update={"window": None}), lines)
    assert (found.now, found.before) == ("11 Mar 2026", "4 Mar 2026")
    assert rows["Rows read"] == ("109", "102", "+6.9 %")


def test_without_a_week_before_it_is_said(site, sales, run_of, soon):
    for day in range(3):
        site.add(run_of(day), sales, soon(run_of(day)))
    assert "There is nothing yet of the week before to compare with." in text(site, at.table_page(TABLE))


def test_hours_are_compared_by_days_and_months_not_at_all(sales, run_of):
    hour = timedelta(hours=1)
    window = sales.window.model_copy(update={"every": "hour"})
    first = run_of(0).window_start
    lines = []
    for n in range(14 * 24):
        start = first + n * hour
        own = {"window_start": start, "window_end": start + hour, "batch_key": f"{start:%FT%TZ}/{start + hour:%FT%TZ}",
               "run_id": f"r{n}", "label": f"{start:%F %H}", "started_at": start + hour, "rows": 1 + (n >= 7 * 24)}  # fmt: skip
        lines.append(line_of(run_of(0, **own)))
    rows, _ = of(sales.model_copy(update={"window": window}), lines)
    assert rows["Rows read"] == ("336", "168", "+100.0 %")
    month = run_of(0, window_end=first + timedelta(days=31))
    assert weeks(sales, [line_of(month)], {}, Texts()) is None


def test_a_batch_missing_in_the_middle_is_said_on_its_page_and_on_those_of_summaries(site, sales, run_of, soon):
    """An undone day in the middle: the table's newest batch is good, and every summary of it lacks that day."""
    revenue = sales.model_copy(
        update={
            "table": "analytics.daily_revenue",
            "kind": "summary",
            "inputs": (TABLE,),
            "window": None,
            "promises": (),
        }
    )
    proofs = ()
    for day in range(4):
        record = run_of(day)
        proofs = (*proofs, Publish(sequence=day + 1, batch_key=record.batch_key, kind="publish", run_id=record.run_id,
                                   published_at=record.started_at))  # fmt: skip
        site.add(record, sales, soon(record), Facts(publishes=proofs))
    build = run_of(3, run_id="b", kind="summary", table=revenue.table, batch_key="build", label="build", window_start=None,
                   window_end=None)  # fmt: skip
    site.add(build, revenue, soon(build), declared=[sales, revenue])
    assert "lacks" not in text(site, at.table_page(revenue.table))
    proofs = tuple(p.model_copy(update={"undone_by": 9}) if p.sequence == 2 else p for p in proofs)
    site.refresh(sales, Facts(publishes=proofs), soon(build))
    assert "Missing between published batches: 2026-03-02." in text(site, at.table_page(TABLE))
    page = text(site, at.table_page(revenue.table))
    assert "It lacks what raw_data.sales lacks: 2026-03-02." in page
    assert "Good, but with a gap: some data in the middle is missing." in page
