"""A Dask worker that isn't as the load is, or can't see its part, refuses; without Dask the parts are worked on here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.errors import DeclarationError
from tasks.part_workers import dask_pool, marks_of, refuse_another, side_by_side


def bench(version: str = "1", suite: str = "s", stage: str = "s3://b", key: bytes | None = b"k") -> Any:
    project = SimpleNamespace(table=lambda name: SimpleNamespace(fingerprint=version), suite_hash=lambda name: suite)
    settings = SimpleNamespace(hash_keys={} if key is None else {"name": key})
    return SimpleNamespace(project=project, stage=SimpleNamespace(base=stage), settings=settings)


def marks(of: Any) -> Any:
    return marks_of(of, "shop.orders", "attempt")


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        (bench(version="2"), "another declaration"), (bench(suite="t"), "another suite"),
        (bench(stage="s3://c"), "another HEADGATE_STAGE_URL"), (bench(key=b"l"), "another HEADGATE_PII_KEY"),
        (bench(key=None), "another HEADGATE_PII_KEY"), (bench(suite="t", key=b"l"), "suite and another HEADGATE_PII_KEY"),
    ],
)  # fmt: skip
def test_a_worker_that_is_not_as_the_load_is_refuses(worker: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=said) as refused:
        refuse_another(marks(worker), marks(bench()), tmp_path)
    assert refused.value.code == "OLD-WORKER"


def test_a_spool_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="doesn't see the spool") as refused:
        refuse_another(marks(bench()), marks(bench()), tmp_path / "raw" / "part-00001.csv")
    assert refused.value.code == "SPOOL-NOT-SHARED"
    assert "HEADGATE_STATE" in str(refused.value.next_command)


def test_the_same_worker_is_taken_and_its_key_stays_with_it(tmp_path: Path) -> None:
    secret = bench(key=b"a long random text")
    refuse_another(marks(secret), marks(secret), tmp_path)
    assert "a long random text" not in str(marks(secret))
    # What is sent for one run says nothing about that of another.
    assert marks_of(secret, "shop.orders", "other")["HEADGATE_PII_KEY"] != marks(secret)["HEADGATE_PII_KEY"]


def test_outside_a_flow_the_jobs_are_done_here_and_in_order() -> None:
    with dask_pool() as pool:
        assert pool is None
        assert list(side_by_side(pool, 2, lambda n: n * n, lambda n: -1, [3, 1, 2])) == [9, 1, 4]
