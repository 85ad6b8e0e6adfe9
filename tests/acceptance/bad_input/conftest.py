"""A small project in a temporary folder, its warehouse on the local stack, and its flow run as a user runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from deployments.settings import Settings

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from expectations.record import RunRecord


@dataclass
class Small:
    """A project of a test. `ask` runs SQL on its warehouse, in a session of its own."""

    settings: Settings

    def declare(self, place: str, text: str) -> None:
        """Write a file of the project; it is read anew."""
        from tasks import workbench

        file = self.settings.project / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        workbench.use(self.settings)

    def ingest(self, table: str, window: str = "source") -> RunRecord:
        from flows.ingest import ingest

        return ingest(table, window)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(str(self.settings.warehouse_url))) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@pytest.fixture(scope="module")
def warehouse(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def small(clients: StackState, warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """A project without tables yet. Failures that may pass are not tried again: that is Prefect's, and takes a minute."""
    import flows.ingest
    from tasks import workbench

    monkeypatch.setattr(flows.ingest, "extract", flows.ingest.extract.with_options(retries=0))
    monkeypatch.setattr(workbench, "_current", None)
    settings = Settings(
        project=tmp_path / "project", state=tmp_path / "state", warehouse_url=warehouse,
        stage_url=f"file://{tmp_path / 'stage'}", pii_key="k" * 32,
    )  # fmt: skip
    yield Small(settings)
    assert not list((tmp_path / "state" / "spool").glob("*")), "raw bytes were left in the spool"
