"""Two warehouses or projects that write to one stage or report are told so; one that comes back isn't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.settings import Settings
from tasks.shared_places import MARK, shared_places
from tasks.workbench import Workbench


def bench(folder: Path, warehouse: str, *tables: str) -> Workbench:
    settings = Settings(
        folder, folder / "state", warehouse, f"file://{folder}/stage", report_url=f"file://{folder}/report"
    )
    project: Any = SimpleNamespace(tables=dict.fromkeys(tables), summaries={})
    return Workbench(settings, project)


ONE = "postgresql://loader:hidden@DW.example.com/db"


@pytest.mark.parametrize(("warehouse", "tables", "told"), [
    (ONE, ("a.x", "a.y"), ""), ("postgresql://other:login@dw.example.com:5432/db?sslmode=require", ("a.x",), ""),
    ("postgresql://u@dw.example.com/test", ("a.x", "a.y"), "another warehouse's"),
    ("postgresql://u@test.example.com/db", ("a.x", "a.y"), "another warehouse's"),
    (ONE, ("b.z",), "another project's, too (a.x, a.y)"),
])  # fmt: skip
def test_who_else_writes_there(tmp_path: Path, warehouse: str, tables: tuple[str, ...], told: str) -> None:
    first = bench(tmp_path, ONE, "a.x", "a.y")
    assert shared_places(first) == []
    found = shared_places(bench(tmp_path, warehouse, *tables))
    assert [told in text for text in found] == ([True, True] if told else [])
    # Whoever was first keeps the mark, and is told nothing new.
    assert shared_places(first) == []
    for place in ("stage", "report"):
        assert "hidden" not in (tmp_path / place / MARK).read_text()


def test_the_local_stack_is_told_by_its_folder_not_by_its_port(tmp_path: Path) -> None:
    def local(port: int) -> Workbench:
        found = bench(tmp_path, f"postgresql://u@127.0.0.1:{port}/db", "a.x")
        return Workbench(replace(found.settings, local_stack=True), found.declared)

    assert [shared_places(local(port)) for port in (5001, 5002)] == [[], []]


def test_a_mark_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / MARK).write_text("[]")
    assert shared_places(bench(tmp_path, ONE, "a.x")) == []
    assert "a.x" in (tmp_path / "report" / MARK).read_text()


def test_a_report_that_cannot_be_written_is_told_and_holds_no_load_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    here = bench(tmp_path, ONE, "a.x")
    wrong = Workbench(replace(here.settings, report_url=f"file://{tmp_path}/file/report"), here.declared)
    (told,) = shared_places(wrong)
    assert told.startswith(f"the report at file://{tmp_path}/file/report can't be used (Not a directory): loads go on")
