"""Rows that came late, were lost, changed or doubled are found, each in its window; clean windows are silent while the source is
written to. `HEADGATE_RECONCILE_TRIALS` sets how many trials are drawn."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta

import psycopg2
import pytest

from tests.acceptance.operations.reconcile.orders import COLUMNS, DAYS, FIRST, MODES, OTHERS, PER_DAY, Orders, made

TRIALS = int(os.environ.get("HEADGATE_RECONCILE_TRIALS", "24"))
CHANGES = ("note = note || 'x'", "note = ''", "amount = amount + 0.01", "share = share * 1.0000001", "paid = NOT paid",
           "seen = seen + interval '1 microsecond'", "day = day + 1", "note = NULL")  # fmt: skip


def label(day: int) -> str:
    return f"{FIRST + timedelta(days=day):%Y-%m-%d}"


def some_row(orders: Orders, dice: random.Random, day: int, where: str = "true") -> int:
    low, high = FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1)
    found = orders.live(f"SELECT id FROM LIVE WHERE at >= %s AND at < %s AND {where} ORDER BY id", (low, high))
    return int(dice.choice(found)[0])


def late(orders: Orders, dice: random.Random, day: int, number: int) -> str:
    at = FIRST + timedelta(days=day, seconds=dice.randrange(86_400))
    orders.source(f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(COLUMNS))})", made(10_000 + number, at, dice))
    return "missing"


def lost(orders: Orders, dice: random.Random, day: int, number: int) -> str:
    orders.live("DELETE FROM LIVE WHERE id = %s", (some_row(orders, dice, day),))
    return "missing"


def changed(orders: Orders, dice: random.Random, day: int, number: int) -> str:
    change = dice.choice(CHANGES)
    column, _, value = change.partition(" = ")
    differs = f"({column} IS NULL) <> (({value}) IS NULL) OR {column} <> ({value})"
    where = f"{differs} AND {'abs(share) BETWEEN 0.1 AND 1' if column == 'share' else 'true'}"
    found = some_row(orders, dice, day, f"({where})")
    orders.live(f"UPDATE LIVE SET {change} WHERE id = %s", (found,))
    return "changed"


def doubled(orders: Orders, dice: random.Random, day: int, number: int) -> str:
    orders.live("INSERT INTO LIVE SELECT * FROM LIVE WHERE id = %s", (some_row(orders, dice, day),))
    return "doubled"


def exchanged(orders: Orders, dice: random.Random, day: int, number: int) -> str:
    """Two rows exchange a value: no count, no sum and no length shows it."""
    low, high = FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1)
    found = orders.live(
        "SELECT a.id, b.id FROM LIVE a, LIVE b WHERE a.amount < b.amount AND a.at >= %s AND a.at < %s AND b.at >= %s "
        "AND b.at < %s ORDER BY 1, 2",
        (low, high) * 2,
    )
    one, other = dice.choice(found)
    amounts = dict(orders.live("SELECT id, amount FROM LIVE WHERE id IN (%s, %s)", (one, other)))
    for number, amount in ((one, amounts[other]), (other, amounts[one])):
        orders.live("UPDATE LIVE SET amount = %s WHERE id = %s", (amount, number))
    return "changed"


WRONGS = (late, lost, changed, doubled, exchanged)


@contextmanager
def written_to(orders: Orders, *, moves: bool) -> Iterator[list[int]]:
    """The source while somebody writes to it: rows of windows that aren't published yet; with `moves`, rows of published
    windows change and move there, too. What is given counts the transactions."""
    stop, done, dice = threading.Event(), [0], random.Random(3)

    def write() -> None:
        with closing(psycopg2.connect(orders.url)) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                at = FIRST + timedelta(days=DAYS, seconds=dice.randrange(3_600))
                cursor.execute(
                    f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(COLUMNS))})", made(50_000 + done[0], at, dice)
                )
                if moves and done[0] % 5 == 0 and done[0] < 100:
                    moved = dice.randrange(1, DAYS * PER_DAY)
                    cursor.execute("UPDATE orders SET at = %s, note = 'new' WHERE id = %s", (at, moved))
                connection.commit()
                done[0] += 1
                stop.wait(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


@pytest.mark.trial
@pytest.mark.parametrize("mode", MODES)
def test_planted_rows_are_found_in_every_trial_and_nothing_else(orders: Orders, mode: str) -> None:
    orders.declare(MODES[mode], more="physical: {}")
    orders.load()
    keyed = "key:" in MODES[mode]
    if keyed and not orders.house.place.is_redshift:
        # A key that repeats is refused by the table itself there, unless somebody has dropped what refuses it.
        for (index,) in orders.live("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass",
                                    (orders.name,)):  # fmt: skip
            orders.live(f"DROP INDEX {index}")
    orders.live("CREATE TABLE LIVE_whole AS SELECT * FROM LIVE")
    dice = random.Random(mode)
    for number in range(TRIALS // len(MODES)):
        wrong, day = dice.choice(WRONGS), dice.randrange(DAYS)
        what = wrong(orders, dice, day, number)
        found = orders.reconcile()
        assert len(found.differing) == 1, (wrong.__name__, day)
        (window,) = found.differing
        told = window.difference
        assert window.label == label(day), (wrong.__name__, told)
        rows = 2 if wrong is exchanged else 1
        if keyed or what in ("missing", "doubled"):
            assert getattr(told, what) == rows, (wrong.__name__, told)
            assert str(told).startswith(f"{rows} {what}")
        else:
            assert (told.missing, told.surplus) == (rows, rows), (wrong.__name__, told)
        # Whole again for the next trial.
        orders.source("DELETE FROM orders WHERE id >= 10000")
        orders.live("DELETE FROM LIVE")
        orders.live("INSERT INTO LIVE SELECT * FROM LIVE_whole")
    assert orders.reconcile().differing == ()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("merge", "mutable"), pytest.param("merge", "immutable", marks=pytest.mark.trial),
        pytest.param("replace_window", "immutable", marks=pytest.mark.trial),
    ],
)  # fmt: skip
def test_clean_windows_are_silent_while_the_source_is_written_to(orders: Orders, mode: str, kind: str) -> None:
    orders.declare(MODES[mode], kind=kind)
    orders.load()
    with written_to(orders, moves=kind == "mutable") as done:
        for _ in range(4):
            found = orders.reconcile()
            assert (len(found.findings), found.differing) == (DAYS, ())
    assert done[0] > 20
    moved = sum(item.difference.moved for item in found.findings)
    assert (moved > 0) == (kind == "mutable")
    assert found.coverage is not None
    assert found.coverage.sentence().startswith(
        "reconciled up to 2024-03-07 00:00 UTC (from 2024-03-01; last looked at"
    )


def test_what_was_set_aside_or_came_in_a_later_version_is_no_difference(orders: Orders) -> None:
    orders.declare("key: [id]\nload: {mode: merge, keep: {latest_by: at}, tolerance: 20%}")
    orders.source("UPDATE orders SET share = 5e-324 WHERE id = 3")
    orders.source(f"INSERT INTO orders SELECT id, at + interval '1 day', {OTHERS} FROM orders WHERE id <= 2")
    orders.load()
    found = orders.reconcile()
    assert found.differing == ()
    assert sum(item.difference.superseded for item in found.findings) == 2


def test_an_update_whose_window_was_loaded_before_it_is_a_change(orders: Orders) -> None:
    orders.declare(MODES["merge"], kind="mutable")
    orders.load()
    moment: datetime = FIRST + timedelta(days=4, hours=1)
    orders.source("UPDATE orders SET at = %s, amount = 77 WHERE id = 1", (moment,))
    (window,) = orders.reconcile().differing
    assert (window.label, window.difference.changed) == (label(4), 1)
    assert window.difference.keys == {"changed": ({"id": 1},)}


@pytest.mark.trial
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mode", ["merge", "append"])
def test_a_large_window_is_compared_within_little_memory(
    orders: Orders, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.declare(MODES[mode])
    orders.source(
        "INSERT INTO orders SELECT n, timestamp '2024-03-01' + n * interval '0.5 s', date '2024-03-01', repeat('note ', 6) || n, "
        "n * 0.01, n / 3.0, true, timestamptz '2024-03-01', 'p' || n FROM generate_series(1000, 150000) n"
    )
    orders.load(1)
    orders.live("UPDATE LIVE SET amount = 1 WHERE id = 5000")
    # All values of one side alone take more than this.
    monkeypatch.setattr("tasks.reconcile.source_rows.memory_for", lambda _: 64)
    (window,) = orders.reconcile(end=label(1)).differing
    assert window.source_rows == window.live_rows > 149_000
    found = window.difference
    assert (
        (found.changed, found.columns) == (1, ("amount",))
        if mode == "merge"
        else (found.missing, found.surplus) == (1, 1)
    )
