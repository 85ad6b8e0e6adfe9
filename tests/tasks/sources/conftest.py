"""A source as a table declares it, opened for a window and read to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.table import Table
from deployments.settings import Settings
from tasks import pauses
from tasks.sources.opening import OpenSource, open_source
from tests.tasks.sources.paged_api import PagedApi

ID = {"name": "id", "type": "varchar(99)"}


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., OpenSource]:
    """Open a source; with `day`, for the window of that local day in the given zone."""

    def opened(
        declared: Mapping[str, Any], *, columns: tuple[Mapping[str, Any], ...] = (ID,), day: str | None = None,
        zone: str = "Asia/Seoul", **connections: str,
    ) -> OpenSource:  # fmt: skip
        window = {"every": "day", "timezone": zone, "start": datetime(2020, 1, 1)}
        table = Table.model_validate(
            {"table": "raw.t", "description": "d", "owner": "o", "columns": list(columns), "source": declared,
             "window": window if day else None, "load": {"mode": "append"}}
        )  # fmt: skip
        settings = Settings(project=tmp_path, state=tmp_path, connections=connections)
        return open_source(table, table.grid.parse(day) if table.grid and day else None, settings)

    return opened


@pytest.fixture
def read(source: Callable[..., OpenSource]) -> Callable[..., bytes]:
    """All bytes of a source."""
    return lambda declared, **keys: b"".join(source(declared, **keys).chunks())


@pytest.fixture
def api() -> Iterator[PagedApi]:
    """An API whose answers the test writes."""
    made = PagedApi()
    yield made
    made.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between requests, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(pauses, "pause", waited.append)
    return waited
