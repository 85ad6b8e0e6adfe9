"""Windows of mode append whose rows may stand already, under other windows or read as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tasks.warehouses.names import TableName
from tasks.warehouses.outside_hands import doubled
from tasks.warehouses.proofs import Counts, Proof

LIVE = TableName("raw_data", "orders")
WHOLE = Proof(
    sequence=1, batch_key="source", kind="publish", run_id="r", attempt_id="a", fingerprint="f", declaration_hash="d",
    suite_hash="s", stage_uri="", published_at=datetime(2026, 1, 10, 9, 30, tzinfo=UTC), counts=Counts(inserted=5),
)  # fmt: skip


def day(first: int, last: int | None = None) -> str:
    return f"2026-01-{first:02d}T00:00:00Z/2026-01-{last or first + 1:02d}T00:00:00Z"


@pytest.mark.parametrize(
    ("new", "standing", "stands"),
    [
        (day(3), [day(1), day(2)], None),
        (day(3), [day(1), day(3)], None),  # its own publish, which another error is about
        (day(3), [day(1, 8)], "batches from 2026-01-01T00:00Z stand"),
        (day(1, 8), [day(2), day(6)], "batches from 2026-01-02T00:00Z to 2026-01-06T00:00Z stand"),
        (day(9), ["source"], "its source was loaded as a whole"),
        (day(10), [day(12), "source"], "its source was loaded as a whole"),
        (day(11), ["source"], None),
        (day(11), [day(11, 18), "source"], "batches from 2026-01-11T00:00Z stand"),
    ],
)
def test_a_window_is_refused_where_its_rows_may_be_there(new: str, standing: list[str], stands: str | None) -> None:
    known = {key: replace(WHOLE, batch_key=key) if key == "source" else None for key in standing}
    error = doubled(LIVE, [new], known)
    if stands is None:
        assert error is None
        return
    assert error is not None
    assert error.code == "APPEND-AGAIN"
    assert f"since {stands}, and mode append would double them" in error.message
    assert ("declare a window.start at 2026-01-10T09:30:00Z, when that was published, or later" in error.message) == (
        "source" in standing and "whole" in stands
    )
