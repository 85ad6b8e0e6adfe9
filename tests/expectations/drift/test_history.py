"""What a history must be able to do: start cold, keep its own vote, know weekdays, and go on after an acceptance."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from expectations.drift import Accepted, detect

Row = dict[str, str]


def doubled(rows: list[Row]) -> list[Row]:
    return [row | {"price": f"{float(row['price']) * 2.5:.2f}"} for row in rows]


@pytest.mark.parametrize(("history", "verdict"), [(0, "learning"), (1, "learning"), (4, "learning"), (21, "pass")])
def test_a_cold_start_says_that_it_is_learning(world: Any, history: int, verdict: str) -> None:
    told = world.judge(world.today, history=history)
    assert told.verdict == verdict
    assert bool(told.unknown)
    assert any("not known" in text for text in told.unknown) == (verdict == "learning")


@pytest.mark.parametrize("history", [1, 3, 7])
def test_a_new_header_is_told_from_the_first_batch_on(world: Any, history: int) -> None:
    rows = [{("cost" if k == "price" else k): v for k, v in row.items()} for row in world.today]
    alerts = {(a.column, a.kind): a for a in world.judge(rows, history=history).alerts}
    assert "called cost now" in alerts["price", "schema"].message
    assert ("cost", "schema") in alerts


def test_a_short_history_already_sees_a_gross_error(world: Any) -> None:
    rows = [row | {"price": f"{float(row['price']) * 1000:.0f}"} for row in world.today]
    assert "price" in {a.column for a in world.judge(rows, history=7).alerts}


def test_the_batch_has_no_vote_on_its_bounds(world: Any) -> None:
    def bounds(rows: list[Row]) -> dict[tuple[str | None, str, str], float]:
        verdict = world.judge(rows)
        return {(b.column, b.kind, b.figure): b.expected for b in verdict.bands}

    clean, spoiled = bounds(world.today), bounds(doubled(world.today))
    same = clean.keys() & spoiled.keys()
    assert len(same) > 20
    assert all(clean[key] == pytest.approx(spoiled[key]) for key in same)


def test_a_quiet_sunday_is_no_news_but_a_quiet_monday_is(world: Any) -> None:
    # Day 21 is a Monday; weekends have half the rows of a weekday.
    half = world.today[::2]
    assert (None, "volume") in {(a.column, a.kind) for a in world.judge(half).alerts}
    sunday = detect(
        world.profiles[20], world.profiles[:20], batch_label=world.labels[20], history_labels=world.labels[:20]
    )
    assert sunday.verdict == "pass"


def test_after_a_new_header_the_columns_that_stayed_go_on_and_the_new_one_is_learned(world: Any) -> None:
    def widened(rows: list[Row], level: int) -> list[Row]:
        return [row | {"weight": str(level + at % 7)} for at, row in enumerate(rows)]

    profiles = [*world.profiles, *(world.measured(widened(world.day(day), 20)) for day in range(21, 29))]

    def told(rows: list[Row], history: int) -> set[str | None]:
        return {a.column for a in detect(world.measured(rows), profiles[:history]).alerts}

    assert "price" in told(doubled(widened(world.day(22), 20)), 22)
    assert "weight" in told(widened(world.day(29), 2000), 29)
    assert told(widened(world.day(29), 20), 29) == set()


def test_order_of_rows_in_a_dictionary_of_columns_is_told_once(world: Any) -> None:
    rows = [dict(reversed(row.items())) for row in world.today]
    assert [(a.column, a.kind, a.level) for a in world.judge(rows).alerts] == [(None, "schema", "digest")]


def test_an_empty_batch_is_a_page(world: Any) -> None:
    (world.folder / "batch.csv").write_text(",".join(world.today[0]) + "\n")
    from expectations.profile import profile_file

    verdict = detect(profile_file(world.folder / "batch.csv"), world.profiles)
    assert [(a.column, a.kind, a.level) for a in verdict.alerts] == [(None, "volume", "page")]


class TestAcceptance:
    """An accepted change is quiet, and its level is what later batches are held against."""

    LABEL = "orders_2024-03-25.csv"

    def later(self, world: Any, rows: list[Row], accepted: tuple[Accepted, ...]) -> set[str]:
        profiles = [*world.profiles, world.measured(doubled(world.today))]
        verdict = detect(
            world.measured(rows),
            profiles,
            batch_label="orders_2024-03-26.csv",
            history_labels=[*world.labels, self.LABEL],
            accepted=accepted,
        )
        return {a.kind for a in verdict.alerts if a.column == "price"}

    def test_the_batch_itself_becomes_quiet(self, world: Any) -> None:
        loud = {a.kind for a in world.judge(doubled(world.today)).alerts if a.column == "price"}
        quiet = world.judge(doubled(world.today), accepted=(Accepted("price", "values"),))
        assert "values" in loud
        assert "values" not in {a.kind for a in quiet.alerts if a.column == "price"}

    def test_the_next_one_passes_at_the_accepted_level(self, world: Any) -> None:
        tomorrow = doubled(world.day(22))
        assert "values" in self.later(world, tomorrow, ())
        assert not self.later(world, tomorrow, (Accepted("price", "*", level_from=self.LABEL),))

    def test_going_back_to_the_old_level_is_then_an_alert(self, world: Any) -> None:
        accepted = (Accepted("price", "*", level_from=self.LABEL),)
        rows = [row | {"price": f"{float(row['price']) / 20:.2f}"} for row in world.day(22)]
        assert "values" in self.later(world, rows, accepted)

    @pytest.mark.parametrize(("until", "quiet"), [(date(2024, 3, 25), True), (date(2024, 3, 24), False)])
    def test_it_ends_when_it_was_said_to(self, world: Any, until: date, quiet: bool) -> None:
        verdict = world.judge(doubled(world.today), accepted=(Accepted("price", "values", until=until),))
        assert (("price", "values") in {(a.column, a.kind) for a in verdict.alerts}) is not quiet


@pytest.mark.parametrize("value", ["1e300", "-1e300", "1e160", "5e-324", "Infinity", "NaN"])
def test_a_column_at_the_end_of_what_a_double_holds_can_be_judged(world: Any, value: str) -> None:
    """The squares of such figures are no numbers; the load goes on all the same, and the column is told."""
    rows = [row | {"price": value if at % 3 == 0 else row["price"]} for at, row in enumerate(world.today)]
    told = world.judge(rows)
    assert "price" in {a.column for a in told.alerts}
