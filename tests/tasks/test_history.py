"""Which batches make up the history: not those whose page waits for an owner's answer."""

from __future__ import annotations

import pytest

from tasks.history import TRUSTED, unanswered

RUNS = [f"r{number:02}" for number in range(TRUSTED + 4)]
LATE = RUNS[TRUSTED + 1]
PAID = ("paid", "values")


@pytest.mark.parametrize(
    ("accepted", "out"),
    [
        (set(), {LATE}),
        ({PAID}, set()),
        ({("paid", "*")}, set()),
        ({("paid", "format")}, {LATE}),
        ({(None, "values")}, {LATE}),
    ],
)
def test_a_page_counts_when_somebody_accepted_it(accepted: set[tuple[str | None, str]], out: set[str]) -> None:
    assert unanswered(RUNS, {LATE: {PAID}}, accepted) == out


def test_every_page_of_a_batch_wants_an_answer() -> None:
    assert unanswered(RUNS, {LATE: {PAID, (None, "volume")}}, {PAID}) == {LATE}


def test_a_short_history_takes_what_it_gets() -> None:
    """Else a table whose third batch was told would never get a history at all."""
    assert unanswered(RUNS, {run: {PAID} for run in RUNS}, set()) == set(RUNS[TRUSTED:])
