"""Charts: what is cut off and labelled, round figures on the axis, days off, and marks that say what happened and lead on."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest

from expectations.report import shelf as at
from expectations.report import words
from expectations.report.charts import Point, round_steps, trend
from expectations.report.lines import line_of
from expectations.report.model import Facts, Publish
from expectations.report.trends import usual

QUIET = [20.0 + n % 3 for n in range(20)]


def drawn(values, **last):
    points = [Point(f"day {n}", value) for n, value in enumerate(values[:-1])]
    return str(
        trend([*points, Point("last", values[-1], **last)], words.number, "a title", lambda v: words.tick("mean:a", v))
    )


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
     ("nulls:a", 0.05, "5 %"), ("mean:a", -2_000_000, "-2 M"), ("rows", 123_456, "123 k"), ("mean:a", 2.5e13, "25 T")],
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
    site.rebuild_table(sales, records, Facts(publishes=proofs), soon(records[-1]))
    page = site.shelf.get(at.table_page("raw_data.sales")).decode()
    (rows,) = re.findall(r'<svg class="chart trend"[^>]*aria-label="Rows read.*?</svg>', page, re.S)
    assert "2026-03-05: 104 (undone)" in rows
    assert "2026-03-07: 100 (published by a person&#39;s decision)" in rows
    assert f'href="runs/{records[4].run_id}.html"' in rows
    assert len(heights(rows)) == 9
    assert rows.count('class="rest"') == 3, "a Sunday, and a weekend"


def test_workdays_are_held_against_workdays(run_of):
    records = [run_of(day) for day in range(28)]
    lines = [
        line_of(run_of(n, rows=20 if r.window_start.weekday() >= 5 else 100 + n % 3)) for n, r in enumerate(records)
    ]
    zone = ZoneInfo("UTC")
    saturday = next(n for n, line in enumerate(lines) if n > 20 and line.window_start.weekday() == 5)
    assert usual(lines, "rows", saturday, zone) == (20, 20, 20)
    low, _, _ = usual(lines, "rows", saturday - 1, zone)
    assert low > 90
    assert usual(lines, "rows", 3, zone) is None
