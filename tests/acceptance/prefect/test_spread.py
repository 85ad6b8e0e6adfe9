"""A backfill whose windows are prepared by the workers of the pool: published in their order, each once."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def deployed(site: Any) -> Any:
    site.write(days=4)
    site.headgate("deploy")
    site.worker("one")
    return site


def published(site: Any) -> list[tuple[Any, ...]]:
    """(window, number of the publish, batches it was held against) in the order of the publishes."""
    found = site.ask(
        "SELECT r.label, l.sequence, r.run_id FROM ops.ledger l JOIN ops.run r USING (run_id) "
        f"WHERE l.target = '{site.table}' ORDER BY l.sequence"
    )
    told = []
    for label, sequence, run in found:
        pieces = site.ask(f"SELECT body FROM ops.run_record WHERE run_id = '{run}' ORDER BY piece")
        record = json.loads("".join(body for (body,) in pieces))
        assert record["flow_run_id"]
        told.append((label, sequence, record["drift"]["history"]))
    return told


@pytest.mark.effect("headgate backfill --spread")
def test_windows_are_held_against_all_before_them_and_published_once(deployed: Any) -> None:
    site = deployed
    bad = site.folder / "files/2020-08-11.csv"
    good = bad.read_text()
    bad.write_text("id,day\n1,2020-08-11\n")
    first = site.headgate("backfill", "sales", "--spread", "--parallel", "3", check=False)
    assert first.returncode == 1
    # A window that fails on its worker fails alone.
    assert published(site) == [("2020-08-10", 1, 0), ("2020-08-12", 2, 1), ("2020-08-13", 3, 2)]

    bad.write_text(good)
    done = json.loads(site.headgate("backfill", "sales", "--spread", "--json").stdout)
    assert [item["window"] for item in done["published"] if item["table"] == site.table] == ["2020-08-11"]
    assert published(site)[3:] == [("2020-08-11", 4, 1)]
    site.right(4)

    # Each was read by a run of its own on the worker, and nothing of it is left beside the table.
    ran = {run["name"]: run["state"]["type"] for run in site.runs(f"table:{site.table}") if run["deployment_id"]}
    assert {ran[f"{site.table} 2020-08-{day}"] for day in (10, 12, 13)} == {"COMPLETED"}
    beside = f"SELECT count(*) FROM pg_tables WHERE schemaname = '{site.schema}' AND tablename LIKE '%\\_\\_hg\\_c%'"
    assert site.ask(beside) == [(0,)]
