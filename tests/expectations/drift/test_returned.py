"""What ended weeks ago and comes back is told, though the history holds both forms; what comes and goes isn't."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest

from expectations.drift import Accepted, Verdict, detect
from expectations.drift.block import Block
from expectations.drift.figures import named
from expectations.drift.labels import since_it_ended
from expectations.drift.returned import coming_back
from expectations.profile import Profile, profile_file

from .conftest import write_day

MARCH = datetime(2024, 3, 4)
# What differs between the two forms: how a date is written, whether notes are empty, a label, a unit.
CHANGED = {"paid_at": "format", "note": "completeness", "channel": "categories"}
Measure = Callable[[int, bool], Profile]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """The profile of a day in the old form or in the new one."""
    path = tmp_path_factory.mktemp("days") / "day.csv"

    @cache
    def measure(day: int, old: bool) -> Profile:
        rng = random.Random(day)
        rows = []
        for at in range(200):
            paid = MARCH + timedelta(days=day, minutes=8 * 60 + at * 3, seconds=rng.randrange(60))
            rows.append(
                {
                    "order": f"{rng.getrandbits(40):010x}",
                    "paid_at": f"{paid:%m/%d/%Y %H:%M}" if old else f"{paid}",
                    "note": "" if old and rng.random() < 0.3 else rng.choice(["ok", "late", "gift"]),
                    "channel": rng.choices(["web", "shop", "phone"], [60, 40, 30 if old else 0])[0],
                    "amount": f"{rng.lognormvariate(3, 0.5) * (100 if old else 1):.2f}",
                }
            )
        return profile_file(write_day(path, rows))

    return measure


def judge(measured: Measure, forms: Sequence[bool], accepted: Sequence[str] = (), since: int = 0) -> Verdict:
    """The verdict on the last of these days; `accepted` columns have a new level from one of them on."""
    days = [f"orders_{MARCH + timedelta(days=day):%Y-%m-%d}.csv" for day in range(len(forms))]
    *history, batch = [measured(day, old) for day, old in enumerate(forms)]
    meant = [
        Accepted(column, kind, level_from=days[since])
        for column in accepted
        for kind in ("values", "format", "completeness", "categories", "clock", "reference", "relation", "segment")
    ]
    return detect(batch, history, batch_label=days[-1], history_labels=days[:-1], accepted=meant)


@pytest.mark.parametrize(("old", "new"), [(3, 25), (7, 21), (14, 14), (20, 8)])
def test_a_form_that_ended_is_told_when_it_comes_back(measured: Measure, old: int, new: int) -> None:
    verdict = judge(measured, [True] * old + [False] * new + [True])
    told = {(a.column, a.kind) for a in verdict.alerts}
    assert {"paid_at", "note", "channel", "amount"} <= {column for column, _ in told}
    assert {("note", "completeness"), ("channel", "categories")} <= told


@pytest.mark.parametrize(("old", "new"), [(7, 21), (14, 14), (20, 8)])
def test_so_is_the_end_of_one_that_came(measured: Measure, old: int, new: int) -> None:
    """Values that were missing for weeks, and were not before, are all there again."""
    verdict = judge(measured, [False] * old + [True] * new + [False])
    assert {("paid_at", "format"), ("note", "completeness")} <= {(a.column, a.kind) for a in verdict.alerts}


def test_a_form_of_a_few_days_is_told_when_it_comes_back(measured: Measure) -> None:
    verdict = judge(measured, [False] * 10 + [True] * 4 + [False] * 14 + [True])
    assert CHANGED.items() <= {(a.column, a.kind) for a in verdict.alerts}
    written = [a for a in verdict.alerts if a.cause == "written as once before"]
    assert [a.column for a in written] == ["paid_at"]
    assert "is written as none of the last 14 batches was, and as those before were: `2024-03-31 " in written[0].message


@pytest.mark.parametrize("before", [7, 14])
def test_a_level_that_comes_back_after_an_accepted_change_is_told(measured: Measure, before: int) -> None:
    forms = [True] * (28 - before) + [False] * before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = judge(measured, [*forms, True], ["paid_at", "note", "channel", "amount"], 28 - before)
        quiet = judge(measured, [*forms, False], ["paid_at", "note", "channel", "amount"], 28 - before)
    assert {"paid_at", "note", "amount"} <= {a.column for a in verdict.alerts if a.score >= 1}
    assert quiet.verdict == "pass"


@pytest.mark.parametrize(
    "history",
    [
        [True, False] * 14,
        ([True] * 7 + [False] * 7) * 2,
        ([True] * 3 + [False] * 7) * 3,
        [day % 3 == 0 or day % 7 == 2 for day in range(28)],
    ],
)
@pytest.mark.parametrize("now", [True, False])
def test_a_form_that_comes_and_goes_is_no_news(measured: Measure, history: list[bool], now: bool) -> None:
    assert judge(measured, [*history, now]).verdict == "pass"


@pytest.mark.parametrize(
    ("phases", "since"),
    [
        ("+++-------", 7),
        ("----+++-------", 7),
        ("++-------", 0),
        ("+++------", 0),
        ("----------", 0),
        ("+++-------+", 0),
        ("+++---+++-------", 7),
        ("+++----+++-------", 0),
        ("+-+-+-+++--------", 8),
    ],
)
def test_what_ended_was_there_for_days_and_is_gone_for_longer_than_ever(phases: str, since: int) -> None:
    assert since_it_ended([phase == "-" for phase in phases]) == since


@pytest.mark.parametrize(
    ("shares", "back"),
    [
        ([0.3] * 5 + [0.0] * 8 + [0.3], True),
        ([0.3] * 5 + [1.0] * 8 + [0.3], True),
        ([0.0] * 5 + [0.3, 0.2] * 4 + [0.0], True),
        ([0.3] * 5 + [0.0] * 8 + [0.0], False),
        ([0.3] * 5 + [0.1] * 8 + [0.3], False),
        # Hours of fog: nobody changed a program. A form that came in the middle of a day, or a rare one, did.
        ([0.0] * 3 + [0.1, 0.5, 0.15] + [0.0] * 7 + [0.3], False),
        ([0.9, 0.5, 0.85] + [1.0] * 10 + [0.7], False),
        ([0.0] * 3 + [0.1, 1.0, 1.0] + [0.0] * 7 + [1.0], True),
        ([0.0] * 3 + [0.02, 0.07, 0.02] + [0.0] * 7 + [0.03], True),
    ],
)
def test_none_some_and_all_come_back(shares: list[float], back: bool) -> None:
    rows = np.full((14, 2), 100.0)
    had = np.array([shares, shares]).T * 100
    found = coming_back(Block((named("note", "completeness", "missing"), named("n", "values", "zero")), had, rows))
    # How large numbers are changes with the world.
    assert list(found) == ([0] if back else [])
