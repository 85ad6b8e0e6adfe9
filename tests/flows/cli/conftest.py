"""The command line on a small project of its own: files as sources, a schema's worth of warehouse on the local stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

TABLES = {
    "items": """\
table: raw.items
description: Items.
owner: data@example.com
source: {kind: csv, url: "file://FOLDER/items.csv"}
columns: [{name: id, type: integer, nullable: false}, {name: price, type: "decimal(9,2)"}]
load: {mode: full_refresh, tolerance: 50%}
""",
    "visits": """\
table: raw.visits
description: Visits.
owner: data@example.com
source: {kind: csv, url: "file://FOLDER/visits-{window.start:%Y-%m-%d}.csv"}
window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-04}
columns: [{name: id, type: integer, nullable: false}, {name: at, type: timestamp, source_timezone: UTC}]
load: {mode: replace_window, window_column: at}
""",
}
SUMMARY = """\
/*
target: analytics.totals
description: How many items, and what they cost.
owner: data@example.com
inputs: [{table: raw.items}]
*/
SELECT count(*) AS items, sum(price) AS total FROM raw.items
"""


@dataclass
class Told:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.startswith(("{", "[", "null")), self
        return json.loads(self.out)


def of(command: str, *options: str) -> pytest.MarkDecorator:
    """The effects of options of one command."""
    return pytest.mark.effect(*(f"headgate {command} {option}" for option in options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    for name, text in TABLES.items():
        (made / "tables").mkdir(exist_ok=True)
        (made / "tables" / f"{name}.yaml").write_text(text.replace("FOLDER", str(made)))
    (made / "summaries").mkdir()
    (made / "summaries" / "totals.sql").write_text(SUMMARY)
    (made / "items.csv").write_text("id,price\n1,1.50\n2,2.50\n")
    for day in (1, 2):
        (made / f"visits-2024-03-0{day}.csv").write_text(f"id,at\n7,2024-03-0{day} 10:00:00\n")
    return made


@pytest.fixture(scope="module")
def headgate(
    clients: StackState, new_database: Callable[[], str], folder: Path
) -> Iterator[Callable[..., Callable[..., Told]]]:
    """Call the command line in this process, as a user in the project's folder would; the tests of a module share it."""
    import flows.ingest
    from tasks import workbench

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(workbench, "_current", None)
        patch.setattr(flows.ingest, "extract", flows.ingest.extract.with_options(retries=0))
        for name, value in {
            "WAREHOUSE_URL": new_database(),
            "STAGE_URL": f"file://{folder}/stage",
            "PII_KEY": "k",
        }.items():
            patch.setenv(f"HEADGATE_{name}", value)
        yield lambda capture: lambda *arguments: _called(capture, arguments)


@pytest.fixture
def call(headgate: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    made: Callable[..., Told] = headgate(capsys)
    return made


def _called(capture: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> Told:
    from flows.cli import main

    capture.readouterr()
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    told = capture.readouterr()
    assert isinstance(end.value.code, int)
    return Told(end.value.code, told.out, told.err)
