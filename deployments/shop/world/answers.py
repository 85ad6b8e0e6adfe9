"""Answers to the survey "would you recommend us?" (NPS): what the survey service's API gives out.

One answer is planted with a score the scale doesn't have (`planted.BAD_ANSWER`).
The customer's e-mail address is personal data.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from deployments.shop.world.dice import Dice
from deployments.shop.world.planted import BAD_ANSWER
from deployments.shop.world.rows import Column, Row, SourceRows
from deployments.shop.world.season import DAYS, FIRST_DAY, SEED, days, demand, second_of_day
from deployments.shop.world.visits import USERS

ANSWERS_PER_DAY = 7
FIRST_MONTH_SCORES = (2, 2, 3, 4, 6, 9, 11, 16, 19, 15, 13)  # weights of 0 to 10
LAST_MONTH_SCORES = (2, 1, 2, 3, 4, 7, 9, 14, 20, 19, 19)
COMMENTS = (
    "Fast delivery, thank you!",
    "배송이 빨라서 좋았어요",
    "The app logs me out all the time.",
    "가격이 조금 비싸요",
    'My sister calls it "the good shop".',
    "Two things:\nthe search is slow,\nand the colors in the pictures are wrong.",
    "Great, but returns take too long",
    "Très bien 👍",
    "C:\\temp is where my invoice ended up",
)


def build_answers(seed: int = SEED) -> SourceRows:
    """Makes the answers, numbered in order of time; the same seed gives the same rows."""
    dice = Dice(seed, "answers")
    moments = sorted(
        datetime(day.year, day.month, day.day) + timedelta(seconds=second_of_day(dice))
        for day in days()
        for _ in range(dice.about(ANSWERS_PER_DAY * demand(day)))
    )
    return SourceRows(
        "nps",
        (
            Column("id", "integer"),
            Column("created_at", "timestamp"),
            Column("score", "smallint"),
            Column("email", "varchar(128)"),
            Column("comment", "varchar(400)"),
        ),
        ("id",),
        tuple(_answer(dice, number, moment) for number, moment in enumerate(moments, start=1)),
    )


def _answer(dice: Dice, number: int, created_at: datetime) -> Row:
    """One answer; some people only comment (no score), some say nothing (an empty text) or skip the field (NULL)."""
    score = None if dice.chance(0.008) else _score(dice, created_at)
    email = None if dice.chance(0.12) else f"customer{1 + dice.below(USERS)}@example.com"
    comment = dice.weighted((None, "", dice.pick(COMMENTS)), (64, 14, 22))
    if number == BAD_ANSWER.key["id"]:
        score = BAD_ANSWER.value
    return number, created_at, score, email, comment


def _score(dice: Dice, created_at: datetime) -> int:
    """A score from 0 to 10; people grow a little happier over the seven months."""
    weights = LAST_MONTH_SCORES if dice.chance((created_at.date() - FIRST_DAY).days / DAYS) else FIRST_MONTH_SCORES
    return dice.weighted(range(11), weights)
