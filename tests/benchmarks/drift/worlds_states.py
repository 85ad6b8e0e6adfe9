"""Clean worlds of states: stock, customers and rates delivered in full every day, and people and things that are added."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from worlds import CITIES, FIRST, LAST, WORDS, Batch, Columns, code, pick, sparse, stamps, volume, world


def transposed(names: str, rows: list[list[str]]) -> Columns:
    return {name: [row[i] for row in rows] for i, name in enumerate(names.split(","))}


@world("inventory")
def inventory(rng: random.Random) -> Batch:
    """The same rows every day with small changes: a full refresh. Some tables carry the day, some don't."""
    count, changing, dated = rng.choice([30, 250, 900]), rng.choice([0.03, 0.2, 0.6]), rng.random() < 0.5
    stock = [
        [code(rng, 2, 4), str(rng.randrange(400)), f"{rng.lognormvariate(2.5, 0.7):.2f}", rng.choice("ABC"), ""]
        for _ in range(count)
    ]

    def batch(at: datetime, number: int) -> Columns:
        for row in stock:
            if not row[4] or rng.random() < changing:
                row[1] = str(max(0, int(row[1]) + rng.randint(-9, 9)))
                row[4] = f"{at - timedelta(hours=rng.uniform(1, 24)):%Y-%m-%d %H:%M:%S}"
            if rng.random() < 0.002:
                row[2] = f"{float(row[2]) * rng.uniform(0.8, 1.2):.2f}"
        if rng.random() < 0.3:
            stock.append([code(rng, 2, 4), "50", "19.90", rng.choice("ABC"), f"{at:%Y-%m-%d %H:%M:%S}"])
        found = transposed("sku,quantity,price,class,changed_at", stock)
        return found | ({"snapshot": [f"{at:%Y-%m-%d}"] * len(stock)} if dated else {})

    return batch


@world("customers")
def customers(rng: random.Random) -> Batch:
    """A slowly changing dimension delivered in full: on some days nothing changes at all."""
    count, changes, added = rng.choice([60, 400, 2000]), rng.choice([0.5, 3, 12]), rng.choice([0, 1, 5])
    people: list[list[str]] = []

    def person(at: datetime) -> list[str]:
        first, last = rng.choice(FIRST), rng.choice(LAST)
        mail = f"{first}.{last}{rng.randrange(99)}@example.com".lower() if rng.random() < 0.93 else ""
        since = at - timedelta(days=rng.expovariate(1 / 300) if not people else 0)
        return [str(len(people) + 90), f"{first} {last}", mail, rng.choice(CITIES), "free", f"{since:%Y-%m-%d}"]

    def batch(at: datetime, number: int) -> Columns:
        if not people:
            for _ in range(count):
                made = person(at)
                made[4] = rng.choice(["free", "free", "plus", "pro"])
                people.append(made)
        for _ in range(int(rng.expovariate(1 / changes))):
            row = rng.choice(people)
            row[3], row[4] = rng.choice(CITIES), rng.choice(["free", "plus", "pro"])
        for _ in range(rng.randint(0, 2 * added) if added else 0):
            people.append(person(at))
        return transposed("id,name,mail,city,plan,since", people)

    return batch


@world("reference")
def reference(rng: random.Random) -> Batch:
    """A list that is delivered every day and changes every few weeks."""
    rows = [
        [code(rng, 2, 2), f"{rng.choice(CITIES)} {i}", str(rng.randrange(5)), "yes"]
        for i in range(rng.choice([15, 60, 240]))
    ]

    def batch(at: datetime, number: int) -> Columns:
        if rng.random() < 0.06:
            rng.choice(rows)[2] = str(rng.randrange(5))
        if rng.random() < 0.02:
            rows.append([code(rng, 2, 2), rng.choice(CITIES), "1", "yes"])
        return transposed("code,name,zone,active", rows)

    return batch


@world("rates")
def rates(rng: random.Random) -> Batch:
    """Exchange rates: a random walk of some thirty numbers of very different size."""
    names = sorted({"".join(rng.choices("ABCDEFGHKLMNPRSTUY", k=3)) for _ in range(rng.choice([12, 30]))})
    level = {name: rng.lognormvariate(1, 2.5) for name in names}

    def batch(at: datetime, number: int) -> Columns:
        for name in names:
            level[name] *= rng.lognormvariate(0, 0.006)
        return {
            "date": [f"{at:%Y-%m-%d}"] * len(names),
            "currency": names,
            "rate": [f"{level[n]:.6g}" for n in names],
            "bid": [f"{level[n] * 0.998:.6g}" for n in names],
            "ask": [f"{level[n] * 1.002:.6g}" for n in names],
        }

    return batch


@world("signups")
def signups(rng: random.Random) -> Batch:
    """People: names, mails, coordinates, ages, a growing id, sparse columns."""
    state, base = {"id": rng.choice([500, 9_000, 99_000])}, rng.choice([12, 60, 500])

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, base, 0.005, 0.7)
        ids = [state["id"] + i for i in range(n)]
        state["id"] += n
        first, last = rng.choices(FIRST, k=n), rng.choices(LAST, k=n)
        return {
            "id": [str(i) for i in ids],
            "name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
            "mail": [f"{a}.{b}{i % 100}@mail.example".lower() for a, b, i in zip(first, last, ids, strict=True)],
            "city": rng.choices(CITIES, k=n),
            "lat": [f"{rng.gauss(48, 6):.5f}" for _ in range(n)],
            "lon": [f"{rng.gauss(9, 11):.5f}" for _ in range(n)],
            "born": [str(at.year - int(min(85, max(18, rng.gauss(38, 13))))) for _ in range(n)],
            "phone": sparse(rng, [f"+49 1{rng.randrange(10**9):09d}" for _ in range(n)], 0.4),
            "referrer": sparse(rng, [code(rng, 3, 2) for _ in range(n)], 0.02),
            "note": sparse(rng, [" ".join(rng.choices(WORDS, k=4)) for _ in range(n)], 0.001),
            "newsletter": pick(rng, {"t": 3, "f": 7}, n),
            "created_at": [f"{t:%Y-%m-%d %H:%M:%S}.{rng.randrange(1000):03d}" for t in stamps(rng, at, n, (18, 4))],
        }

    return batch


@world("catalog")
def catalog(rng: random.Random) -> Batch:
    """Sales lines of a catalog that grows: product codes, categories that appear now and then, sizes, prices."""
    products = [(f"P{i:03d}", rng.choice(["home", "garden", "toys"]), rng.lognormvariate(3, 0.6)) for i in range(960)]
    kinds, base = ["home", "garden", "toys"], rng.choice([60, 400, 2000])

    def batch(at: datetime, number: int) -> Columns:
        if rng.random() < 0.06:
            kinds.append(f"{rng.choice(WORDS)}{len(kinds)}")
        for _ in range(rng.randint(0, 4)):
            products.append((f"P{len(products):03d}", rng.choice(kinds), rng.lognormvariate(3, 0.6)))
        n = volume(rng, at, number, base, 0.004, 1.2)
        sold = [products[int(len(products) * rng.random() ** 1.4)] for _ in range(n)]
        return {
            "product": [p for p, _, _ in sold],
            "category": [c for _, c, _ in sold],
            "price": [f"{v:.2f}" for _, _, v in sold],
            "quantity": [str(1 + int(rng.expovariate(1.1))) for _ in range(n)],
            "size": pick(rng, {"S": 20, "M": 40, "L": 30, "XL": 9, "XXL": 1}, n),
            "store": [f"{rng.randrange(40):02d}" for _ in range(n)],
            "zip": [f"{rng.choice([1067, 10115, 20095, 4109, 80331, 99084]):05d}" for _ in range(n)],
            "at": [f"{t:%Y-%m-%d %H:%M}" for t in stamps(rng, at, n)],
        }

    return batch


@world("survey", "week")
def survey(rng: random.Random) -> Batch:
    """12-80 answers a week: few values, free text, departments of very different size."""

    def batch(at: datetime, number: int) -> Columns:
        n = rng.randint(12, 80)
        return {
            "week": [f"{at:%G-W%V}"] * n,
            "department": pick(rng, {"sales": 40, "it": 25, "legal": 4, "hr": 6, "board": 1}, n),
            "score": [str(min(10, max(0, round(rng.gauss(7.5, 2))))) for _ in range(n)],
            "again": pick(rng, {"yes": 80, "no": 20}, n),
            "comment": sparse(rng, [" ".join(rng.choices(WORDS, k=rng.randint(1, 20))) for _ in range(n)], 0.5),
            "answered_on": [f"{at + timedelta(days=rng.randrange(7)):%d/%m/%Y}" for _ in range(n)],
        }

    return batch
