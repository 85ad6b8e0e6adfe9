"""A Dask worker refuses what isn't its project, and what it can't see; without Dask the parts are worked on here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.errors import DeclarationError
from tasks import part_workers
from tasks.part_workers import bench_of_worker, dask_pool, side_by_side


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Any:
    table = SimpleNamespace(table="shop.orders", fingerprint="abc")
    bench = SimpleNamespace(project=SimpleNamespace(table=lambda name: table))
    monkeypatch.setattr(part_workers, "workbench", lambda: bench)
    return SimpleNamespace(table="shop.orders")


def test_another_declaration_is_refused(batch: Any, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"shop\.orders is declared otherwise on a Dask worker") as refused:
        bench_of_worker(batch, "abd", tmp_path)
    assert refused.value.code == "OLD-WORKER"


def test_a_spool_of_another_machine_is_refused(batch: Any, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="doesn't see the spool") as refused:
        bench_of_worker(batch, "abc", tmp_path / "raw" / "part-00001.csv")
    assert refused.value.code == "SPOOL-NOT-SHARED"
    assert "HEADGATE_STATE" in str(refused.value.next_command)


def test_the_same_declaration_and_spool_are_taken(batch: Any, tmp_path: Path) -> None:
    _, table = bench_of_worker(batch, "abc", tmp_path)
    assert table.table == "shop.orders"


def test_outside_a_flow_the_jobs_are_done_here_and_in_order() -> None:
    with dask_pool() as pool:
        assert pool is None
        assert list(side_by_side(pool, 2, lambda n: n * n, lambda n: -1, [3, 1, 2])) == [9, 1, 4]
