"""The shop's calendar: seven months in UTC, growing slowly, quiet at the weekend and at night, busy in the evening."""

from __future__ import annotations

from datetime import date, timedelta

from deployments.shop.world.dice import Dice

SEED = 20190501
FIRST_DAY = date(2019, 5, 1)
END_DAY = date(2019, 12, 1)  # exclusive
DAYS = (END_DAY - FIRST_DAY).days

WEEKDAY_FACTOR = (1.02, 1.04, 1.05, 1.03, 1.06, 0.93, 0.87)  # Monday first
HOUR_WEIGHT = (4, 2, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 11, 10, 9, 9, 9, 10, 12, 14, 16, 17, 14, 8)


def days() -> list[date]:
    """Every day of the world, in order."""
    return [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]


def demand(day: date) -> float:
    """How busy the day is against the first weeks' mean: weekday, and growth of a third over the seven months."""
    return WEEKDAY_FACTOR[day.weekday()] * (1 + 0.33 * (day - FIRST_DAY).days / DAYS)


def second_of_day(dice: Dice) -> int:
    """A second of the day, evenings more likely than nights."""
    return dice.weighted(range(24), HOUR_WEIGHT) * 3600 + dice.below(3600)
