"""One table of moments: on-call, the page and the review say the same of every promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deployments.project import Project, load_project
from deployments.windows import Window
from expectations.freshness import next_clock_time
from expectations.report.describe import described
from expectations.report.freshness import freshness
from expectations.report.model import Facts, Freshness, Line, Publish
from expectations.report.texts import Texts
from expectations.review.facts import History, Run
from expectations.review.facts import Publish as Published
from expectations.review.promises import promises_due
from tasks.incidents import freshness as oncall

TABLE = """\
table: raw.orders
description: Rows.
owner: data@example.com
source: {source}
{window}
columns: [{{name: id, type: integer}}, {{name: at, type: timestamp, source_timezone: UTC}}]
load: {{mode: {mode}}}
sla: [{{for: finance, {promise}}}]
"""
SUMMARY = """/*
target: analytics.weekly
description: Figures.
owner: data@example.com
inputs: [{{table: raw.orders}}]
sla: [{{for: board, {promise}}}]
*/
SELECT id FROM raw.orders
"""
CSV = '{kind: csv, url: "http://files.example.com/%s.csv"}'
LATE = (
    "{kind: postgres, connection: production, query: 'SELECT id, at FROM t', "
    "cursor: {column: at, kind: immutable, lag: 3h}}"
)


def made(tmp_path: Path, promise: str, every: str, zone: str, start: str, *, late: bool, summary: bool) -> Project:
    for kind in ("tables", "summaries"):
        (tmp_path / kind).mkdir()
    window = f"window: {{every: {every}, timezone: {zone}, start: {start}}}"
    own = "max_age: 9999d" if summary else promise
    source = LATE if late else CSV % "{window.start:%Y%m%dT%H}"
    text = TABLE.format(source=source, window=window, mode="replace_window, window_column: at", promise=own)
    (tmp_path / "tables" / "orders.yaml").write_text(text)
    if summary:
        (tmp_path / "summaries" / "weekly.sql").write_text(SUMMARY.format(promise=promise))
    return load_project(tmp_path)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# (promise, every, zone, start, window published last, its source is read late, of the summary above, when it is broken)
# Each was tried first when its first window began.
MOMENTS = [
    ('fresh_by: "09:00"', "day", "UTC", "2026-01-01", "2026-01-10", False, False, "2026-01-12T09:00"),
    ('fresh_by: "09:00"', "day", "UTC", "2026-01-01", "2026-01-10", True, False, "2026-01-12T09:00"),
    ('fresh_by: "02:00"', "day", "UTC", "2026-01-01", "2026-01-10", True, False, "2026-01-13T02:00"),
    # Both hold: 30 hours after its beginning a day must be there, before nine o'clock.
    ('fresh_by: "09:00", max_age: 30h', "day", "UTC", "2026-01-01", "2026-01-10", False, False, "2026-01-12T06:00"),
    ('fresh_by: "05:00", max_age: 30h', "day", "UTC", "2026-01-01", "2026-01-10", False, False, "2026-01-12T05:00"),
    # Nothing can be there before its window has ended.
    ("max_age: 12h", "day", "UTC", "2026-01-01", "2026-01-10", False, False, "2026-01-12T00:00"),
    ("max_age: 12h", "day", "UTC", "2026-01-01", "2026-01-10", True, False, "2026-01-12T03:00"),
    ("max_age: 26h", "day", "Asia/Seoul", "2026-01-01", "2026-01-10", False, False, "2026-01-11T17:00"),
    ('fresh_by: "06:00"', "day", "Asia/Seoul", "2026-01-01", "2026-01-10", False, False, "2026-01-11T21:00"),
    # The night in which clocks go forward: six o'clock comes an hour earlier in UTC.
    ('fresh_by: "06:00"', "day", "Europe/Berlin", "2026-01-01", "2026-03-27", False, False, "2026-03-29T04:00"),
    ('fresh_by: "09:00"', "month", "UTC", "2026-01-01", "2026-01-10", False, False, "2026-03-01T09:00"),
    # A summary is as late as the tables below it.
    ('fresh_by: "09:00"', "week", "UTC", "2026-01-01", "2026-01-01", False, True, "2026-01-15T09:00"),
    ('fresh_by: "09:00", max_age: 15d', "week", "UTC", "2026-01-01", "2026-01-01", False, True, "2026-01-15T09:00"),
    ("max_age: 8d", "week", "UTC", "2026-01-01", "2026-01-01", False, True, "2026-01-16T00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("promise", "every", "zone", "start", "newest", "late", "summary", "expected"), MOMENTS)
def test_all_three_readers_name_the_same_moment(
    tmp_path: Path,
    promise: str,
    every: str,
    zone: str,
    start: str,
    newest: str,
    late: bool,
    summary: bool,
    expected: str,
) -> None:
    project = made(tmp_path, promise, every, zone, start, late=late, summary=summary)
    grid = project.tables["raw.orders"].grid
    assert grid is not None
    window, broken, since = grid.parse(newest), utc(expected), grid.nth(0).start
    at = window.end + timedelta(hours=1)
    told = (
        of_oncall(project, window, since, at, summary),
        of_page(project, window, since, at, summary),
        of_review(project, window, since, at, summary),
    )
    assert told == (broken, broken, broken)


# (promise, every, window published last, tried first, of the summary above, when it is broken). All begin in 2020.
BEGINNINGS = [
    # Never published: what fell due before the first attempt was promised by nobody.
    ('fresh_by: "09:00"', "day", None, "2026-01-10T10:00", False, "2026-01-11T09:00"),
    ('fresh_by: "09:00"', "day", None, "2026-01-10T08:00", False, "2026-01-10T09:00"),
    ('fresh_by: "09:00"', "1h", None, "2026-01-10T09:30", False, "2026-01-11T09:00"),
    ("max_age: 3h", "1h", None, "2026-01-10T09:30", False, "2026-01-10T10:00"),
    ("max_age: 30h", "day", None, "2026-01-10T10:00", False, "2026-01-11T06:00"),
    ('fresh_by: "09:00", max_age: 30h', "day", None, "2026-01-10T10:00", False, "2026-01-11T06:00"),
    ('fresh_by: "09:00"', "month", None, "2026-01-10T10:00", False, "2026-02-01T09:00"),
    # While years of windows catch up, nothing is late that wasn't promised.
    ('fresh_by: "09:00"', "day", "2020-03-01", "2026-01-10T10:00", False, "2026-01-11T09:00"),
    ("max_age: 30h", "day", "2020-03-01", "2026-01-10T10:00", False, "2026-01-11T06:00"),
    ('fresh_by: "09:00"', "day", "2026-01-10", "2026-01-10T10:00", False, "2026-01-12T09:00"),
    # A summary counts from its own first build, whatever the table below had promised.
    ('fresh_by: "09:00"', "day", "2026-01-09", "2026-01-10T10:00", True, "2026-01-11T09:00"),
]  # fmt: skip


@pytest.mark.parametrize(("promise", "every", "newest", "tried", "summary", "expected"), BEGINNINGS)
def test_promises_begin_with_the_first_attempt(
    tmp_path: Path, promise: str, every: str, newest: str | None, tried: str, summary: bool, expected: str
) -> None:
    project = made(tmp_path, promise, every, "UTC", "2020-01-01", late=False, summary=summary)
    grid = project.tables["raw.orders"].grid
    assert grid is not None
    window, broken, since = grid.parse(newest) if newest else None, utc(expected), utc(tried)
    at = since + timedelta(minutes=5)
    told = (
        of_oncall(project, window, since, at, summary),
        of_page(project, window, since, at, summary),
        of_review(project, window, since, at, summary),
    )
    assert told == (broken, broken, broken)


def test_what_was_never_tried_is_late_for_nobody(tmp_path: Path) -> None:
    project, at = (
        made(tmp_path, 'fresh_by: "09:00"', "day", "UTC", "2020-01-01", late=False, summary=True),
        utc("2026-01-10"),
    )
    where = oncall.standings(project, {}, at)
    assert [where[name].promises for name in ("raw.orders", "analytics.weekly")] == [(), ()]
    assert freshness(described(project, "raw.orders", Texts()), [], Facts(), at).until is None
    assert promises_due(project, History((), (), (), {}), at - timedelta(days=9), at) == []


def of_oncall(project: Project, window: Window | None, since: datetime, at: datetime, summary: bool) -> datetime:
    published = None if window is None else at
    known = {
        "raw.orders": oncall.Published(window, published, published, since),
        "analytics.weekly": oncall.Published(None, at, at, since),
    }
    where = oncall.standings(project, known, at)["analytics.weekly" if summary else "raw.orders"]
    (promise,) = where.promises
    return promise.at


def of_page(project: Project, window: Window | None, since: datetime, at: datetime, summary: bool) -> datetime | None:
    texts, facts = Texts(), Facts()
    if window is not None:
        proof = Publish(sequence=1, batch_key=window.key, kind="publish", run_id="a", published_at=at)
        facts = Facts(publishes=(proof,))
    tried = Line(run_id="t", kind="ingest", status="failed", batch_key="t", label="", started_at=since)
    table = freshness(described(project, "raw.orders", texts), [tried], facts, at)
    if not summary:
        return table.until
    begun = Line(run_id="u", kind="summary", status="failed", batch_key="build", label="", started_at=since)
    build = begun.model_copy(update={"run_id": "b", "status": "published", "started_at": at, "finished_at": at})
    about = described(project, "analytics.weekly", texts)
    assert freshness(about, [begun, build], Facts(), at, {"raw.orders": Freshness()}).until is None
    return freshness(about, [begun, build], Facts(), at, {"raw.orders": table}).until


def of_review(project: Project, window: Window | None, since: datetime, at: datetime, summary: bool) -> datetime:
    """The first promise after the published window that wasn't kept."""
    grid, target = project.tables["raw.orders"].grid, "analytics.weekly" if summary else "raw.orders"
    assert grid is not None
    standing = [] if window is None else [*grid.between(grid.nth(0).start, window.end)]
    there = [Published("raw.orders", item.key, item.end) for item in standing]
    build = Run("analytics.weekly", "summary", "published", "", at, at)
    history = History([build], there, (), {target: since})
    dues = [due for due in promises_due(project, history, at, at + timedelta(days=90)) if not due.kept]
    return min(due.at for due in dues)


@pytest.mark.parametrize(
    ("after", "zone", "expected"),
    [
        (datetime(2026, 3, 5, 20, 59, tzinfo=UTC), "Asia/Seoul", datetime(2026, 3, 5, 21, 0, tzinfo=UTC)),
        (datetime(2026, 3, 5, 21, 1, tzinfo=UTC), "Asia/Seoul", datetime(2026, 3, 6, 21, 0, tzinfo=UTC)),
        # Clocks go forward in the night: six o'clock comes an hour earlier in UTC.
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "Europe/Berlin", datetime(2026, 3, 29, 4, 0, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_next_time_clocks_show_an_hour(after: datetime, zone: str, expected: datetime) -> None:
    assert next_clock_time(after, "06:00", ZoneInfo(zone)) == expected
    assert next_clock_time(expected, "06:00", ZoneInfo(zone)) - expected == timedelta(0)
