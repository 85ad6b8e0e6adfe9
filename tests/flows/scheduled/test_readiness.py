"""A window of another table is published when published windows cover all of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deployments.windows import Window
from tasks.readiness import covered
from tasks.warehouses.proofs import Counts, Proof


def proof(key: str, published: datetime = datetime(2020, 8, 20, tzinfo=UTC)) -> Proof:
    return Proof(1, key, "publish", "r", "a", "", "", "", "", published, Counts())


def day(number: int) -> str:
    return Window(datetime(2020, 8, number, tzinfo=UTC), datetime(2020, 8, number + 1, tzinfo=UTC)).key


WEEK = Window(datetime(2020, 8, 10, tzinfo=UTC), datetime(2020, 8, 13, tzinfo=UTC))


@pytest.mark.parametrize(
    ("published", "ready"),
    [
        ([], False),
        ([day(10), day(11)], False),
        ([day(10), day(12)], False),
        ([day(12), day(10), day(11)], True),
        ([WEEK.key], True),
        ([day(9), day(10), day(11), day(12), day(13)], True),
    ],
)
def test_covered_by_windows(published: list[str], ready: bool) -> None:
    assert covered([proof(key) for key in published], WEEK) is ready


def test_a_table_without_windows_has_to_be_published_after_the_window_ended() -> None:
    assert covered([proof("source", datetime(2020, 8, 13, tzinfo=UTC))], WEEK)
    assert not covered([proof("source", datetime(2020, 8, 12, 23, tzinfo=UTC))], WEEK)
