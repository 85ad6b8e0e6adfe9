"""Parts of 2,000 bytes, and a tracker that resources of dlt read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from expectations.contract.split import split
from tasks.workbench import workbench
from tests.acceptance.modes.dlt_tracker import TOKEN, TRACKER, Tracker


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces(chunks: Iterator[bytes], delimiter: str) -> Any:
        cut = (chunk[at : at + 2000] for chunk in chunks for at in range(0, len(chunk), 2000))
        return split(cut, delimiter, 2000)

    monkeypatch.setattr("tasks.extract.split", pieces)


@pytest.fixture(params=["minimal", "replica"])
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's `wal_level`. The one of the tests is minimal; with another one, parts commit one by one."""
    if request.param == "replica":
        monkeypatch.setattr(type(workbench().warehouse), "fills_at_once", lambda self, cursor: False)
    return str(request.param)


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    made = Tracker()
    made.add(100)
    yield made
    made.close()


@pytest.fixture
def team(house: Any, tracker: Tracker) -> Any:
    """A project with a resource of its own; its module has a name that no other test's has."""
    (house.folder / f"{house.schema}_tracker.py").write_text(TRACKER)
    connection = {"tracker": tracker.with_login(f":{TOKEN}")}
    house.place.settings = replace(house.place.settings, connections=connection)
    return house
