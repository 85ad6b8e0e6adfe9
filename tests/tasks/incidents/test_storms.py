"""Many things at once: few messages, and nothing lost in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

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
    life.look(30)
    assert [kind for _, kind in life.kinds] == ["several", "several_recovered"]
