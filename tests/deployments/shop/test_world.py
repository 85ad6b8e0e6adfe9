"""The shop's rows are the same everywhere, have the shapes of a real shop, and hold exactly the planted faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from decimal import Decimal

import pytest

from deployments.shop.world.answers import build_answers
from deployments.shop.world.planted import BAD_ANSWER, DRIFT
from deployments.shop.world.rows import SourceRows, csv_lines
from deployments.shop.world.sources import all_rows
from deployments.shop.world.visits import UNUSED_CHANNEL

# A change of the generator changes these on purpose; another machine or Python must not.
PRINTS = {
    "user_session_channel": (101455, "ed1f87a52e8138a1"),
    "session_timestamp": (101417, "49ea17143f5161cf"),
    "session_transaction": (3472, "748825faee345642"),
    "channel": (7, "a4f5562987558ff5"),
    "customer_variants": (950, "b4589904f98749ae"),
    "customer_features": (950, "9861499f8677cb61"),
    "item_features": (120, "1d8c8eb31bd18c77"),
    "customer_interactions": (16513, "32f019dad3573867"),
    "nps": (1695, "19601480cbeb2578"),
    "name_gender": (565, "78389c8fd1b3c07e"),
}


@pytest.fixture(scope="module")
def world() -> dict[str, SourceRows]:
    return all_rows()


def test_rows_are_the_same_on_every_machine_and_python(world: dict[str, SourceRows]) -> None:
    assert {name: (len(rows.rows), rows.sha256()[:16]) for name, rows in world.items()} == PRINTS


def test_rows_do_not_depend_on_the_process_hash_seed(world: dict[str, SourceRows]) -> None:
    code = "from deployments.shop.world.sources import all_rows; print([r.sha256() for r in all_rows().values()])"
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Asia/Seoul", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([rows.sha256() for rows in world.values()])


def test_another_seed_gives_other_rows() -> None:
    assert build_answers(1).sha256() != build_answers(2).sha256()


def test_keys_are_unique(world: dict[str, SourceRows]) -> None:
    for rows in world.values():
        positions = [rows.header.index(name) for name in rows.key]
        assert len({tuple(row[p] for p in positions) for row in rows.rows}) == len(rows.rows), rows.name


def test_the_shop_has_the_promised_size(world: dict[str, SourceRows]) -> None:
    sessions = world["user_session_channel"].rows
    assert 98_000 <= len(sessions) <= 105_000
    assert 930 <= len({row[0] for row in sessions}) <= 950
    assert len(world["channel"].rows) == 7
    months = Counter(f"{row[1]:%Y-%m}" for row in world["session_timestamp"].rows)
    assert sorted(months) == [f"2019-{month:02}" for month in range(5, 12)]


def test_one_channel_has_no_sessions(world: dict[str, SourceRows]) -> None:
    used = {row[2] for row in world["user_session_channel"].rows}
    assert {row[0] for row in world["channel"].rows} - used == {UNUSED_CHANNEL}


def test_traffic_grows_and_rests_at_the_weekend(world: dict[str, SourceRows]) -> None:
    moments = [row[1] for row in world["session_timestamp"].rows if isinstance(row[1], datetime)]
    months = Counter(moment.month for moment in moments)
    weekdays = Counter(moment.weekday() for moment in moments)
    assert months[11] > 1.15 * months[5]
    assert max(weekdays[5], weekdays[6]) < min(weekdays[day] for day in range(5))


def test_most_users_come_through_several_channels(world: dict[str, SourceRows]) -> None:
    channels = Counter(user for user, _ in {(row[0], row[2]) for row in world["user_session_channel"].rows})
    assert sum(count > 1 for count in channels.values()) > len(channels) / 2


def test_sessions_are_untidy_as_in_real_systems(world: dict[str, SourceRows]) -> None:
    sessions = {row[1] for row in world["user_session_channel"].rows}
    started = {row[0] for row in world["session_timestamp"].rows}
    payments = world["session_transaction"].rows
    assert started < sessions
    assert {row[0] for row in payments} < sessions
    kinds = Counter("pending" if row[2] is None else "free" if row[2] == 0 else str(row[1]) for row in payments)
    assert set(kinds) == {"pending", "free", "True", "False"}
    assert 0.03 < kinds["True"] / len(payments) < 0.1


def test_a_refund_moves_the_cursor_beyond_the_payment_month(world: dict[str, SourceRows]) -> None:
    started = dict(world["session_timestamp"].rows)
    moved = [
        row[0]
        for row in world["session_transaction"].rows
        if row[1] and row[0] in started and f"{row[3]:%Y-%m}" > f"{started[row[0]]:%Y-%m}"
    ]
    assert moved


def test_nulls_and_empty_texts_are_both_there(world: dict[str, SourceRows]) -> None:
    comments = Counter("null" if row[4] is None else "empty" if row[4] == "" else "text" for row in world["nps"].rows)
    assert set(comments) == {"null", "empty", "text"}
    assert any(row[2] is None for row in world["customer_features"].rows)
    assert any(row[2] is None for row in world["item_features"].rows)


def test_exactly_one_answer_is_outside_the_scale(world: dict[str, SourceRows]) -> None:
    outside = [row for row in world["nps"].rows if isinstance(row[2], int) and not 0 <= row[2] <= 10]
    assert [(row[0], row[2]) for row in outside] == [(BAD_ANSWER.key["id"], BAD_ANSWER.value)]
    created_at = outside[0][1]
    assert isinstance(created_at, datetime)
    assert BAD_ANSWER.window_start <= created_at < BAD_ANSWER.window_end


def test_only_the_last_day_is_paid_in_cents(world: dict[str, SourceRows]) -> None:
    means: dict[object, Decimal] = {}
    for day in {row[1] for row in world["customer_interactions"].rows}:
        paid = [row[5] for row in world["customer_interactions"].rows if row[1] == day and row[5] is not None]
        means[day] = sum((Decimal(str(amount)) for amount in paid), Decimal(0)) / len(paid)
    drifted = means.pop(DRIFT.window_start.date())
    assert len(means) == DRIFT.history_windows
    assert max(means.values()) < 2 * min(means.values())
    assert 80 < drifted / (sum(means.values(), Decimal(0)) / len(means)) < 120


def test_drifted_amounts_still_fit_the_column(world: dict[str, SourceRows]) -> None:
    for row in world["customer_interactions"].rows:
        amount = row[5]
        assert amount is None or (
            isinstance(amount, Decimal) and 0 <= amount < 10**10 and amount.as_tuple().exponent == -2
        )


def test_nobody_buys_without_a_click_and_only_buyers_pay(world: dict[str, SourceRows]) -> None:
    kinds = {(row[3], row[4], row[5] is not None) for row in world["customer_interactions"].rows}
    assert kinds == {(0, 0, False), (1, 0, False), (1, 1, True)}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("", '""'), ("a,b", '"a,b"'), ('a"b', '"a""b"'), ("a\nb", '"a\nb"'), (" a", '" a"'), (True, "true"),
     (datetime(2019, 5, 1, 0, 0, 1), "2019-05-01 00:00:01"), (Decimal("1.50"), "1.50"), ("민준", "민준")],
)  # fmt: skip
def test_csv_keeps_each_value_apart(value: object, text: str) -> None:
    assert list(csv_lines([(value, 7)])) == [f"{text},7\n"]  # type: ignore[list-item]
