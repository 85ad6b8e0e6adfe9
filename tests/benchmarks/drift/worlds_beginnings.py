"""Clean worlds as tables begin: ids that go on with gaps, a first batch that is a backfill, numbers that only grow, files that
are parts of one export.

What two to six batches of them look like says little of what is usual: most of it moves on, and nothing of that is news.
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from uuid import UUID

from worlds import CITIES, Batch, code, pick, sparse, stamps, volume, world

STATES = {"paid": 70.0, "open": 22.0, "void": 8.0}


def _counted(rng: random.Random, at: int, rows: int, holes: float) -> list[int]:
    """Rising ids from `at` on, some of them left out."""
    found = []
    for _ in range(rows):
        at += 1 + int(rng.expovariate(1 / holes) if holes else 0)
        found.append(at)
    return found


@world("sequences")
def sequences(rng: random.Random) -> Batch:
    """An id that goes on, with gaps from batch to batch that have nothing to do with the rows: a shared sequence."""
    base, holes = rng.choice([60, 800, 8000]), rng.choice([0, 0, 3])
    jump, at = rng.choice([0, 0.5, 3, 20]), [rng.choice([0, 5000, 7_000_000])]
    shuffled, name = rng.random() < 0.4, rng.choice(["id", "order_id", "row", "seq", "nummer"])

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        rows = volume(rng, day, number, base)
        ids = _counted(rng, at[0] + int(rng.expovariate(1) * jump * rows if jump else 0), rows, holes)
        at[0] = ids[-1]
        if shuffled:
            rng.shuffle(ids)
        return {
            name: [str(i) for i in ids],
            "amount": [f"{rng.lognormvariate(3, 0.6):.2f}" for _ in ids],
            "city": [rng.choice(CITIES[:4]) for _ in ids],
            "state": pick(rng, STATES, rows),
        }

    return batch


@world("references")
def references(rng: random.Random) -> Batch:
    """Keys of other tables: of customers that were and are added, of the order a line belongs to, of the batch's run; and points
    in time as numbers, under names that say so and under others.
    """
    base, customers, order = rng.choice([150, 1500]), [rng.choice([40, 5000])], [rng.choice([1, 90_000])]
    growing, named = rng.choice([1.0, 1.01, 1.3]), rng.choice(["ts", "version", "modified"])
    scale = rng.choice([1, 1000])

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        rows, found = volume(rng, day, number, base), []
        customers[0] = int(customers[0] * growing) + rng.randrange(3)
        while len(found) < rows:
            order[0] += 1
            found += [order[0]] * min(rng.randint(1, 6), rows - len(found))
        moments = [int(one.timestamp() * scale) for one in stamps(rng, day, rows)]
        return {
            "uuid": [str(UUID(int=rng.getrandbits(128))) for _ in found],
            "order": [str(i) for i in found],
            "customer_id": [str(1 + int(customers[0] * rng.random() ** 1.5)) for _ in found],
            named: [str(moment) for moment in moments],
            "run": [str(1000 + number * 7 + rng.randrange(3))] * rows,
            "pieces": [str(1 + int(rng.expovariate(0.8))) for _ in found],
        }

    return batch


@world("hourly", "hour")
def hourly(rng: random.Random) -> Batch:
    """A load every hour: nights are quiet, a day's rhythm is seen only after a day."""
    base, depth, at = rng.choice([200, 2000]), rng.choice([0.5, 0.9, 0.97]), [rng.randrange(10**6)]
    warm = rng.uniform(5, 25)

    def batch(hour: datetime, number: int) -> dict[str, list[str]]:
        light = 0.5 - 0.5 * math.cos((hour.hour - 3) / 24 * 2 * math.pi)
        rows = volume(rng, hour, number, base * (1 - depth + depth * light))
        ids = _counted(rng, at[0], rows, 0.2)
        at[0] = ids[-1]
        moments = sorted(hour + timedelta(seconds=rng.uniform(0, 3600)) for _ in ids)
        weights = {"app": 40 + 30 * light, "web": 60 - 30 * light, "job": 6.0}
        return {
            "event_id": [str(i) for i in ids],
            "at": [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in moments],
            "ms": [str(int(one.timestamp() * 1000)) for one in moments],
            "channel": pick(rng, weights, rows),
            "warmth": [f"{warm + 8 * light + rng.gauss(0, 1):.1f}" for _ in ids],
            "latency": [f"{rng.lognormvariate(3 + light, 0.7):.1f}" for _ in ids],
        }

    return batch


@world("growing")
def growing(rng: random.Random) -> Batch:
    """A young table, delivered in full: rows are added every day, and what is kept of each adds up."""
    more, rows = rng.choice([0.01, 0.06, 0.25]), [rng.choice([80, 1500])]
    kept: list[list[float]] = []

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        wanted = min(int(rows[0] * (1 + more) ** number * rng.lognormvariate(0, 0.01)), 9000)
        while len(kept) < wanted:
            kept.append([len(kept) + 1, rng.lognormvariate(2, 1), 0.0, day.timestamp()])
        for row in kept:
            row[2] += row[1] * rng.random()
        return {
            "account": [f"{row[0]:.0f}" for row in kept],
            "turnover": [f"{row[2]:.2f}" for row in kept],
            "age_days": [f"{(day.timestamp() - row[3]) / 86_400:.0f}" for row in kept],
            "opened": [f"{datetime.fromtimestamp(row[3]):%Y-%m-%d}" for row in kept],
            "kind": ["private" if row[1] < 12 else "company" for row in kept],
        }

    return batch


@world("backfilled")
def backfilled(rng: random.Random) -> Batch:
    """The first batch holds what had gathered until then: years of it, beside days later."""
    base, times, at = rng.choice([100, 700]), rng.choice([4, 15, 40]), [0]

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        first = number == 0
        rows = int(volume(rng, day, number, base) * (times if first else 1))
        ids = _counted(rng, at[0], rows, 0.3)
        at[0] = ids[-1]
        moments = stamps(rng, day, rows)
        if first:
            moments = sorted(one - timedelta(days=int(times * rng.random())) for one in moments)
        return {
            "id": [str(i) for i in ids],
            "created_at": [f"{one:%Y-%m-%d %H:%M:%S}" for one in moments],
            "price": [f"{rng.lognormvariate(3, 0.5) * (0.8 if first else 1):.2f}" for _ in ids],
            "code": [code(rng, 2, 3) for _ in ids],
            "note": sparse(rng, ["late"] * rows, 0.02 if first else 0.1),
            "state": pick(rng, {"done": 97, "open": 3} if first else {"done": 55, "open": 45}, rows),
        }

    return batch


@world("starting")
def starting(rng: random.Random) -> Batch:
    """A product that has just begun: more of everything every day, and values that come one after the other."""
    more, base = rng.choice([1.1, 1.3, 1.6]), rng.choice([20, 150])
    users = [base]

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        rows = max(4, int(base * min(more**number, 40) * rng.lognormvariate(0, 0.15)))
        users[0] += rows // 2
        cities = CITIES[: min(2 + number, len(CITIES))]
        return {
            "user_id": [str(1 + rng.randrange(users[0])) for _ in range(rows)],
            "city": [cities[int(len(cities) * rng.random() ** 2)] for _ in range(rows)],
            "seconds": [f"{rng.expovariate(1 / (60 + 4 * number)):.0f}" for _ in range(rows)],
            "version": [f"1.{max(0, number // 2 - int(rng.expovariate(1)))}.0" for _ in range(rows)],
            "at": [f"{one:%Y-%m-%d %H:%M:%S}" for one in stamps(rng, day, rows)],
        }

    return batch


@world("meters")
def meters(rng: random.Random) -> Batch:
    """Counters of things, read every day: each goes on by itself."""
    count = rng.choice([25, 400])
    new = rng.random() < 0.5
    things = [
        [code(rng, 1, 5), 0.0 if new else rng.lognormvariate(8, 1), rng.lognormvariate(3, 0.8)] for _ in range(count)
    ]

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        for thing in things:
            thing[1] = float(thing[1]) + float(thing[2]) * rng.uniform(0.3, 1.7)
        return {
            "meter": [str(thing[0]) for thing in things],
            "kwh": [f"{thing[1]:.1f}" for thing in things],
            "read_at": [f"{day + timedelta(minutes=rng.randrange(300)):%Y-%m-%d %H:%M}" for _ in things],
            "week_to_date": [f"{float(thing[2]) * (day.weekday() + rng.random()):.1f}" for thing in things],
        }

    return batch


@world("weekly", "week")
def weekly(rng: random.Random) -> Batch:
    """Weekly figures of some places, with the sum of the year so far."""
    places = rng.sample(CITIES, rng.choice([4, 11]))
    year = dict.fromkeys(places, 0.0)

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        if day.timetuple().tm_yday <= 7:
            year.update(dict.fromkeys(places, 0.0))
        sold = {place: rng.lognormvariate(6, 0.4) for place in places for _ in range(2)}
        for place in places:
            year[place] += sold[place]
        return {
            "week": [f"{day.isocalendar().week}"] * len(places),
            "from": [f"{day:%Y-%m-%d}"] * len(places),
            "place": list(places),
            "sold": [f"{sold[place]:.0f}" for place in places],
            "sold_this_year": [f"{year[place]:.0f}" for place in places],
            "id": [str(number * len(places) + i + 1) for i in range(len(places))],
        }

    return batch


@world("parts", "part")
def parts(rng: random.Random) -> Batch:
    """One export in parts: files of a fixed count of rows in the order of the key, the newest rows in the last. Nothing but the
    key tells where one ends."""
    size, at, regions = rng.choice([300, 2000, 12_000]), [0], rng.choice([1, 3, 6])
    gap = rng.choice([0, 0, 400, 50_000])

    def batch(day: datetime, number: int) -> dict[str, list[str]]:
        ids = _counted(rng, at[0] + (rng.randrange(gap) if gap else 0), size, rng.choice([0, 0.5]))
        at[0] = ids[-1]
        begin = datetime(2019, 1, 1) + timedelta(days=number * 9)
        region = CITIES[number % regions]
        return {
            "key": [str(i) for i in ids],
            "created": [f"{begin + timedelta(days=9 * i / size):%Y-%m-%d %H:%M:%S}" for i in range(size)],
            "epoch": [str(int((begin + timedelta(days=9 * i / size)).timestamp())) for i in range(size)],
            "region": [region if rng.random() < 0.6 else rng.choice(CITIES[:6]) for _ in ids],
            "price": [f"{rng.lognormvariate(3 + 0.02 * number, 0.5):.2f}" for _ in ids],
            "old_status": sparse(rng, ["x"] * size, max(0.0, 0.8 - 0.15 * number)),
        }

    return batch
