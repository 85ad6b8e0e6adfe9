"""A file near 400 lines has two jobs: none has more, of the code and of what holds it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 399


def test_no_module_is_too_long() -> None:
    files = [file for package in ("deployments", "expectations", "flows", "tasks", "tests")
             for file in (ROOT / package).rglob("*.py")]  # fmt: skip
    assert len(files) > 1_000, "they were found"
    lines = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {name: count for name, count in lines.items() if count > MOST} == {}
