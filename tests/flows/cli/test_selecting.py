"""Tables and summaries are selected by name, pattern, owner, tier or tag; what selects nothing, or two, is refused."""

from __future__ import annotations

import pytest

from deployments.errors import DeclarationError
from deployments.project import Project, load_project
from flows.deploy.wanted import tags_of
from flows.selecting import selected

TABLE = """\
table: {name}
description: x
owner: {owner}@example.com
tier: {tier}
{more}
source: {{kind: csv, url: "file:///x.csv"}}
columns: [{{name: id, type: integer}}]
load: {{mode: full_refresh}}
"""
SUMMARY = """\
/*
target: sums.by_day
description: x
owner: ana@example.com
inputs: [{table: shop.orders}]
tags: [finance]
*/
SELECT count(*) AS orders FROM shop.orders
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("selecting")
    for part in ("tables", "summaries"):
        (folder / part).mkdir()
    for name, owner, tier, more in (
        ("shop.orders", "ana", "core", "tags: [finance, daily]"), ("shop.items", "ben", "standard", ""),
        ("crm.orders", "ben", "core", ""),
    ):  # fmt: skip
        (folder / "tables" / f"{name}.yaml").write_text(TABLE.format(name=name, owner=owner, tier=tier, more=more))
    (folder / "summaries" / "by_day.sql").write_text(SUMMARY)
    return load_project(folder)


ALL = ["crm.orders", "shop.items", "shop.orders", "sums.by_day"]


@pytest.mark.parametrize(("asked", "expected"), [
    ([], ALL), (["all"], ALL), (["items"], ["shop.items"]), (["crm.orders", "items"], ["crm.orders", "shop.items"]),
    (["shop.*"], ["shop.items", "shop.orders"]), (["orders*"], ["crm.orders", "shop.orders"]), (["by_*"], ["sums.by_day"]),
    (["owner:ben@example.com"], ["crm.orders", "shop.items"]), (["owner:ana*"], ["shop.orders", "sums.by_day"]),
    (["tier:core"], ["crm.orders", "shop.orders"]), (["tag:finance"], ["shop.orders", "sums.by_day"]),

    (["tag:d*"], ["shop.orders"]),
    (["table:shop.items"], ["shop.items"]), (["items", "shop.*"], ["shop.items", "shop.orders"]),
])  # fmt: skip
def test_what_is_meant(project: Project, asked: list[str], expected: list[str]) -> None:
    assert sorted(selected(project, asked)) == expected


@pytest.mark.parametrize(("asked", "words"), [
    ("itms", "did you mean 'items'"), ("tier:cor", "did you mean 'tier:core'"), ("tag:money", "selects no table"),
    ("x.*", "selects no table"), ("orders", "declared 2 times: crm.orders, shop.orders"),
])  # fmt: skip
def test_what_selects_nothing_or_two_is_refused(project: Project, asked: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words) as refused:
        selected(project, ["shop.items", asked])
    assert refused.value.code == "UNKNOWN-TABLE"


def test_tags_are_those_of_the_runs_and_change_nothing_of_what_is_loaded(project: Project) -> None:
    assert {"tag:finance", "tag:daily", "tier:core"} <= set(tags_of(project, "shop.orders"))
    table = project.table("shop.orders")
    assert table.fingerprint == table.model_copy(update={"tags": ()}).fingerprint
