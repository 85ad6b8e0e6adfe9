"""One incident from its opening to its end, by the clock: what is told, when, and what isn't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError
from tasks.incidents.answers import acknowledge, find, resolve, silence
from tasks.incidents.model import Trouble

if TYPE_CHECKING:
    from tests.tasks.incidents.conftest import Life

Make = Callable[..., Trouble]
At = Callable[[float], datetime]
DAY = 24 * 60


def test_opened_once_and_over_once(life: Life, trouble: Make) -> None:
    life.run(20, lambda minute: [trouble()] if minute < 10 else [])
    assert life.kinds == [(0, "opened"), (10, "recovered")]


def test_the_same_look_twice_changes_and_tells_nothing(life: Life, trouble: Make) -> None:
    life.look(0, trouble())
    before = list(life.incidents)
    assert life.look(0, trouble()) == []
    assert life.incidents == before


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", [(0, "opened"), (30, "escalated"), (90, "reminded"), (210, "reminded"), (450, "reminded"),
                      (930, "reminded"), (1410, "reminded")]),
        ("major", [(0, "opened"), (240, "escalated"), (480, "reminded")]),
        ("minor", [(0, "opened"), (1440, "reminded")]),
    ],
)  # fmt: skip
def test_a_day_without_an_answer(life: Life, trouble: Make, severity: str, expected: list[tuple[int, str]]) -> None:
    life.run(DAY, lambda _: [trouble(severity=severity)], every=10)
    assert life.kinds == expected


def test_acknowledged_it_is_not_escalated_and_repeated_once_a_day(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.answer(acknowledge, "minji", minutes(5))
    life.run(3 * DAY, lambda _: [trouble()], every=10)
    assert life.kinds == [(0, "opened"), (DAY, "reminded"), (2 * DAY, "reminded"), (3 * DAY, "reminded")]


def test_silenced_nothing_is_told_until_then(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.answer(silence, minutes(480), "minji", "the source is being moved", minutes(1))
    life.run(490, lambda _: [trouble()], every=10)
    assert life.kinds == [(0, "opened"), (480, "escalated")]


def test_silenced_its_end_is_not_told_either(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.answer(silence, minutes(480), "minji", "", minutes(1))
    life.look(60)
    assert life.kinds == [(0, "opened")]
    assert life.incidents[0].state == "recovered"


def test_settled_it_stays_settled_until_it_happens_anew(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.answer(resolve, "minji", "the window isn't needed", minutes(5))
    life.run(100, lambda minute: [trouble(latest=minutes(60))] if minute >= 60 else [trouble()], every=10)
    assert life.kinds == [(0, "opened"), (60, "again"), (90, "escalated")]


def test_without_the_look_that_finds_it_nothing_is_over(life: Life, trouble: Make) -> None:
    life.look(0, trouble())
    assert life.look(5, observed=frozenset({"warehouse", "prefect"})) == []
    assert life.incidents[0].active


def test_coming_and_going_is_damped(life: Life, trouble: Make) -> None:
    """Ten minutes there, ten minutes gone, for four hours: a handful of messages, then quiet, one end."""
    life.run(400, lambda minute: [trouble()] if minute < 240 and minute // 10 % 2 == 0 else [])
    assert [kind for _, kind in life.kinds] == ["opened", "recovered", "again", "recovered", "again", "recovered",
                                                "flapping", "escalated", "reminded", "recovered"]  # fmt: skip
    assert life.kinds[-1][0] == 290


def test_back_after_a_long_time_is_another_incident(life: Life, trouble: Make) -> None:
    life.look(0, trouble())
    life.look(10)
    life.look(2 * DAY, trouble(at=2 * DAY))
    assert life.kinds == [(0, "opened"), (10, "recovered"), (2 * DAY, "opened")]
    assert len({item.incident_id for item in life.incidents}) == 2


def test_a_promise_that_breaks_is_told_in_the_incident_of_its_cause(life: Life, trouble: Make) -> None:
    late = trouble(code="LATE", domain="late", late=("finance: fresh by 06:00",))
    life.run(40, lambda minute: [trouble(), late] if minute >= 20 else [trouble()], every=5)
    assert life.kinds == [(0, "opened"), (20, "late")]
    assert [item.trouble.code for item in life.incidents] == ["CHECK-FAILED"]


def test_foreseen_lateness_is_told_early_and_once_more_when_it_comes(life: Life, trouble: Make, minutes: At) -> None:
    def present(minute: int) -> list[Trouble]:
        base = trouble(code="LATE", domain="late")
        broken = base.model_copy(update={"late": ("finance: fresh by 06:00",), "since": minutes(20)})
        return [broken if minute >= 20 else base.model_copy(update={"foreseen": True})] if minute < 25 else []

    life.run(40, present)
    assert life.kinds == [(0, "opened"), (20, "late"), (25, "recovered")]


def test_it_is_told_again_when_it_gets_worse(life: Life, trouble: Make) -> None:
    life.look(0, trouble(severity="minor"))
    life.look(5, trouble(severity="critical"))
    assert life.kinds == [(0, "opened"), (5, "reminded")]


def test_an_incident_is_found_by_id_or_by_its_only_table(life: Life, trouble: Make) -> None:
    life.look(0, trouble("raw.nps"), trouble("raw.orders", "TOLERANCE"), trouble("raw.orders", "DRIFT"))
    assert find(life.incidents, "nps").trouble.scope == "raw.nps"
    assert find(life.incidents, life.incidents[1].incident_id) == life.incidents[1]
    with pytest.raises(DeclarationError, match="several incidents are about 'orders'"):
        find(life.incidents, "orders")
    with pytest.raises(DeclarationError, match="no incident 'channel'"):
        find(life.incidents, "channel")


def test_an_answer_to_what_is_over_is_refused(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.look(1)
    with pytest.raises(DeclarationError, match="is over"):
        acknowledge(life.incidents[0], "minji", minutes(2))
