"""Who came when, through which channel, and what was paid: the three session tables and the list of channels.

As untidy as real systems are, and harmless: some sessions have no timestamp (the tracker lost it), some payments are
pending (amount and refund unknown), some cost nothing (a voucher), and one channel has no sessions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from deployments.shop.world.dice import Dice
from deployments.shop.world.rows import Column, Row, SourceRows
from deployments.shop.world.season import DAYS, END_DAY, SEED, days, demand, second_of_day

USERS = 950
CHANNEL_WEIGHTS = {"Facebook": 17, "Google": 23, "Instagram": 15, "Naver": 16, "Organic": 19, "Youtube": 10}
UNUSED_CHANNEL = "TikTok"
CHANNELS = tuple(sorted((*CHANNEL_WEIGHTS, UNUSED_CHANNEL)))

PRICES_USD = (9, 12, 15, 19, 25, 29, 35, 49, 59, 79, 99, 149, 199, 299)
PRICE_WEIGHTS = (14, 13, 12, 12, 11, 9, 8, 7, 5, 4, 3, 2, 1, 1)
LOST_TIMESTAMP = 0.0004
PENDING = 0.006
VOUCHER = 0.01
REFUNDED = 0.07


@dataclass(frozen=True)
class User:
    """A visitor: when active, how often, how easily they pay, and the channels they come through."""

    userid: int
    first_day: int
    last_day: int
    visits_per_day: float
    pays: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Visit:
    """One session as it happened."""

    user: User
    channel: str
    at: datetime


@dataclass(frozen=True)
class Visits:
    """The three session tables and the list of channels."""

    user_session_channel: SourceRows
    session_timestamp: SourceRows
    session_transaction: SourceRows
    channel: SourceRows


def users(seed: int = SEED) -> list[User]:
    """The visitors: six in ten were there before the first day, the others join month by month, some leave."""
    dice = Dice(seed, "users")
    return [_user(dice, number) for number in range(1, USERS + 1)]


def _user(dice: Dice, userid: int) -> User:
    first_day = 0 if dice.chance(0.6) else dice.below(DAYS - 7)
    last_day = DAYS if dice.chance(0.5) else first_day + 5 + dice.below(170)
    how_keen = dice.share()
    return User(
        userid=userid,
        first_day=first_day,
        last_day=min(last_day, DAYS),
        visits_per_day=0.12 + 1.89 * how_keen * how_keen,
        pays=0.01 + 0.09 * dice.share() * dice.share(),
        channels=_habits(dice),
    )


def _habits(dice: Dice) -> tuple[str, ...]:
    """One to four channels, the most used first."""
    names, weights = list(CHANNEL_WEIGHTS), list(CHANNEL_WEIGHTS.values())
    wanted = dice.weighted((1, 2, 3, 4), (12, 38, 32, 18))
    found: dict[str, None] = {}
    while len(found) < wanted:
        found[dice.weighted(names, weights)] = None
    return tuple(found)


def _visits(seed: int) -> list[Visit]:
    dice = Dice(seed, "visits")
    everybody = users(seed)
    found = [
        Visit(user, dice.weighted(user.channels, (8, 4, 2, 1)[: len(user.channels)]), _moment(dice, day))
        for number, day in enumerate(days())
        for user in everybody
        if user.first_day <= number < user.last_day
        for _ in range(dice.about(user.visits_per_day * demand(day)))
    ]
    return sorted(found, key=lambda visit: (visit.at, visit.user.userid))


def _moment(dice: Dice, day: date) -> datetime:
    start = datetime(day.year, day.month, day.day)
    return start + timedelta(seconds=second_of_day(dice), milliseconds=dice.below(1000))


def build_visits(seed: int = SEED) -> Visits:
    """Makes the session tables; the same seed gives the same rows."""
    dice = Dice(seed, "payments")
    seen: list[Row] = []
    times: list[Row] = []
    paid: list[Row] = []
    for number, visit in enumerate(_visits(seed)):
        sessionid = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=16).hexdigest()
        seen.append((visit.user.userid, sessionid, visit.channel))
        if not dice.chance(LOST_TIMESTAMP):
            times.append((sessionid, visit.at))
        if dice.chance(visit.user.pays):
            paid.append((sessionid, *_payment(dice, visit.at)))
    varchar, stamp = "varchar(32)", "timestamp"
    return Visits(
        SourceRows(
            "user_session_channel",
            (Column("userid", "integer"), Column("sessionid", varchar), Column("channel", varchar)),
            ("sessionid",),
            tuple(seen),
        ),
        SourceRows(
            "session_timestamp", (Column("sessionid", varchar), Column("ts", stamp)), ("sessionid",), tuple(times)
        ),
        SourceRows(
            "session_transaction",
            (
                Column("sessionid", varchar),
                Column("refunded", "boolean"),
                Column("amount", "integer"),
                Column("updated_at", stamp),
            ),
            ("sessionid",),
            tuple(paid),
        ),
        SourceRows("channel", (Column("channelname", varchar),), ("channelname",), tuple((name,) for name in CHANNELS)),
    )


def _payment(dice: Dice, visited_at: datetime) -> tuple[bool | None, int | None, datetime]:
    """Refunded, amount in whole USD, and when the payment last changed (a refund comes days after it)."""
    world_end = datetime(END_DAY.year, END_DAY.month, END_DAY.day)
    paid_at = min(visited_at + timedelta(seconds=20 + dice.below(900)), world_end - timedelta(seconds=1))
    if dice.chance(PENDING):
        return None, None, paid_at
    amount = 0 if dice.chance(VOUCHER) else dice.weighted(PRICES_USD, PRICE_WEIGHTS)
    refunded_at = paid_at + timedelta(days=1 + dice.below(20), seconds=dice.below(86400))
    if dice.chance(REFUNDED) and refunded_at < world_end:
        return True, amount, refunded_at
    return False, amount, paid_at
