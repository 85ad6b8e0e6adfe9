"""One incident from its opening to its end, by the clock: what is told, when, and what isn't."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError
from tasks.incidents.answers import acknowledge, every_open, named, resolve, silence
from tasks.incidents.model import Trouble
from tasks.incidents.paces import Policy

if TYPE_CHECKING:
    from tests.tasks.incidents.conftest import Life

Make = Callable[..., Trouble]
At = Callable[[float], datetime]
DAY = 24 * 60


def test_opened_once_and_over_once(life: Life, trouble: Make) -> None:
    """Nobody has answered: it has to stay away for half an hour before it is called over."""
    life.run(60, lambda minute: [trouble()] if minute < 10 else [])
    assert life.kinds == [(0, "opened"), (40, "recovered")]


def test_whoever_works_on_it_hears_of_the_end_at_once(life: Life, trouble: Make, minutes: At) -> None:
    life.look(0, trouble())
    life.answer(acknowledge, "minji", minutes(5))
    life.look(10)
    assert life.kinds == [(0, "opened"), (10, "recovered")]


def test_where_nobody_looks_again_the_end_is_told_at_once(life: Life, trouble: Make) -> None:
    life.policy = Policy(hold=timedelta(0))
    life.look(0, trouble())
    life.look(10)
    assert life.kinds == [(0, "opened"), (10, "recovered")]


def test_a_watch_that_sees_nothing_once_tells_no_end(life: Life, trouble: Make) -> None:
    """As after a restart, when what it asks isn't there yet: four looks without it in a day."""
    life.run(DAY, lambda minute: [] if minute % 360 == 100 else [trouble(severity="minor")])
    assert life.kinds == [(0, "opened"), (DAY, "reminded")]
    assert life.incidents[0].again == 0


def test_the_same_look_twice_changes_and_tells_nothing(life: Life, trouble: Make) -> None:
    life.look(0, trouble())
    before = list(life.incidents)
    assert life.look(0, trouble()) == []
    assert life.incidents == before


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", [(0, "opened"), (30, "escalated"), (270, "reminded"), (990, "reminded")]),
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
    life.run(60, lambda minute: [trouble()] if minute < 2 else [])
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


@pytest.mark.parametrize(
    ("there", "away", "expected"),
    [
        (10, 10, [(0, "opened"), (60, "flapping"), (590, "recovered")]),
        (1, 1, [(0, "opened"), (53, "recovered")]),
        (5, 25, [(0, "opened"), (90, "flapping"), (695, "recovered")]),
        (10, 40, [(0, "opened"), (40, "recovered"), (50, "again")]),
        (60, 60, [(0, "opened"), (30, "escalated"), (1740, "recovered")]),
    ],
    ids=["ten minutes", "one minute", "mostly well", "longer than it takes to be over", "hours"],
)  # fmt: skip
def test_coming_and_going_twelve_times_is_damped(
    life: Life, trouble: Make, there: int, away: int, expected: list[tuple[int, str]]
) -> None:
    """Twelve times there and gone: told at first, told that it comes and goes, and one end."""
    period = there + away
    life.run(13 * period + 600, lambda minute: [trouble()] if minute < 12 * period and minute % period < there else [])
    assert life.kinds == expected
    assert not life.incidents[0].active


PAUSES = (2, 9, 11, 16, 25, 29, 30, 31, 45, 59, 60, 61, 90, 119)


def comes_and_goes(life: Life, seen: Trouble, spans: Sequence[tuple[int, int]], until: int) -> list[str]:
    """Look at each beginning and end, and every five minutes; all kinds of actions, those for threads alone included."""
    kinds: list[str] = []
    for at in sorted({*(edge for span in spans for edge in span), *range(0, until, 5)}):
        present = any(begins <= at < ends for begins, ends in spans)
        kinds += [action.kind for action in life.look(at, *([seen] if present else []))]
        # Nobody ever believes that it is over while it is there.
        assert not present or (life.incidents[0].active and life.kinds[-1][1] != "recovered"), (at, life.kinds)
    return kinds


@pytest.mark.parametrize("severity", ["critical", "major", "minor"])
@pytest.mark.parametrize("there", [1, 5, 15, 28, 30, 45, 60, 120])
def test_twelve_times_in_a_day_are_at_most_three_messages(life: Life, trouble: Make, there: int, severity: str) -> None:
    """Nobody answers. The end is known: it is told, or by a thread where the end before had been told."""
    for away in PAUSES:
        life, period = type(life)(), there + away
        spans = [(n * period, n * period + there) for n in range(12)]
        kinds = comes_and_goes(life, trouble(severity=severity), spans, 12 * period + 400)
        assert len([at for at, _ in life.kinds if at < DAY]) <= 3, (away, life.kinds)
        assert len(life.kinds) <= 3 + (period > DAY / 12), "and recalled after a day"
        ends = [kind for kind in kinds if kind in ("recovered", "ended")]
        assert ends == ["recovered", "ended"][: len(ends)] != []
        assert not life.incidents[0].active


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_pauses_are_it_is_three_messages_and_one_call(life: Life, trouble: Make, seed: int) -> None:
    """Twelve outages of 1 to 120 minutes, pauses of 1 minute to just below six hours, nobody answers."""
    dice = random.Random(seed)
    for _ in range(5):
        life, minute, spans = type(life)(), 0, []
        for _ in range(12):
            there = dice.choice((dice.randint(1, 29), dice.randint(1, 120)))
            spans.append((minute, minute + there))
            minute += there + dice.choice((dice.randint(1, 29), dice.randint(30, 119), dice.randint(120, 355)))
        seen = trouble(severity=dice.choice(["critical", "major", "minor"]))
        comes_and_goes(life, seen, spans, spans[-1][1] + 400)
        kinds = Counter(kind for _, kind in life.kinds)
        assert kinds.pop("reminded", 0) <= minute // (20 * 60), "once a day"
        assert kinds.pop("escalated", 0) <= 1
        assert sum(kinds.values()) <= 3, (spans, life.kinds)


def test_whoever_answers_one_that_came_back_hears_of_its_end(life: Life, trouble: Make, minutes: At) -> None:
    life.run(45, lambda minute: [trouble()] if minute < 10 else [])
    life.look(60, trouble())
    life.answer(acknowledge, "minji", minutes(61))
    life.run(400, lambda minute: [trouble()] if 60 <= minute < 65 else [])
    assert [kind for _, kind in life.kinds] == ["opened", "recovered", "again", "recovered"]


def test_what_comes_back_after_six_hours_is_another_incident_however_it_flapped(life: Life, trouble: Make) -> None:
    life.run(600, lambda minute: [trouble()] if minute < 100 and minute % 10 < 5 else [])
    assert [kind for _, kind in life.kinds] == ["opened", "flapping", "recovered"]
    life.look(900, trouble(at=900))
    assert life.kinds[-1] == (900, "opened")


@pytest.mark.parametrize("severity", ["critical", "major", "minor"])
def test_outages_of_hours_call_and_remind_once_and_not_at_each_return(life: Life, trouble: Make, severity: str) -> None:
    """Twelve outages of two hours, four hours apart: two days in which nobody has answered."""
    seen = trouble(severity=severity)
    life.run(12 * 240 + 600, lambda minute: [seen] if minute < 12 * 240 and minute % 240 < 120 else [], every=5)
    counts = Counter(kind for _, kind in life.kinds)
    assert counts["escalated"] <= 1
    assert counts["reminded"] <= 2
    assert counts["opened"] + counts["again"] + counts["recovered"] <= 3


@pytest.mark.parametrize(
    ("there", "away", "times", "expected"),
    [
        (1, 200, 3, []),
        (1, 100, 2, []),
        (1, 9, 12, [(30, "flapping"), (471, "recovered")]),
        (1, 29, 6, [(90, "flapping"), (511, "recovered")]),
        (1, 1, 12, [(2, "opened"), (53, "recovered")]),
        (3, 7, 12, [(2, "opened"), (30, "flapping"), (473, "recovered")]),
        (10, 10, 12, [(2, "opened"), (60, "flapping"), (590, "recovered")]),
    ],
    ids=["restarts", "two restarts", "a minute of ten", "a minute of thirty", "every other minute", "three of ten", "half"],
)  # fmt: skip
def test_a_server_that_flaps_is_told_once_and_one_that_restarts_never(
    life: Life, trouble: Make, minutes: At, there: int, away: int, times: int, expected: list[tuple[float, str]]
) -> None:
    """Outages of less than two minutes are nobody's trouble, however often in a day; twelve in a row are: 1 to 3 messages."""
    period = there + away

    def server(at: float) -> list[Trouble]:
        down = at < times * period and at % period < there
        seen = trouble("the warehouse", "WAREHOUSE-UNREACHABLE", at, domain="warehouse", step="watch", tables=())
        return [seen] if down else []

    for half in range(2 * (times * period + 400)):
        life.look(half / 2, *server(half / 2))
    assert life.kinds == expected
    assert len(life.kinds) <= 3


def test_back_after_a_long_time_is_another_incident(life: Life, trouble: Make) -> None:
    life.run(60, lambda minute: [trouble()] if minute < 10 else [])
    life.look(2 * DAY, trouble(at=2 * DAY))
    assert life.kinds == [(0, "opened"), (40, "recovered"), (2 * DAY, "opened")]
    assert len({item.incident_id for item in life.incidents}) == 2


def test_a_promise_that_breaks_is_told_in_the_incident_of_its_cause(life: Life, trouble: Make) -> None:
    late = trouble(code="LATE", domain="late", late=("finance: fresh by 06:00",))
    life.run(40, lambda minute: [trouble(), late] if minute >= 20 else [trouble()], every=5)
    assert life.kinds == [(0, "opened"), (20, "late")]
    assert [item.trouble.code for item in life.incidents] == ["CHECK-FAILED"]


def test_lateness_is_explained_by_an_incident_that_cant_be_looked_for(life: Life, trouble: Make) -> None:
    """A crashed run is known from Prefect alone: while that starts again, the table's lateness is no incident of its own."""
    crashed = trouble(code="RUN-CRASHED", domain="prefect")
    late = trouble(code="LATE", domain="late", late=("finance: fresh by 06:00",))
    below = trouble("analytics.nps", "LATE", domain="late", depends_on=("raw.nps",))
    life.look(0, crashed, late)
    life.look(10, late, below, observed=frozenset({"run", "late", "warehouse"}))
    assert life.kinds == [(0, "opened")]
    # The crash is forgotten, and the table is late still: that is told.
    life.look(20, late)
    assert life.kinds == [(0, "opened"), (20, "opened")]


def test_foreseen_lateness_is_told_early_and_once_more_when_it_comes(life: Life, trouble: Make, minutes: At) -> None:
    def present(minute: int) -> list[Trouble]:
        base = trouble(code="LATE", domain="late")
        broken = base.model_copy(update={"late": ("finance: fresh by 06:00",), "since": minutes(20)})
        return [broken if minute >= 20 else base.model_copy(update={"foreseen": True})] if minute < 25 else []

    life.run(60, present)
    assert life.kinds == [(0, "opened"), (20, "late"), (55, "recovered")]


def test_windows_that_catch_up_one_by_one_break_a_promise_once(life: Life, trouble: Make) -> None:
    """Each window that is published makes the next one the late one; finance was told, and then the board."""

    def present(minute: int) -> list[Trouble]:
        said = [f"finance: fresh by {minute // 10:02}:00"] + [f"board: fresh by {minute:02}"] * (minute > 60)
        return [trouble(code="LATE", domain="late", severity="minor", late=tuple(said))] if minute < 100 else []

    life.run(150, present)
    assert life.kinds == [(0, "opened"), (61, "late"), (130, "recovered")]


def test_it_is_told_again_when_it_gets_worse(life: Life, trouble: Make) -> None:
    life.look(0, trouble(severity="minor"))
    life.look(5, trouble(severity="critical"))
    assert life.kinds == [(0, "opened"), (5, "reminded")]


def test_an_incident_is_found_by_id_or_by_its_only_table(life: Life, trouble: Make) -> None:
    life.look(0, trouble("raw.nps"), trouble("raw.orders", "TOLERANCE"), trouble("raw.orders", "DRIFT"))
    assert [item.trouble.scope for item in named(life.incidents, ["nps"])] == ["raw.nps"]
    assert named(life.incidents, [life.incidents[1].incident_id, life.incidents[1].incident_id]) == [life.incidents[1]]
    with pytest.raises(DeclarationError, match="several incidents are about 'orders'"):
        named(life.incidents, ["nps", "orders"])
    with pytest.raises(DeclarationError, match="no incident 'channel'"):
        named(life.incidents, ["channel"])


def test_all_open_ones_are_answered_at_once(life: Life, trouble: Make) -> None:
    with pytest.raises(DeclarationError, match="no incident is open"):
        every_open(life.incidents)
    life.look(0, trouble("raw.nps"), trouble("raw.orders"))
    assert every_open(life.incidents) == life.incidents


def test_an_answer_to_what_is_over_is_refused(life: Life, trouble: Make, minutes: At) -> None:
    life.run(40, lambda minute: [trouble()] if minute < 2 else [])
    with pytest.raises(DeclarationError, match="is over"):
        acknowledge(life.incidents[0], "minji", minutes(41))
