"""What counts of the answers to alarms: the newest word, one per alarm, until it is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.answers import muted, rejected, usual
from tasks.warehouses.decisions import Decision, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID = ("paid", "values")


def said(*words: tuple[Kind, str | None], about: tuple[str, str] = PAID) -> list[Decision]:
    return [
        Decision(NOON + timedelta(hours=hour), "raw.orders", kind, about[1], "ada", "because", about[0], None, run)
        for hour, (kind, run) in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ([("mute-drift", "r1")], 1),
        ([("mute-drift", "r1"), ("mute-drift", "r1")], 1),
        ([("mute-drift", "r1"), ("mute-drift", "r2")], 2),
        ([("mute-drift", "r1"), ("unmute-drift", None)], 0),
        ([("unmute-drift", None), ("mute-drift", "r1")], 1),
        ([("accept-drift", "r1")], 0),
    ],
)
def test_each_alarm_is_answered_once_and_can_be_taken_back(words: list[tuple[Kind, str | None]], answers: int) -> None:
    found = muted(said(*words))
    assert len(found.get(PAID, ())) == answers
    assert (PAID in usual(said(*words))) is (answers > 0 or words[0][0] == "accept-drift")


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ([("reject-drift", "r1")], {"r1"}),
        ([("reject-drift", "r1"), ("accept-drift", "r1")], set()),
        ([("accept-drift", "r1"), ("reject-drift", "r1")], {"r1"}),
        ([("reject-drift", "r1"), ("accept-drift", "r2")], {"r1"}),
        ([("reject-drift", "r1"), ("mute-drift", "r1")], set()),
    ],
)
def test_the_last_word_on_a_run_counts(words: list[tuple[Kind, str | None]], runs: set[str]) -> None:
    assert rejected(said(*words)) == runs
