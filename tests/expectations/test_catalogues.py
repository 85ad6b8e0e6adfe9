"""The catalogues of sentences."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
CATALOGUES = [
    file for layer in ("expectations", "tasks", "flows") for file in sorted((REPOSITORY / layer).rglob("*.json"))
]


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.relative_to(REPOSITORY).as_posix())
def test_no_key_stands_twice(file: Path) -> None:
    """The later one would win without a word, and the sentence of the first be gone."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        assert twice == []
        return dict(pairs)

    assert json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once)
