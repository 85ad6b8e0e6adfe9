"""A sound table as YAML, and the mistakes told of one that has been changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.declarations.problems import Problem
from deployments.project import read_project

TABLE = """\
table: raw.orders
description: One row per order.
owner: data@example.com
source:
  kind: csv
  url: http://files.example.com/orders/{window.start:%Y-%m-%d}.csv
window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}
schedule: {cron: "0 2 * * *"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: email, type: varchar(64)}
  - {name: amount, type: "decimal(12,2)", unit: USD}
  - {name: ordered_at, type: timestamp, source_timezone: Asia/Seoul, nullable: false}
key: [id]
load:
  mode: replace_window
  window_column: ordered_at
"""


@pytest.fixture
def table_problems(tmp_path: Path) -> Callable[..., list[Problem]]:
    """The problems of the sound table after some of its text was replaced: pairs of (old, new)."""

    def check(*changes: tuple[str, str], text: str = TABLE) -> list[Problem]:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / "orders.yaml").write_text(text)
        return read_project(tmp_path)[1]

    return check
