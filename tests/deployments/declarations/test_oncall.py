"""The rota: who is on call at a moment, and every mistake of its file with the line."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deployments.declarations.oncall import OnCall
from deployments.declarations.problems import Problem
from deployments.project import SHOP, load_project, read_project
from deployments.rota import relief, shift_at, shifts, week_at

SEOUL = ZoneInfo("Asia/Seoul")
PEOPLE = """\
timezone: Asia/Seoul
handover: "Monday 09:00"
starts: 2026-01-05
people:
  ana: {name: Ana, email: ana@example.com}
  ben: {name: Ben, email: ben@example.com}
  cho: {name: Cho, email: cho@example.com, slack: U0CHO}
"""
Read = Callable[..., tuple[OnCall | None, list[Problem]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read people and the given keys as the rota of a project."""

    def run(keys: str, base: str = PEOPLE) -> tuple[OnCall | None, list[Problem]]:
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "oncall.yaml").write_text(base + keys)
        project, problems = read_project(tmp_path)
        return project.oncall, problems

    return run


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


def who(rota: OnCall | None, text: str) -> str | None:
    assert rota is not None
    return shift_at(rota, seoul(text)).person


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-01-05 09:00", "ana"),  # the very handover
        ("2026-01-11 23:59", "ana"),  # Sunday belongs to the week
        ("2026-01-12 08:59", "ana"),
        ("2026-01-12 09:00", "ben"),
        ("2026-01-25 12:00", "cho"),
        ("2026-01-26 09:00", "ana"),  # round again
    ],
)
def test_weeks_go_round_from_handover_to_handover(read: Read, at: str, person: str) -> None:
    rota, problems = read("rotation: [ana, ben, cho]\n")
    assert problems == []
    assert who(rota, at) == person


def test_an_override_holds_to_the_minute_and_says_why(read: Read) -> None:
    rota, _ = read(
        "rotation: [ana, ben]\noverrides:\n"
        '  - {from: "2026-01-07 18:00", to: "2026-01-08 09:00", person: cho, reason: theater}\n'
    )
    assert [who(rota, f"2026-01-{day}") for day in ("07 17:59", "07 18:00", "08 08:59", "08 09:00")] == [
        "ana", "cho", "cho", "ana",
    ]  # fmt: skip
    assert rota is not None
    assert shift_at(rota, seoul("2026-01-07 20:00")).reason == "theater"


def test_a_swap_exchanges_two_weeks(read: Read) -> None:
    rota, _ = read("rotation: [ana, ben, cho]\nswaps: [{week: 2026-01-05, with: 2026-01-19}]\n")
    assert [who(rota, f"2026-01-{day} 12:00") for day in ("06", "13", "20", "27")] == ["cho", "ben", "ana", "ana"]


def test_a_week_by_hand_wins_over_the_turn(read: Read) -> None:
    rota, _ = read("rotation: [ana, ben]\nweeks: {2026-01-12: cho}\n")
    assert [who(rota, f"2026-01-{day} 12:00") for day in ("06", "13", "20")] == ["ana", "cho", "ana"]


def test_a_week_keeps_its_local_handover_when_clocks_change() -> None:
    rota = OnCall.model_validate({
        "timezone": "Europe/Berlin", "handover": "Monday 09:00", "starts": "2026-01-05", "rotation": ["ana"],
        "people": {"ana": {"name": "Ana", "email": "ana@example.com"}},
    })  # fmt: skip
    start, end = week_at(rota, datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert end - start == timedelta(days=7, hours=-1)
    assert end.astimezone(ZoneInfo("Europe/Berlin")).hour == 9


def test_shifts_have_no_holes_and_no_overlaps(read: Read) -> None:
    rota, _ = read(
        "rotation: [ana, ben, cho]\nswaps: [{week: 2026-02-02, with: 2026-02-16}]\n"
        'overrides: [{from: "2026-02-05 00:00", to: "2026-02-20 03:00", person: ana}]\n'
    )
    assert rota is not None
    low, high = seoul("2026-01-09 00:00"), seoul("2026-06-01 00:00")
    found = shifts(rota, low, high)
    assert (found[0].start, found[-1].end) == (low, high)
    assert all(a.end == b.start for a, b in itertools.pairwise(found))


def test_relief_is_the_next_other_person(read: Read) -> None:
    rota, _ = read("rotation: [ana, ana, ben]\n")
    assert rota is not None
    shift = relief(rota, seoul("2026-01-06 12:00"))
    assert shift is not None
    assert (shift.person, shift.start) == ("ben", seoul("2026-01-19 09:00"))


@pytest.mark.parametrize(
    ("keys", "line", "said"),
    [
        ("rotation: [ana, bnn]\n", 8, "'bnn' isn't one of the people; allowed: ana, ben, cho; did you mean 'ben'?"),
        ("rotation: []\n", 8, "nobody is ever on call"),
        ("rotation: [ana]\nrotations: [ben]\n", 9, "is not a known key"),
        ("rotation: [ana]\nswaps:\n  - {week: 2026-01-06, with: 2026-01-12}\n", 10, "2026-01-06 is a Tuesday"),
        ("rotation: [ana]\nswaps: [{week: 2026-01-05, with: 2026-01-05}]\n", 9, "with itself"),
        ("rotation: [ana]\noverrides:\n  - {from: 2026-01-08, to: 2026-01-07, person: ben}\n", 10, "must come before"),
        ("rotation: [ana]\noverrides:\n  - {from: 2026-01-08, to: 2026-01-10, person: ben}\n"
         "  - {from: 2026-01-09, to: 2026-01-11, person: cho}\n", 11, "overlaps another override, by ben"),
        ("rotation: [ana]\nescalation: {to: [boss]}\n", 9, "'boss' isn't one of the people"),
        ("rotation: [ana]\nroutes: [{to: [ops], hours: 9-18}]\n", 9, "two times of day such as 09:00-18:00"),
        ("weeks:\n  2026-01-05: ana\n  2026-01-19: ben\n", 8,
         "nobody is on call from 2026-01-12 09:00 to 2026-01-19 09:00 (Asia/Seoul)"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(read: Read, keys: str, line: int, said: str) -> None:
    rota, problems = read(keys)
    assert rota is None
    assert [(p.file.name, p.line) for p in problems] == [("oncall.yaml", line)]
    assert said in str(problems[0])


def test_an_absence_that_nobody_covers_is_a_gap(read: Read) -> None:
    away = PEOPLE.replace("ben@example.com}", "ben@example.com, away: [{from: 2026-01-14, to: 2026-01-16}]}")
    _, problems = read("rotation: [ana, ben]\n", away)
    assert [p.line for p in problems] == [6]
    assert "from 2026-01-14 00:00 to 2026-01-16 00:00 (Asia/Seoul): Ben is away" in str(problems[0])
    _, covered = read(
        "rotation: [ana, ben]\noverrides: [{from: 2026-01-14, to: 2026-01-16, person: ana}]\n",
        away,
    )
    assert covered == []


def test_a_project_without_the_file_has_no_rota(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    assert load_project(tmp_path).oncall is None


def test_the_shop_and_the_template_have_a_rota_without_gaps() -> None:
    for folder in (SHOP, SHOP.parent / "template"):
        project, problems = read_project(folder)
        assert [p for p in problems if p.file.name == "oncall.yaml"] == []
        assert project.oncall is not None
