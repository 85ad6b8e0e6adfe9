"""What an owner would say happened: the cause that each kind of error is told by, and none of them where another is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from expectations.drift import detect
from expectations.profile import Profile, profile_file

from .conftest import write_day

Row = dict[str, str]
Change = Callable[[list[Row]], list[Row]]
FIRST = datetime(2026, 3, 2)
DAYS = 16
CITIES = ("Rome", "Oslo", "Bern", "New York")


def trips(day: int) -> list[Row]:
    """Three hundred trips of a day, in order of time, round the clock."""
    rng = random.Random(700 + day)
    start = FIRST + timedelta(days=day)
    rows = []
    for at in sorted(start + timedelta(seconds=rng.randrange(86_400)) for _ in range(rng.randrange(290, 311))):
        miles = rng.uniform(1, 9)
        rows.append(
            {
                "trip": f"{rng.getrandbits(40):010x}",
                "began_at": f"{at:%Y-%m-%d %H:%M:%S}",
                "city": rng.choices(CITIES, [40, 30, 20, 10])[0],
                "miles": f"{miles:.2f}",
                "fare": f"{3 + 2.5 * miles + rng.uniform(0, 2):.2f}",
                "minutes": f"{4 * miles + rng.uniform(0, 2):.1f}",
                "riders": str(rng.choices([1, 2, 3, 4], [50, 30, 15, 5])[0]),
                "delay": str(round(rng.gauss(2, 15))),
                "wind": f"{rng.uniform(0, 30):.1f}",
                "code": rng.choices(["", "SPRING", "FRIEND"], [30, 40, 30])[0],
                "pay": rng.choices(["card", "cash"], [70, 30])[0],
            }
        )
    return rows


def name_of(day: int) -> str:
    return f"trips_{FIRST + timedelta(days=day):%Y-%m-%d}.csv"


def each(name: str, new: Callable[[str], str]) -> Change:
    return lambda rows: [row | {name: new(row[name])} for row in rows]


def some(name: str, new: Callable[[str], str], every: int) -> Change:
    return lambda rows: [row | {name: new(row[name])} if at % every == 0 else row for at, row in enumerate(rows)]


def later(by: timedelta) -> Callable[[str], str]:
    return lambda text: str(datetime.fromisoformat(text) + by)


def in_oslo(rows: list[Row]) -> list[Row]:
    return [row | {"fare": f"{float(row['fare']) * 8:.2f}"} if row["city"] == "Oslo" else row for row in rows]


def mixed(rows: list[Row]) -> list[Row]:
    moved = [row["miles"] for row in rows]
    random.Random(3).shuffle(moved)
    return [row | {"miles": miles} for row, miles in zip(rows, moved, strict=True)]


def so_far(rows: list[Row]) -> list[Row]:
    total, found = 0.0, []
    for row in rows:
        total += float(row["fare"])
        found.append(row | {"fare": f"{total:.2f}"})
    return found


def from_the_middle_on(rows: list[Row]) -> list[Row]:
    return [row | {"code": "SPRING"} if at > len(rows) // 2 else row for at, row in enumerate(rows)]


CASES: dict[str, tuple[str | None, str, str, Change]] = {
    "filled": (
        "code", "SPRING instead of empty", "code holds `SPRING` where it was empty: 3",
        each("code", lambda v: v or "SPRING"),
    ),
    "a neighbour's column": (
        "wind", "wind holds miles", "wind holds the values of miles, each as often",
        lambda rows: [row | {"wind": row["miles"]} for row in rows],
    ),
    "a month later": (
        "began_at", "30 days later", "All of began_at lies 30 days later than usual: its middle is 2026-04-1",
        each("began_at", later(timedelta(days=30))),
    ),
    "a zone, round the clock": (
        "began_at", "shifted by +5 h", "All of began_at lies 5 h later than usual, as in another time zone: its middle",
        each("began_at", later(timedelta(hours=5))),
    ),
    "hours": (
        "began_at", "rows from 10:00 to 14:00 missing", "No row of began_at lies between 10:00 and 14:00; about ",
        lambda rows: [row for row in rows if not 10 <= int(row["began_at"][11:13]) < 14],
    ),
    "an hour": (
        "began_at", "rows from 10:00 to 12:00 missing", "usually do: they are missing, or all that comes later is 2 h late.",
        lambda rows: [row for row in rows if not 10 <= int(row["began_at"][11:13]) < 12],
    ),
    "the end of time": (
        "began_at", "dates far off", "the last is 9999-12-31 00:00, about 7,974 years beyond all that ever were",
        some("began_at", lambda _: "9999-12-31 00:00:00", 25),
    ),
    "no time of day": (
        "began_at", "time of day lost", "began_at has lost its time of day: ", each("began_at", lambda v: f"{v[:11]}00:00:00"),
    ),
    "no seconds": (
        "began_at", "seconds lost", "began_at has lost its seconds: ", each("began_at", lambda v: f"{v[:17]}00"),
    ),
    "a code for nothing": (
        "wind", "placeholder -999", "of wind are `-999`, and numbers lay from 0 to 30 before: a code for no value",
        some("wind", lambda _: "-999", 20),
    ),
    "minus signs": (
        "delay", "minus signs lost", "No number of delay is negative, 4", each("delay", lambda v: v.removeprefix("-")),
    ),
    "a label that came more often": (
        "city", "more rows with Bern", "of city are `Bern`; 2", some("city", lambda _: "Bern", 2),
    ),
    "a default from the middle on": (
        "code", "SPRING instead of empty", "code holds `SPRING`",
        lambda rows: [row | {"code": row["code"] or "SPRING"} for row in from_the_middle_on(rows)],
    ),
    "a new label": (
        "city", "new label ZZ", "of city are `ZZ`, which no batch ever had", some("city", lambda _: "ZZ", 10),
    ),
    "no-break spaces": (
        "city", "with no-break spaces", "of city are known ones with no-break spaces: `New York` is one of them.",
        each("city", lambda v: v.replace(" ", "\u00a0")),
    ),
    "small letters": (
        "city", "in lower case", "Values of city are known ones in lower case: `", each("city", str.lower),
    ),
    "a prefix": (
        "city", "with `EU-` in front", "of city are known ones with `EU-` in front: `", some("city", lambda v: f"EU-{v}", 3),
    ),
    "another currency in one city": (
        "fare", " where city is Oslo", "Where city is `Oslo` (", in_oslo,
    ),
    "a hundred times in some rows": (
        "riders", "unit x 100 in some rows", "of riders are known numbers times 100: `", some("riders", lambda v: f"{v}00", 15),
    ),
    "a hundred times in all": (
        "riders", "unit x 100", "All of riders are known numbers times 100: `1` before, `100` now.",
        each("riders", lambda v: f"{v}00"),
    ),
    "more by as much": (
        "wind", "moved by +", "Every number of wind is about ", each("wind", lambda v: f"{float(v) + 40:.1f}"),
    ),
    "sums so far": (
        "fare", "sums so far", "Each number of fare is the sum of those up to its row: none is below the one before it", so_far,
    ),
    "floats": (
        "wind", "digits of a float", "Numbers of wind have digits without a meaning behind the point",
        each("wind", lambda v: f"{float(v):.1f}00000190734863"),
    ),
    "sorted": (
        "began_at", "rows sorted by city", "The rows stand in another order, sorted or grouped by city: 99 % have the city of",
        lambda rows: sorted(rows, key=lambda row: row["city"]),
    ),
    "other rows": (
        "miles", "miles in other rows", "miles no longer fits fare and minutes of its row", mixed,
    ),
    "rows of a label": (
        None, "rows missing", "most are those with `cash` in pay, 0 where about ",
        lambda rows: [row for row in rows if row["pay"] == "card"],
    ),
    "one city twice": (
        None, "rows with Oslo twice", "rows with `Oslo` in city stand there twice, as where a join has that key twice",
        lambda rows: [row for row in rows for _ in range(1 + (row["city"] == "Oslo"))],
    ),
    "half of a city": (
        None, "rows missing", "most are those with `Rome` in city, ",
        lambda rows: [row for at, row in enumerate(rows) if row["city"] != "Rome" or at % 4 == 0],
    ),
    "yesterday's rows too": (
        None, "rows of an earlier batch", "are those of the batch trips_2026-03-17.csv, delivered once more",
        lambda rows: [*rows, *trips(DAYS - 1)[:60]],
    ),
    "yesterday with today's dates": (
        None, "an earlier file with new dates", "100 % of the rows are those of the batch trips_2026-03-17.csv.",
        lambda _: each("began_at", later(timedelta(days=1)))(trips(DAYS - 1)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Profile]:
    folder = tmp_path_factory.mktemp("trips")
    return [profile_file(write_day(folder / name_of(day), trips(day))) for day in range(DAYS)]


@pytest.fixture(scope="module")
def judged(history: list[Profile], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    folder = tmp_path_factory.mktemp("batch")

    def judge(rows: list[Row], labels: bool = True) -> Any:
        batch = profile_file(write_day(folder / "batch.csv", rows))
        names = [name_of(day) for day in range(DAYS + 1)] if labels else [None] * (DAYS + 1)
        return detect(batch, history, batch_label=names[-1], history_labels=names[:-1])

    return judge


@pytest.mark.parametrize("case", CASES)
def test_the_cause_stands_first_in_the_sentence(judged: Callable[..., Any], case: str) -> None:
    column, cause, sentence, change = CASES[case]
    told = {a.column: a for a in judged(change(trips(DAYS))).alerts if a.cause is not None and a.under is None}
    assert column in told, {where: a.cause for where, a in told.items()}
    assert cause in told[column].cause
    assert sentence in told[column].message
    # No other column has one of its own.
    assert set(told) <= {column, None}, {where: a.message for where, a in told.items()}


def test_a_clean_day_has_no_cause(judged: Callable[..., Any]) -> None:
    assert not judged(trips(DAYS)).alerts


def test_a_date_that_no_label_tells_is_no_month_later(judged: Callable[..., Any]) -> None:
    verdict = judged(each("began_at", later(timedelta(days=30)))(trips(DAYS)), labels=False)
    assert not any(a.cause == "30 days later" for a in verdict.alerts)


def test_two_labels_in_one_are_merged_and_not_missing(judged: Callable[..., Any]) -> None:
    told = {a.column: a for a in judged(each("pay", lambda _: "card")(trips(DAYS))).alerts if a.cause}
    assert "merged into card" in told["pay"].cause or told["pay"].cause == "all card"


def test_a_value_that_every_batch_has_as_often_is_no_cause(judged: Callable[..., Any]) -> None:
    # What is odd is another column of the same rows.
    told = [a for a in judged(some("wind", lambda _: "", 4)(trips(DAYS))).alerts if a.cause]
    assert {a.cause for a in told} == {"values missing"}


def test_what_is_late_from_an_hour_on_is_told_by_the_hours_after(world: Any) -> None:
    late = [
        row if int(row["paid_at"][11:13]) < 12 else row | {"paid_at": later(timedelta(hours=3))(row["paid_at"])}
        for row in world.today
    ]
    told = {a.column: a for a in world.judge(late).alerts if a.cause is not None}
    assert told["paid_at"].cause == "shifted by +3 h from 12:00 on"
    assert (
        "What comes from 12:00 on in paid_at is 3 h later than usual: no row lies between 12:00 and 15:00"
        in told["paid_at"].message
    )


def test_a_date_that_was_the_last_there_is_can_be_any_other(tmp_path: Any) -> None:
    def measured(day: int, until: str) -> Profile:
        rows = [row | {"until": until} for row in trips(day)]
        return profile_file(write_day(tmp_path / "batch.csv", rows))

    history = [measured(day, "9999-12-31 00:00:00") for day in range(10)]
    verdict = detect(
        measured(10, "2026-05-01 00:00:00"),
        history,
        batch_label=name_of(10),
        history_labels=[name_of(d) for d in range(10)],
    )
    assert any(a.column == "until" and a.cause for a in verdict.alerts)


def test_negative_numbers_that_are_missing_have_not_lost_their_signs(judged: Callable[..., Any]) -> None:
    rows = [row for row in trips(DAYS) if not row["delay"].startswith("-")]
    assert not any(a.cause == "minus signs lost" for a in judged(rows).alerts)


def test_a_masked_column_has_no_value_in_its_cause(history: list[Profile], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("masked")
    for change in (CASES["filled"][3], CASES["a new label"][3], CASES["small letters"][3], CASES["half of a city"][3]):
        batch = profile_file(write_day(folder / "batch.csv", change(trips(DAYS))))
        hidden = [
            replace(p, columns={n: replace(c, masked=n in ("city", "code")) for n, c in p.columns.items()})
            for p in (*history, batch)
        ]
        names = [name_of(day) for day in range(DAYS + 1)]
        alerts = detect(hidden[-1], hidden[:-1], batch_label=names[-1], history_labels=names[:-1]).alerts
        said = " ".join(f"{a.cause} {a.message.partition('. ')[0]}" for a in alerts if a.cause)
        assert not any(f"`{value}`" in said for value in (*CITIES, "SPRING", "ZZ", "rome"))
