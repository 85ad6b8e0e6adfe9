"""Artifacts and links of a run in Prefect: a server of its own, deployments with forms, a client that fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import prefect.artifacts
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_UI_URL

from deployments.embedded.stack import EmbeddedStack
from expectations.record import RunRecord
from expectations.report.texts import Texts
from tasks.report_artifacts import FORM_TAGS, links, write_artifacts
from tests import throwaway

RECORD = RunRecord(run_id="r", table="raw_data.sales", kind="ingest", mode="merge", batch_key="source", label="source",
                   status="published", started_at=datetime(2026, 3, 1, tzinfo=UTC), flow_run_id="a-flow-run")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    stack = EmbeddedStack(tmp_path_factory.mktemp("prefect"))
    try:
        state = throwaway.up(stack, request.config, ("prefect",))
        with throwaway.in_process(state, {PREFECT_UI_URL: "http://127.0.0.1:4200"}):
            yield str(state.prefect_api_url)
    finally:
        stack.down(purge=True)


def test_outside_of_a_flow_run_nothing_is_written():
    assert write_artifacts(RECORD, "file:///page.html", Texts()) == 0


def test_inside_of_one_the_text_and_the_link_are_written_and_no_empty_table():
    @flow
    def loads() -> int:
        return write_artifacts(RECORD, "file:///page.html", Texts())

    assert loads() == 2


def test_an_artifact_that_cannot_be_written_fails_nothing(monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("the server is away")

    monkeypatch.setattr(prefect.artifacts, "create_markdown_artifact", broken)

    @flow
    def loads() -> int:
        return write_artifacts(RECORD, "file:///page.html", Texts())

    assert loads() == 0
    assert "the server is away" in caplog.text


def test_forms_are_found_by_their_tags_with_the_parameters_they_know():
    with get_client(sync_client=True) as client:
        made = client.create_flow_from_name("rollback")
        form = client.create_deployment(
            made, "any table", entrypoint="flows.rollback.rollback", tags=FORM_TAGS,
            parameter_openapi_schema={"type": "object", "properties": {"table": {"type": "string"}}},
        )  # fmt: skip

    @flow
    def loads() -> object:
        return links(RECORD)

    found = loads()
    assert found.flow_run == "http://127.0.0.1:4200/runs/flow-run/a-flow-run"
    address = found.form("rollback", {"table": "raw_data.sales", "window": "2026-03-01"})
    assert address.startswith(f"http://127.0.0.1:4200/deployments/deployment/{form}/run?parameters=")
    assert "window" not in address
    assert found.form("override", {}) is None
