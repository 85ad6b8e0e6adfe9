"""What is different from the batch before and from a week before."""

from __future__ import annotations

from expectations.report.compare import compared
from expectations.report.lines import columns_of, line_of


def test_a_day_is_compared_with_the_day_before_and_the_same_weekday(run_of):
    lines = [line_of(run_of(day, rows=100 + day)) for day in range(9)]
    found = compared(lines[8], lines, columns_of(run_of(8)))
    assert (found.before, found.week_before) == ("2026-03-08", "2026-03-02")
    rows = next(change for change in found.changes if change.name == "rows")
    assert (rows.now, rows.before, rows.week_before) == (108, 107, 101)


def test_a_backfilled_day_is_compared_with_the_day_before_it_not_with_the_last_run(run_of):
    lines = [line_of(run_of(day)) for day in (0, 1, 5)]
    again = line_of(run_of(1, run_id="again", started_at=run_of(8).started_at))
    assert compared(again, [*lines, again], ()).before == "2026-03-01"


def test_the_first_batch_has_nothing_beside_it(run_of):
    line = line_of(run_of(0))
    assert compared(line, [line], ()).before is None


def test_a_failed_run_is_no_measure(run_of):
    failed = line_of(run_of(1, status="failed"))
    lines = [line_of(run_of(0)), failed, line_of(run_of(2))]
    assert compared(lines[-1], lines, ()).before == "2026-03-01"


def test_columns_that_came_went_or_changed_type_are_named(run_of):
    old = ({"name": "id", "type": "integer"}, {"name": "gone", "type": "date"})
    new = ({"name": "id", "type": "bigint"}, {"name": "fresh", "type": "date"})
    before, now = run_of(0, schema_columns=old), run_of(1, schema_columns=new)
    lines = [line_of(before), line_of(now)]
    found = compared(lines[1], lines, columns_of(now), columns_of(before))
    assert (found.schema_added, found.schema_removed, found.schema_changed) == (("fresh",), ("gone",), ("id",))
