"""A day on Prefect, short: deploy, a worker, what is due is loaded, the summary that reads it follows by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_deploy_load_and_the_summary_that_follows(site: Any) -> None:
    site.write(days=3)
    first = json.loads(site.headgate("deploy", "--json").stdout)
    again = json.loads(site.headgate("deploy", "--plan", "--json").stdout)
    # The server may know what other tests have deployed.
    assert {change["kind"] for change in first["changes"] if site.schema in change["deployment"]} == {"new"}
    assert {change["kind"] for change in again["changes"]} == {"same"}
    assert not again["automation_changed"]

    site.worker("one")
    assert site.ended(site.start(f"load/{site.table}"))["message"] == "3 batches published, 60 rows"
    # Nobody starts this one: the publish does.
    (built,) = site.wait(lambda: [run for run in site.runs(f"table:{site.summary}") if run["deployment_id"]])
    assert site.ended(built["id"])["message"] == "1 batch published, 3 rows"
    assert site.ask(f"SELECT sum(sales) FROM {site.summary}") == [(60,)]

    # Nothing is due any more: said, not failed; and no other run of the summary was started.
    nothing = site.ended(site.start(f"load/{site.table}"))
    assert (nothing["name"], nothing["message"]) == (
        "Nothing due", "nothing is due: 3 windows loaded; its windows have ended"
    )  # fmt: skip
    site.right(3)


@pytest.mark.story
def test_a_changed_declaration_is_refused_until_it_is_deployed_and_what_is_gone_is_removed(site: Any) -> None:
    site.write(days=1)
    site.headgate("deploy")
    site.worker("one")
    declared = site.folder / "project/tables/sales.yaml"
    declared.write_text(declared.read_text().replace("One row per sale.", "One row per sale or return."))
    refused = site.ended(site.start(f"load/{site.table}"))
    assert refused["type"] == "FAILED"
    assert "declared otherwise on this worker" in refused["message"]
    (site.folder / "project/summaries/by_day.sql").unlink()
    changes = {c["deployment"]: c for c in json.loads(site.headgate("deploy", "--json").stdout)["changes"]}
    assert [line.split(":")[0] for line in changes[f"load/{site.table}"]["what"]] == ["description", "version"]
    assert changes[f"build/{site.summary}"]["kind"] == "removed"
    assert site.ended(site.start(f"load/{site.table}"))["type"] == "COMPLETED"
