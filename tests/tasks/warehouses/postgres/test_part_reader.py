"""A staged part on its way into COPY: one that is gone is told as lost, not as an end of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.errors import RetryableError
from tasks.objects.manifest import Part
from tasks.objects.store import FolderStore
from tasks.warehouses.postgres.copy import PartReader


def test_a_part_that_is_gone_is_lost(tmp_path: Path) -> None:
    reader = PartReader(FolderStore(f"file://{tmp_path}"), Part(1, "part-00001.csv", 1, 9, "ab"), "none")
    with pytest.raises(RetryableError) as told:
        reader.read()
    assert told.value.code == "STAGE-LOST"
    assert reader.failure is told.value
