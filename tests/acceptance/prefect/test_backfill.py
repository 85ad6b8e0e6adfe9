"""Backfills from a terminal: planned, resumed, bounded; every window once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest


def planned(site: Any, *arguments: str) -> list[str]:
    plan = json.loads(site.headgate("backfill", "sales", "--plan", "--json", *arguments).stdout)
    return [window["label"] for window in plan["windows"] if window["run"]]


def test_plan_shows_what_is_then_done(site: Any) -> None:
    site.write(days=6)
    site.headgate("run", "sales", "--window", "2020-08-11", "--no-dependents")
    shown = planned(site, "--from", "2020-08-10", "--to", "2020-08-14")
    assert shown == ["2020-08-10", "2020-08-12", "2020-08-13"]
    done = json.loads(site.headgate("backfill", "sales", "--from", "2020-08-10", "--to", "2020-08-14", "--json").stdout)
    published = sorted(item["window"] for item in done["published"] if item["table"] == site.table)
    assert published == shown
    # The summary was built once, afterwards, from all of them.
    assert [item["table"] for item in done["published"]].count(site.summary) == 1
    assert site.ask(f"SELECT count(*) FROM {site.summary}") == [(4,)]
    assert planned(site, "--to", "2020-08-14") == []


@pytest.mark.story
def test_one_bad_window_does_not_stop_the_others_and_is_done_when_it_is_mended(site: Any) -> None:
    site.write(days=5)
    bad = site.folder / "files/2020-08-12.csv"
    good = bad.read_text()
    bad.write_text("id,day\n1,2020-08-12\n")
    done = site.headgate("backfill", "sales", check=False)
    assert done.returncode == 1
    assert "4 windows published, 1 failed" in done.stdout
    assert planned(site, "--reprocess", "none") == []
    bad.write_text(good)
    assert planned(site) == ["2020-08-12"]
    site.headgate("backfill", "sales")
    site.right(5)


@pytest.mark.story
def test_killed_half_way_it_does_what_is_left(site: Any) -> None:
    days = 8
    site.write(days=days)
    command = [sys.executable, "-P", "-m", "flows", "backfill", "sales", "--parallel", "2"]
    running = subprocess.Popen(command, env=site.environment, cwd=site.folder, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def some() -> bool:
        if not site.ask("SELECT to_regclass('ops.ledger') IS NOT NULL")[0][0]:
            return False
        return bool(site.ask(f"SELECT count(*) >= 3 FROM ops.ledger WHERE target = '{site.table}'")[0][0])

    site.wait(some)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    left = planned(site)
    assert 0 < len(left) <= days - 3
    site.headgate("backfill", "sales")
    site.right(days)
    assert site.ask(f"SELECT sum(sales) FROM {site.summary}") == [(days * 20,)]


BY_WINDOWS = """/*
target: {schema}_sums.day_by_day
description: Sales of each day.
owner: sales@example.com
mode: window
window: {{every: day, timezone: Asia/Seoul, start: 2020-08-10, end: 2020-08-14}}
window_column: day
inputs: [{{table: {schema}.sales}}]
columns:
  - {{name: day, type: date, nullable: false}}
  - {{name: sales, type: integer, nullable: false}}
key: [day]
*/
SELECT day, COUNT(*) AS sales FROM {schema}.sales
WHERE day >= {{window.start.date}} AND day < {{window.end.date}} GROUP BY day
"""


def test_a_summary_by_windows_is_filled_as_well(site: Any) -> None:
    site.write(days=4)
    (site.folder / "project" / "summaries" / "day_by_day.sql").write_text(BY_WINDOWS.format(schema=site.schema))
    site.headgate("run", "sales", "--no-dependents")

    def fill(*arguments: str) -> list[str]:
        done = json.loads(site.headgate("backfill", "day_by_day", "--json", *arguments).stdout)
        return sorted(item["window"] for item in done["published"])

    assert fill("--to", "2020-08-12") == ["2020-08-10", "2020-08-11"]
    assert fill() == ["2020-08-12", "2020-08-13"]
    assert fill("--reprocess", "all", "--from", "2020-08-13") == ["2020-08-13"]
    assert site.ask(f"SELECT count(*), sum(sales) FROM {site.schema}_sums.day_by_day") == [(4, 80)]
    spread = site.headgate("backfill", "day_by_day", "--spread", check=False)
    assert "nothing to give to other workers" in spread.stderr + spread.stdout
