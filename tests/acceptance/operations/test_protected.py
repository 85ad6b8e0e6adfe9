"""What `connections.yaml` says of the databases that tables are read from, on a project of files and real servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import DeclarationError
from deployments.project import load_project

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)

TABLE = """
description: d
owner: o
source: {kind: postgres, connection: shop, query: "SELECT 1 AS id, 'one' AS note"}
columns: [{name: id, type: integer}, {name: note, type: varchar(9)}]
load: {mode: full_refresh}
"""


def connections(house: Any, text: str) -> None:
    (house.folder / "connections.yaml").write_text(f"connections: {text}\n")


@pytest.fixture
def typed(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command in the project's folder, with what its settings are as the environment."""
    settings = house.place.settings
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    monkeypatch.setenv("HEADGATE_WAREHOUSE_URL", str(settings.warehouse_url))
    monkeypatch.setenv("HEADGATE_STAGE_URL", str(settings.stage_url))
    monkeypatch.setenv("HEADGATE_CONNECTION_SHOP", str(settings.warehouse_url))
    return command


@pytest.mark.effect("Connections.connections", "Protection.is_warehouse")
def test_the_warehouse_is_a_source_only_where_it_is_meant(house: Any, typed: Callable[..., Any]) -> None:
    house.place.settings = replace(house.place.settings, connections={"shop": str(house.place.settings.warehouse_url)})
    table = house.declare("t", TABLE)
    told = typed("check")
    assert told.code == 2
    assert "tables/t.yaml:5: source.connection" in told.out
    assert "warehouse's own database" in told.out
    with pytest.raises(DeclarationError, match="HEADGATE_WAREHOUSE_URL") as caught:
        house.load(table)
    assert caught.value.code == "SAME-DATABASE"
    connections(house, "{shop: {is_warehouse: true}}")
    assert typed("check").code == 0
    house.load(table)
    assert house.rows(table) == [(1, "one")]


def test_a_limit_that_protects_nobody_is_a_mistake(house: Any) -> None:
    house.declare("t", TABLE)
    connections(house, "{shopp: {}}")
    with pytest.raises(DeclarationError, match="did you mean 'shop'"):
        load_project(house.folder)
    house.declare(
        "t", TABLE.replace("kind: postgres", "kind: csv").replace("query: \"SELECT 1 AS id, 'one' AS note\"", "url: /a")
    )
    connections(house, "{shop: {}}")
    with pytest.raises(DeclarationError, match="leads to no database"):
        load_project(house.folder)
