"""Charts: what is cut off and labelled, round figures on the axis, days off, and marks that say what happened and lead on."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from expectations.record import Failure
from expectations.report import shelf as at
from expectations.report import words
from expectations.report.charts import Point, round_steps, trend
from expectations.report.describe import describe_table
from expectations.report.lines import line_of
from expectations.report.model import Facts, Publish
from expectations.report.texts import Texts
from expectations.report.trends import DaysOff, usual

STOPPED = Failure(code="TOLERANCE", family="upstream", step="validate", message="too many rows were set aside",
                  who_must_act="owner")  # fmt: skip
QUIET = [20.0 + n % 3 for n in range(20)]


def drawn(values, **last):
    points = [Point(f"day {n}", value) for n, value in enumerate(values[:-1])]
    return str(
        trend([*points, Point("last", values[-1], **last)], words.number, "a title", lambda v: words.tick("mean:a", v))
    )


def rows_chart(site, of, records, now, facts=None):
    """The chart of rows on a table's page."""
    site.rebuild_table(of, records, facts or Facts(), now)
    page = site.shelf.get(at.table_page(of.table)).decode()
    (found,) = re.findall(r'<svg class="chart trend"[^>]*aria-label="Rows read.*?</svg>', page, re.S)
    return found


def heights(svg):
    """The y of the line's points."""
    return [float(pair.split(",")[1]) for pair in re.search(r'polyline class="line" points="([^"]+)"', svg)[1].split()]


def test_a_spike_is_cut_off_and_labelled_and_the_others_can_be_read():
    svg = drawn([*QUIET, 3_669_890.0])
    assert ">3.67 M<" in svg
    assert "last: 3,669,890" in svg, "its figure as a whole is told"
    quiet = heights(svg)[:-1]
    assert max(quiet) - min(quiet) > 60, "of 92 units that the picture is high"


@pytest.mark.parametrize("values", [[*QUIET, 27.0], [0.0] * 20 + [3.0], [1.0, 2.0, 900.0], [5.0] * 12])
def test_what_is_no_spike_is_not_cut_off(values):
    svg = drawn(values)
    assert 'class="seen"' not in svg
    assert len({*heights(svg)}) == len({*values})


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [(0, 10, [0, 5, 10]), (17.9, 23.2, [18, 20, 22]), (1300, 4400, [2000, 3000, 4000]), (-3, 3, [-2, 0, 2]),
     (0, 0.0035, [0, 0.002]), (5, 5, [])],
)  # fmt: skip
def test_figures_of_the_axis_are_round(low, high, steps):
    assert round_steps(low, high) == pytest.approx(steps)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("rows", 3_669_890, "3.67 M"), ("rows", 26_421, "26.4 k"), ("rows", 4000, "4,000"), ("mean:a", 0.5, "0.5"),
     ("nulls:a", 0.05, "5 %"), ("mean:a", -2_000_000, "-2 M"), ("rows", 123_456, "123 k"), ("mean:a", 2.5e13, "25 T"),
     ("mean:a", 5230.4, "5,230"), ("mean:a", 999.7, "1,000"), ("mean:a", 61.84, "61.8")],
)  # fmt: skip
def test_figures_of_the_axis_are_short(name, value, said):
    assert words.tick(name, value) == said


def test_a_point_outside_of_its_range_is_ringed_and_leads_to_its_run():
    svg = drawn([*QUIET, 27.0], band=(18.0, 21.0, 24.0), link="runs/x.html")
    assert 'class="outside"' in svg
    assert '<a href="runs/x.html" aria-label="last: 27">' in svg
    assert 'role="group"' in svg
    inside = drawn([*QUIET, 21.0], band=(18.0, 21.0, 24.0), link="runs/x.html")
    assert 'class="outside"' not in inside
    assert "<a " not in inside


def test_an_undone_batch_is_crossed_out_and_no_part_of_the_line(site, sales, run_of, soon):
    records = [run_of(day, rows=100 + day) for day in range(10)]
    records[6] = run_of(6, rows=100, kind="override")
    proofs = tuple(
        Publish(sequence=n, batch_key=r.batch_key, kind="publish", run_id=r.run_id, published_at=r.started_at,
                undone_by=99 if n == 4 else None)
        for n, r in enumerate(records)
    )  # fmt: skip
    rows = rows_chart(site, sales, records, soon(records[-1]), Facts(publishes=proofs))
    assert "2026-03-05: 104 (undone)" in rows
    assert "2026-03-07: 100 (published by a person&#39;s decision)" in rows
    assert f'href="runs/{records[4].run_id}.html"' in rows
    assert len(heights(rows)) == 9
    assert rows.count('class="rest"') == 3, "a Sunday, and a weekend"


def test_a_stopped_batch_is_a_triangle_until_it_is_published(site, sales, run_of, soon):
    records = [run_of(day, rows=100 + day) for day in range(10)]
    extract = {"name": "extract", "seconds": 1.0, "rows": 900}
    records[6] = run_of(6, status="failed", failure=STOPPED, counts={}, profile=None, steps=(extract,))
    rows = rows_chart(site, sales, records, soon(records[-1]))
    assert "2026-03-07: 900 (stopped by TOLERANCE, not published)" in rows
    assert rows.count('class="mark stopped"') == 1
    assert f'href="runs/{records[6].run_id}.html"' in rows
    assert len(heights(rows)) == 9, "readers never saw it"
    again = run_of(6, rows=106, run_id="sales-2026-03-07-bb0006", started_at=soon(records[-1]))
    rows = rows_chart(site, sales, [*records, again], soon(again))
    assert 'class="mark stopped"' not in rows
    assert len(heights(rows)) == 10


def test_without_windows_each_undone_load_is_drawn_and_the_last_that_was_stopped(site, sales, run_of, soon):
    whole = {"window_start": None, "window_end": None, "label": "source", "batch_key": "source"}
    stopped = {"status": "failed", "failure": STOPPED}
    records = [run_of(day, rows=100 + day, **whole, **(stopped if day in (5, 6, 8) else {})) for day in range(10)]
    proofs = tuple(
        Publish(sequence=n, batch_key="source", kind="publish", run_id=r.run_id, published_at=r.started_at,
                undone_by=99 if n == 3 else None)
        for n, r in enumerate(records) if r.status == "published"
    )  # fmt: skip
    of = sales.model_copy(update={"window": None})
    rows = rows_chart(site, of, records, soon(records[-1]), Facts(publishes=proofs))
    assert re.findall(r"<title>(\S+: \d+) \((?:undone|stopped)", rows) == [
        "2026-03-05: 103", "2026-03-08: 106", "2026-03-10: 108"
    ]  # fmt: skip
    assert len(heights(rows)) == 6


@pytest.mark.effect("Table.holidays")
def test_a_holiday_is_shaded_named_and_held_against_weekends(site, sales, run_of, soon):
    declared = Table.model_validate({
        "table": sales.table, "description": "d", "owner": sales.owner, "source": {"kind": "csv", "url": "file:///a.csv"},
        "window": {"every": "day", "timezone": "UTC", "start": "2026-03-01"}, "columns": [{"name": "id", "type": "integer"}],
        "load": {"mode": "append"}, "holidays": {"2026-03-31": "Founders' day"},
    })  # fmt: skip
    of = sales.model_copy(update={"holidays": describe_table(declared, Suite(table=sales.table), Texts()).holidays})
    records = [run_of(day, rows=20 if (day + 6) % 7 >= 5 or day == 30 else 100 + day % 3) for day in range(32)]
    plain = rows_chart(site, sales, records, soon(records[-1]))
    assert plain.count('class="rest"') == 9
    assert 'class="outside"' in plain, "a Tuesday with a fifth of the rows"
    rows = rows_chart(site, of, records, soon(records[-1]))
    assert rows.count('class="rest"') == 10
    assert "<title>2026-03-31: Founders&#39; day</title></rect>" in rows
    assert "<title>2026-03-31: 20 (Founders&#39; day)</title>" in rows
    assert 'class="outside"' not in rows
    hours = of.model_copy(update={"window": of.window.model_copy(update={"every": "hour"})})
    assert "Founders" not in rows_chart(site, hours, records, soon(records[-1])), "an hour is no day off"


def test_a_day_off_is_seen_behind_a_wide_range():
    points = [Point(f"day {n}", 20.0, band=(0.0, 20.0, 90.0), rest=n == 3) for n in range(9)]
    svg = str(trend(points, words.number, "a title"))
    assert svg.index('class="band"') < svg.index('class="rest"') < svg.index('class="line"')


def test_a_holiday_is_of_the_days_of_the_zone(run_of):
    line = line_of(run_of(23))
    assert line.window_start.isoformat() == "2026-03-24T00:00:00+00:00"
    days = {date(2026, 3, 23): "the day before"}
    assert DaysOff(ZoneInfo("America/New_York"), days).holiday(line) == "the day before"
    assert DaysOff(ZoneInfo("Asia/Seoul"), days).holiday(line) == ""
    assert DaysOff(None, days).rests(line) is False


def test_workdays_are_held_against_workdays(run_of):
    records = [run_of(day) for day in range(28)]
    lines = [
        line_of(run_of(n, rows=20 if r.window_start.weekday() >= 5 else 100 + n % 3)) for n, r in enumerate(records)
    ]
    days = DaysOff(ZoneInfo("UTC"))
    saturday = next(n for n, line in enumerate(lines) if n > 20 and line.window_start.weekday() == 5)
    assert usual(lines, "rows", saturday, days) == (20, 20, 20)
    low, _, _ = usual(lines, "rows", saturday - 1, days)
    assert low > 90
    assert usual(lines, "rows", 3, days) is None
