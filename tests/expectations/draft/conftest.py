"""Measure texts as a source would deliver them: one field, or whole records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from expectations.draft.measure import Records


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Callable[[str, str], Records]]:
    """Records from CSV text without header, and its header."""
    made: list[Records] = []

    def measured(header: str, text: str) -> Records:
        file = tmp_path / f"part-{len(made)}.csv"
        file.write_text(text)
        made.append(Records([file], header.split(","), ",", tmp_path / "temp"))
        return made[-1]

    yield measured
    for item in made:
        item.close()


@pytest.fixture
def field(records: Callable[[str, str], Records]) -> Callable[[Sequence[str]], Records]:
    """Records of one field, beside a second one that keeps empty lines records."""
    return lambda values: records("x,y", "".join(f"{value},1\n" for value in values))
