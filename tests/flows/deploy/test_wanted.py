"""What a project wants deployed: schedules, limits, tags, triggers, and versions that carry the declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.project import Project, load_project
from flows.deploy.wanted import Wanted, environment, version_of, wanted

TABLE = """\
table: raw.sales
description: One row per sale.
owner: sales@example.com
tier: core
source: {kind: postgres, connection: production, query: SELECT id FROM sales, cursor: {column: at, kind: immutable}}
window: {every: day, timezone: Asia/Seoul, start: 2020-08-10}
schedule: {cron: "0 2 * * *", max_active_runs: 3}
columns: [{name: id, type: integer, nullable: false}]
key: [id]
load: {mode: merge}
"""
SUMMARY = """\
/*
target: sums.daily
description: By day.
owner: sums@example.com
inputs: [{table: raw.sales}]
*/
SELECT id FROM raw.sales
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return written(tmp_path, TABLE, SUMMARY)


def written(folder: Path, table: str, summary: str) -> Project:
    for name, text in (("tables/sales.yaml", table), ("summaries/daily.sql", summary)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return load_project(folder)


def named(project: Project, key: str) -> Wanted:
    return next(item for item in wanted(project) if item.key == key)


def test_a_table_is_looked_at_on_its_schedule_in_the_windows_zone(project: Project) -> None:
    item = named(project, "load/raw.sales")
    assert (item.cron, item.timezone, item.at_once) == ("0 2 * * *", "Asia/Seoul", 3)
    assert item.tags == ("headgate", "owner:sales@example.com", "table:raw.sales", "tier:core")
    assert item.parameters == {"table": "raw.sales"}


def test_a_summary_follows_its_inputs_instead_of_a_clock(project: Project) -> None:
    item = named(project, "build/sums.daily")
    assert (item.cron, item.triggered_by) == (None, ("raw.sales",))


def test_a_summary_with_a_schedule_follows_only_that(tmp_path: Path) -> None:
    project = written(tmp_path, TABLE, SUMMARY.replace("owner:", 'schedule: {cron: "0 6 * * *"}\nowner:'))
    item = named(project, "build/sums.daily")
    assert (item.cron, item.triggered_by) == ("0 6 * * *", ())


@pytest.mark.parametrize(
    ("old", "new"),
    [("type: integer", "type: bigint"), ("owner: sales", "owner: shop"), ("SELECT id FROM sales", "SELECT id FROM s2")],
)
def test_another_declaration_is_another_version(tmp_path: Path, project: Project, old: str, new: str) -> None:
    before = version_of(project, "raw.sales")
    (tmp_path / "other").mkdir()
    assert version_of(written(tmp_path / "other", TABLE.replace(old, new), SUMMARY), "raw.sales") != before


def test_a_suite_is_part_of_the_version(tmp_path: Path, project: Project) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/sales.yaml").write_text(
        "table: raw.sales\nexpectations:\n  - {code: S-ID, type: expect_column_values_to_be_unique, kwargs: {column: id}}\n"
    )
    assert version_of(load_project(tmp_path), "raw.sales") != version_of(project, "raw.sales")


def test_names_of_settings_are_told_and_no_value_nor_path_of_the_deployer(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_CONNECTION_PRODUCTION", "postgresql://u:geheim@host/db")
    everything = repr((wanted(project), environment()))
    assert "HEADGATE_CONNECTION_PRODUCTION" in named(project, "load/raw.sales").description
    assert "geheim" not in everything
    assert str(tmp_path) not in everything


def test_entrypoints_are_dotted_flows_of_the_name_they_are_deployed_by(project: Project) -> None:
    from prefect.flows import load_flow_from_entrypoint

    for item in wanted(project):
        assert load_flow_from_entrypoint(item.entrypoint).name == item.flow
        assert ":" not in item.entrypoint


def test_forms_offer_the_tables(project: Project) -> None:
    assert named(project, "backfill/backfill a table").table_choices == ("raw.sales",)
    # Drift of summaries is told as that of tables, and answered by the same forms.
    for form in ("accept drift/accept a change", "answer drift/answer an alarm"):
        assert set(named(project, form).table_choices or ()) == {"raw.sales", *project.summaries} > {"raw.sales"}


def test_every_parameter_of_a_form_is_described(project: Project) -> None:
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    for item in wanted(project):
        if "part:form" not in item.tags:
            continue
        known = parameter_schema(load_flow_from_entrypoint(item.entrypoint)).model_dump_for_openapi()["properties"]
        assert [name for name, about in known.items() if not about.get("description")] == [], item.key
        assert bool(item.table_choices) == ("table" in known), item.key


def test_the_report_finds_each_of_its_actions_among_the_forms(project: Project) -> None:
    from tasks.report_artifacts import ACTIONS

    deployed = {item.entrypoint.rpartition(".")[2] for item in wanted(project) if "part:form" in item.tags}
    assert set(ACTIONS) - deployed == {"retry"}
