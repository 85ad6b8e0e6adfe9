"""The difference is told field by field, and a second deploy finds none."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from flows.deploy.difference import differences, of_another_project
from flows.deploy.standing import Standing
from flows.deploy.wanted import Wanted

ITEM = Wanted(
    flow="load", name="raw.sales", entrypoint="flows.scheduled.load_due", description="Sales.", version="1+a",
    tags=("headgate",), parameters={"table": "raw.sales"}, cron="0 2 * * *", timezone="Asia/Seoul",
)  # fmt: skip
ENVIRONMENT = {"A": "1"}
SCHEMAS = {ITEM.key: {"type": "object"}}


def standing(item: Wanted) -> dict[str, Standing]:
    return {item.key: Standing(uuid4(), item, "pool", ENVIRONMENT, SCHEMAS[ITEM.key])}


def test_what_stands_as_wanted_is_the_same() -> None:
    assert [c.kind for c in differences([ITEM], standing(ITEM), ENVIRONMENT, SCHEMAS)] == ["same"]


def test_what_is_no_longer_declared_is_removed() -> None:
    assert [(c.key, c.kind) for c in differences([], standing(ITEM), ENVIRONMENT, SCHEMAS)] == [(ITEM.key, "removed")]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cron": "0 3 * * *"}, "cron: 0 3 * * * -> 0 2 * * *"),
        ({"timezone": "UTC"}, "timezone: UTC -> Asia/Seoul"),
        ({"version": "1+b"}, "version: 1+b -> 1+a"),
        ({"tags": ()}, "tags: nothing -> headgate"),
        ({"at_once": 4}, "at once: 4 -> 1"),
        ({"triggered_by": ("x.y",)}, "triggered by: x.y -> nothing"),
        ({"description": "Old."}, "description"),
    ],
)
def test_every_field_that_differs_is_told(changed: dict[str, object], said: str) -> None:
    (change,) = differences([ITEM], standing(replace(ITEM, **changed)), ENVIRONMENT, SCHEMAS)  # type: ignore[arg-type]
    assert (change.kind, change.said) == ("changed", (said,))


def test_a_changed_environment_or_form_is_told() -> None:
    (change,) = differences([ITEM], standing(ITEM), {"A": "2"}, {ITEM.key: {"type": "other"}})
    assert change.said == ("environment: A=1 -> A=2", "parameters of the form")


def test_the_zone_of_no_schedule_is_no_difference() -> None:
    manual = replace(ITEM, cron=None)
    assert differences([manual], standing(replace(manual, timezone="UTC")), ENVIRONMENT, SCHEMAS)[0].kind == "same"


@pytest.mark.parametrize(("declared", "others"), [
    (["raw.sales"], []), (["raw.sales", "raw.new"], []), (["raw.other"], ["load/raw.sales"]), ([], ["load/raw.sales"]),
])  # fmt: skip
def test_a_pool_in_which_nothing_is_ours_is_another_projects(declared: list[str], others: list[str]) -> None:
    there = replace(ITEM, tags=("headgate", "table:raw.sales"))
    wanted = [replace(ITEM, name=name) for name in declared]
    schemas = {item.key: SCHEMAS[ITEM.key] for item in wanted}
    assert of_another_project(differences(wanted, standing(there), ENVIRONMENT, schemas), standing(there)) == others
    assert of_another_project(differences(wanted, {}, ENVIRONMENT, schemas), {}) == []
