"""Which changes of a declaration make the loaded windows stale: those of their rows, or of the table that holds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.project import load_project
from tests.deployments.declarations.conftest import TABLE

WITHIN = "start: 2024-01-01}"
CRON = '{cron: "0 2 * * *"}'
NONE_OF_THE_ROWS = [
    (WITHIN, "start: 2024-01-01, end: 2025-01-01}"), (WITHIN, "start: 2023-06-01}"),
    (WITHIN, "start: 2024-01-01, lookback: 3}"), (CRON, '{cron: "0 3 * * *", parallel: 4}'),
    ("data@example.com", "others@example.com"), ("key: [id]", "key: [id]\ntier: core"),
    ("key: [id]", "key: [id]\ntags: [finance]"), ("key: [id]", "key: [id]\nretries: {count: 3}"),
    ("key: [id]", 'key: [id]\nsla: [{for: finance, fresh_by: "06:00"}]'),
    ("key: [id]", "key: [id]\nrunbook: https://wiki.example.com/orders"),
    ("key: [id]", 'key: [id]\nreconcile: {cron: "0 5 * * *"}'),
    ("mode: replace_window", "mode: replace_window\n  generations: 5"),
    ("kind: csv", 'kind: csv\n  wait_for: {url: "http://files.example.com/done", until: "05:00", every: 5m}'),
]  # fmt: skip
OF_THE_ROWS = [
    ("every: day", "every: week"), ("timezone: Asia/Seoul, start", "timezone: UTC, start"),
    ("varchar(64)", "varchar(80)"), ("key: [id]", "key: [id]\npii: {email: hash}"), ("orders/{", "all/{"),
    ("One row per order.", "One row per order of today."), ("key: [id]", "key: [id]\ngrants: [analysts]"),
    ("window_column: ordered_at", "window_column: ordered_at\n  tolerance: 5%"),
]  # fmt: skip


def fingerprint(folder: Path, old: str, new: str) -> str:
    (folder / "tables").mkdir(exist_ok=True)
    assert old in TABLE
    (folder / "tables" / "orders.yaml").write_text(TABLE.replace(old, new, 1))
    return load_project(folder).table("raw.orders").fingerprint


@pytest.mark.parametrize(("old", "new"), NONE_OF_THE_ROWS)
def test_what_says_nothing_of_the_rows(tmp_path: Path, old: str, new: str) -> None:
    assert fingerprint(tmp_path, old, new) == fingerprint(tmp_path, old, old)


@pytest.mark.parametrize(("old", "new"), OF_THE_ROWS)
def test_what_says_something_of_the_rows(tmp_path: Path, old: str, new: str) -> None:
    assert fingerprint(tmp_path, old, new) != fingerprint(tmp_path, old, old)
