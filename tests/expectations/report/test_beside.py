"""A run's page leads to the run before and the one after it, whichever was written first, and never to a page that is gone."""

from __future__ import annotations

import random
import re

import pytest

from expectations.report import shelf as at
from expectations.report.model import Facts, RunTwin
from expectations.report.site import Site

TABLE = "raw_data.sales"


def beside(site, run_id):
    """The runs to which a page leads, before and after; its twin must say the same."""
    page = site.shelf.get(at.run_page(TABLE, run_id)).decode()
    twin = RunTwin.model_validate_json(site.shelf.get(at.run_page(TABLE, run_id, "json")))
    found = tuple(
        next(iter(re.findall(rf'<a rel="{name}" href="([^"]+)\.html"', page)), None) for name in ("prev", "next")
    )
    assert found == tuple(None if run is None else run.run_id for run in (twin.before, twin.after))
    return found


def chain(ids):
    return [(before, after) for before, after in zip([None, *ids[:-1]], [*ids[1:], None], strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_runs_lead_to_each_other_in_any_order(site, sales, run_of, soon, seed):
    records = [run_of(day) for day in range(7)]
    ids = [record.run_id for record in records]
    for record in random.Random(seed).sample(records, len(records)):
        site.add(record, sales, soon(records[-1]))
    assert [beside(site, run_id) for run_id in ids] == chain(ids)


def test_a_look_without_an_outcome_stands_between_no_runs(site, sales, run_of, soon):
    records = [run_of(0), run_of(1, status="waiting", counts={}), run_of(2)]
    for record in records:
        site.add(record, sales, soon(record))
    first, look, last = (record.run_id for record in records)
    assert [beside(site, run_id) for run_id in (first, last)] == chain([first, last])
    assert beside(site, look)[0] == first


def test_no_page_leads_to_one_that_was_deleted(site, sales, run_of, soon):
    small = Site(site.shelf, keep_pages=3)
    records = [run_of(day) for day in range(6)]
    for record in records:
        small.add(record, sales, soon(record))
    ids = [record.run_id for record in records[-3:]]
    assert sorted(at.run_ids(small.shelf, TABLE)) == sorted(ids)
    assert [beside(small, run_id) for run_id in ids] == chain(ids)


def test_a_page_that_is_made_anew_leads_to_the_same(site, sales, run_of, soon):
    records = [run_of(day) for day in range(5)]
    Site(site.shelf, keep_pages=4).rebuild_table(sales, records, Facts(), soon(records[-1]))
    ids = [record.run_id for record in records[1:]]
    assert [beside(site, run_id) for run_id in ids] == chain(ids)


def test_without_windows_it_is_said_when_the_run_was(site, sales, run_of, soon):
    whole = sales.model_copy(update={"window": None, "mode": "full_refresh"})
    plain = {"window_start": None, "window_end": None, "label": "source", "batch_key": "source"}
    for day in (0, 1):
        record = run_of(day, **plain)
        site.add(record, whole, soon(record))
    page = site.shelf.get(at.run_page(TABLE, record.run_id)).decode()
    assert "the run before: 2 Mar 2026, 02:00 UTC" in page
