"""Bytes are found wherever they stand in a file, across the pieces it is read in too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.objects.protocol import READ_BYTES
from tasks.objects.store import holds


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", False),
        (b"a\r\nb\n", True),
        (b"a\rb\n", False),
        (b"x" * (READ_BYTES - 1) + b"\r\n", True),
        (b"x" * (READ_BYTES - 1) + b"\r" + b"x" * READ_BYTES + b"\n", False),
        (b"x" * 2 * READ_BYTES + b"\r\n", True),
    ],
)
def test_a_line_end_of_two_bytes(tmp_path: Path, content: bytes, found: bool) -> None:
    file = tmp_path / "part.csv"
    file.write_bytes(content)
    assert holds(file, b"\r\n") is found
