"""Many things at once: few messages, and nothing lost in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tasks.incidents.answers import acknowledge, named
from tasks.incidents.model import MANY, Trouble

if TYPE_CHECKING:
    from tests.tasks.incidents.conftest import Life

Make = Callable[..., Trouble]
At = Callable[[float], datetime]
TABLES = [f"raw.t{n:03}" for n in range(200)]


def test_two_hundred_tables_fail_in_a_minute_for_one_reason(life: Life, trouble: Make) -> None:
    """They fail over six looks ten seconds apart and are mended as slowly: one message at the start, one at the end."""
    most = 0
    for look in range(60):
        failed = TABLES[: 34 * (look + 1)] if look < 30 else TABLES[34 * (look - 29) :]
        life.look(look / 6, *(trouble(name, "CHECK-FAILED") for name in failed))
        most = max(most, max(len(item.trouble.tables) for item in life.incidents))
    life.look(60)
    assert [(kind, scopes) for _, kind, scopes in life.told] == [("opened", (MANY,)), ("recovered", (MANY,))]
    assert most == 200


def test_two_hundred_tables_fail_each_for_a_reason_of_its_own(life: Life, trouble: Make) -> None:
    for look in range(180):
        failed = TABLES[: 34 * (look + 1)]
        life.look(look / 6, *(trouble(name, f"CODE-{name[-3:]}") for name in failed))
    opened = [scopes for _, kind, scopes in life.told if kind in ("opened", "several")]
    assert len(opened) <= 3
    assert sorted(name for scopes in opened for name in scopes) == TABLES


def test_a_few_at_once_are_told_one_by_one(life: Life, trouble: Make) -> None:
    life.look(0, *(trouble(name, f"CODE-{name[-3:]}") for name in TABLES[:5]))
    assert [kind for _, kind in life.kinds] == ["opened"] * 5


def test_one_more_after_a_few_is_told_as_itself(life: Life, trouble: Make) -> None:
    life.look(0, *(trouble(name, f"CODE-{name[-3:]}") for name in TABLES[:5]))
    life.look(1, *(trouble(name, f"CODE-{name[-3:]}") for name in TABLES[:6]))
    assert [kind for _, kind, scopes in life.told if scopes == (TABLES[5],)] == ["opened"]


def test_a_table_that_fails_for_the_shared_reason_later_joins(life: Life, trouble: Make) -> None:
    life.look(0, *(trouble(name) for name in TABLES[:6]))
    life.look(1, *(trouble(name) for name in TABLES[:7]))
    assert life.kinds == [(0, "opened")]
    assert len(life.incidents[0].trouble.tables) == 7


def test_tables_whose_source_is_down_are_one_incident(life: Life, trouble: Make) -> None:
    shared = [trouble(name, "SOURCE-UNREACHABLE", scope="connection production") for name in TABLES[:3]]
    life.look(0, *shared)
    assert life.told == [(0, "opened", ("connection production",))]
    assert life.incidents[0].trouble.tables == tuple(TABLES[:3])
    assert life.incidents[0].trouble.times == 3


def test_a_late_summary_belongs_to_its_late_input(life: Life, trouble: Make) -> None:
    table = trouble("raw.nps", "LATE", domain="late", late=("care: fresh by 08:00",), severity="major")
    summary = trouble("analytics.nps", "LATE", domain="late", late=("board: fresh by 09:00",), depends_on=("raw.nps",))
    life.look(0, summary, table)
    assert life.told == [(0, "opened", ("raw.nps",))]
    assert life.incidents[0].trouble.late == ("care: fresh by 08:00", "board: fresh by 09:00")
    assert life.incidents[0].trouble.severity == "critical"


def test_many_ends_at_once_are_one_message(life: Life, trouble: Make) -> None:
    life.look(0, *(trouble(name, f"CODE-{name[-3:]}") for name in TABLES[:20]))
    life.look(15)
    life.look(45)
    assert [kind for _, kind in life.kinds] == ["several", "several_recovered"]


@pytest.mark.parametrize("severity", ["critical", "major", "minor"])
def test_forty_tables_that_fail_one_a_minute_are_at_most_four_messages(
    life: Life, trouble: Make, severity: str
) -> None:
    failing = [trouble(name, severity=severity, at=n) for n, name in enumerate(TABLES[:40])]
    life.run(40, lambda minute: failing[: minute + 1])
    assert len(life.told) <= 4
    assert [kind for _, kind in life.kinds[:3]] == ["opened"] * 3
    (many,) = [item for item in life.incidents if item.active]
    assert len(many.trouble.tables) == 40
    assert {item.state for item in life.incidents if item is not many} == {"folded"}


def test_forty_tables_over_a_night_without_an_answer_and_then_well(life: Life, trouble: Make) -> None:
    """All that is told until the end: nothing of each table, and one end."""
    failing = [trouble(name, at=n) for n, name in enumerate(TABLES[:40])]
    life.run(24 * 60, lambda minute: failing[: minute + 1] if minute < 480 else failing[minute - 480 :], every=1)
    assert life.kinds == [(0, "opened"), (1, "opened"), (2, "opened"), (32, "escalated"), (272, "reminded"),
                          (640, "recovered")]  # fmt: skip
    assert life.told[-1][2] == (MANY,)


def test_two_tables_that_fail_alike_stay_two(life: Life, trouble: Make) -> None:
    life.run(20, lambda minute: [trouble(name, severity="major") for name in TABLES[: 1 + (minute > 0)]])
    assert [scopes for _, _, scopes in life.told] == [(TABLES[0],), (TABLES[1],)]


def test_tables_that_fail_alike_hours_apart_are_not_one(life: Life, trouble: Make) -> None:
    life.run(400, lambda minute: [trouble(name, severity="minor") for name in TABLES[: 1 + minute // 100]], every=5)
    assert all(item.active for item in life.incidents)


def test_one_that_somebody_works_on_is_not_swallowed(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble(TABLES[0]))
    life.answer(acknowledge, "minji", minutes(1))
    life.look(2, *(trouble(name) for name in TABLES[:4]))
    assert [item.state for item in life.incidents] == ["acknowledged", "open"]
    assert life.incidents[1].trouble.tables == tuple(TABLES[1:4])


def test_growth_is_told_when_it_is_four_times_as_many(life: Life, trouble: Make) -> None:
    failing = [trouble(name, severity="minor", at=n) for n, name in enumerate(TABLES)]
    life.run(199, lambda minute: failing[: minute + 1])
    assert life.kinds == [(0, "opened"), (1, "opened"), (2, "opened"), (17, "grown"), (71, "grown")]


def test_reminders_and_calls_come_together(life: Life, trouble: Make) -> None:
    """Ten incidents of their own, a minute apart: the next person is called for all that wait, not ten times."""
    failing = [trouble(name, f"CODE-{name[-3:]}", at=n) for n, name in enumerate(TABLES[:10])]
    life.run(60, lambda minute: failing[: minute + 1])
    called = [(at, kind) for at, kind in life.kinds if "escalated" in kind]
    assert called == [(30, "escalated"), (45, "several_escalated")]
    assert all(item.escalated_at for item in life.incidents)


def test_a_message_about_several_is_answered_by_its_id(life: Life, trouble: Make) -> None:
    opened = life.look(0, *(trouble(name, f"CODE-{name[-3:]}") for name in TABLES[:20]))
    told = opened[0].identity.partition("-")[0]
    assert named(life.incidents, [told]) == life.incidents
    assert len(life.incidents) == 20
