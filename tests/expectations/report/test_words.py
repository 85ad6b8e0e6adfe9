"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from expectations.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0"),
        (1234567, "1,234,567"),
        (0.004, "0.004"),
        (3.14159, "3.14"),
        (250.25, "250.2"),
        (2151.98, "2,152"),
    ],
)
def test_numbers(value, said):
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.00001, "< 0.01 %"), (0.99999, "> 99.9 %"), (0.0004, "0.04 %")],
)
def test_something_never_reads_as_nothing(value, said):
    assert words.share(value) == said


@pytest.mark.parametrize(
    ("name", "now", "before", "said"),
    [
        ("rows", 110, 100, "+10.0 %"), ("rows", 100, 100, "same"), ("mean:a", 2000, 20, "× 100"), ("mean:a", 60, 20, "× 3.0"),
        ("nulls:a", 0.30, 0.28, "+2.0 points"), ("mean:a", -2, 3, "-5"), ("rows", 5, 0, "+5"), ("rows", None, 3, ""),
    ],
)  # fmt: skip
def test_changes(name, now, before, said):
    assert words.change(name, now, before) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "40 ms"),
        (1.5, "1.5 s"),
        (59.4, "59 s"),
        (185, "3 min 5 s"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
        (3600, "1 h"),
    ],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


def test_a_moment_says_its_zone():
    moment = datetime(2026, 3, 5, 21, 0, tzinfo=UTC)
    assert words.moment(moment) == "5 Mar 2026, 21:00 UTC"
    assert words.moment(moment, "Asia/Seoul") == "6 Mar 2026, 06:00 KST"
