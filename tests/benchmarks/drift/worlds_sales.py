"""Clean worlds of sales: orders, invoices, payments, tickets, campaigns."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta

from worlds import FIRST, LAST, WORDS, Batch, Columns, code, pick, sparse, stamps, volume, world


@world("orders")
def orders(rng: random.Random) -> Batch:
    """Counted ids that grow with the volume, weekly season, growth, statuses by weekday, a full set of columns."""
    state = {"id": rng.choice([1, 80, 700, 7_000, 60_000, 990_000]), "customer": rng.choice([50, 900, 9_500])}
    base, growth, weekend = rng.choice([40, 300, 1200]), rng.choice([0, 0.003, 0.007]), rng.choice([1, 0.5, 1.4])

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, base, growth, weekend)
        ids = [state["id"] + i for i in range(n)]
        state["id"] += n
        state["customer"] += max(1, n // 8)
        created = stamps(rng, at, n)
        status = pick(rng, {"paid": 60, "open": 25 + 10 * (at.weekday() == 0), "canceled": 5, "refunded": 3}, n)
        items = [1 + int(rng.expovariate(0.8)) for _ in range(n)]
        price = [rng.lognormvariate(3, 0.8) for _ in range(n)]
        discount = [rng.choice([0, 0, 0, 5, 10, 15]) for _ in range(n)]
        return {
            "id": [str(i) for i in ids],
            "key": [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(n)],
            "customer_id": [str(int(state["customer"] * rng.random() ** 0.5) + 1) for _ in range(n)],
            "created_at": [f"{t:%Y-%m-%d %H:%M:%S}" for t in created],
            "updated_at": [f"{t + timedelta(minutes=rng.expovariate(1 / 90)):%Y-%m-%d %H:%M:%S}" for t in created],
            "status": status,
            "items": [str(i) for i in items],
            "discount": [str(d) for d in discount],
            "amount": [f"{i * p * (1 - d / 100):.2f}" for i, p, d in zip(items, price, discount, strict=True)],
            "currency": pick(rng, {"EUR": 90, "USD": 9, "CHF": 0.7, "NOK": 0.2}, n),
            "gift": pick(rng, {"true": 4, "false": 96}, n),
            "coupon": sparse(rng, pick(rng, {"WELCOME": 5, "VIP10": 2, "SORRY": 1}, n), 0.04),
            "refunded_at": [
                f"{t + timedelta(hours=rng.uniform(1, 9)):%Y-%m-%d %H:%M:%S}" if s == "refunded" else ""
                for t, s in zip(created, status, strict=True)
            ],
            "legacy": [""] * n,
            "shop": ["main"] * n,
        }

    return batch


@world("counters")
def counters(rng: random.Random) -> Batch:
    """Numbers that only grow: by one, by thousands, evenly or not; padded, prefixed, and versions that bump."""
    state = {
        "a": rng.choice([3, 60, 950, 9_400]),
        "b": rng.choice([100, 9_000, 85_000]),
        "run": rng.choice([3, 92, 985]),
    }
    base, jump = rng.choice([15, 60, 300]), rng.choice([50, 1000, 20_000])
    version = [1, rng.choice([7, 8]), rng.choice([0, 6])]

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, base)
        even = [state["a"] + i for i in range(n)]
        state["a"] += n
        uneven = []
        for _ in range(n):
            state["b"] += 1 + int(rng.expovariate(n / jump))
            uneven.append(state["b"])
        state["run"] += 1
        if rng.random() < 0.15:
            version[2] += 1
        if rng.random() < 0.03:
            version[1], version[2] = version[1] + 1, 0
        return {
            "id": [str(i) for i in even],
            "event_no": [str(i) for i in uneven],
            "thousands": [str(1000 * number + i) for i in range(n)],
            "invoice": [f"INV-{i:07d}" for i in even],
            "ticket": [f"T{i}" for i in even],
            "run": [str(state["run"])] * n,
            "version": [".".join(map(str, version))] * n,
            "line": [str(i + 1) for i in range(n)],
            "epoch": [str(int(at.timestamp()) + int(86_400 * i / n)) for i in range(n)],
            "millis": [str(int(at.timestamp() * 1000) + rng.randrange(86_400_000)) for _ in range(n)],
            "year": [str(at.year)] * n,
            "month": [str(at.month)] * n,
            "day": [str(at.day)] * n,
            "week": [str(at.isocalendar()[1])] * n,
            "value": [f"{rng.gauss(100, 15):.1f}" for _ in range(n)],
        }

    return batch


@world("payments")
def payments(rng: random.Random) -> Batch:
    """Month ends with three times the rows, a holiday with few, rare methods, heavy tails, fees that follow amounts."""
    base = rng.choice([80, 400, 1500])

    def batch(at: datetime, number: int) -> Columns:
        last = (at + timedelta(days=1)).day == 1
        quiet = (at.month, at.day) in {(12, 25), (1, 1)}
        n = volume(rng, at, number, base * (2.0 if last else 0.4 if quiet else 1), 0.004, 0.6)
        amount = [rng.paretovariate(1.3) * 9 for _ in range(n)]
        methods = {"card": 70, "transfer": 22, "cash": 6, "voucher": 0.4, "crypto": 0.08}
        return {
            "payment_id": [f"{rng.getrandbits(64):016x}" for _ in range(n)],
            "booked": [f"{at:%Y-%m-%d}"] * n,
            "paid_at": [f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in stamps(rng, at, n)],
            "method": pick(rng, methods, n),
            "amount": [f"{a:.2f}" for a in amount],
            "fee": [f"{0.25 + 0.014 * a:.2f}" for a in amount],
            "iban": [f"DE{rng.randrange(10**20):020d}" for _ in range(n)],
            "terminal": [f"{int(rng.paretovariate(0.9)) % 300:03d}" for _ in range(n)],
            "ok": pick(rng, {"1": 985, "0": 15}, n),
            "error": sparse(rng, pick(rng, {"timeout": 5, "declined": 9, "limit": 1}, n), 0.012),
            "region": ["EU"] * n,
        }

    return batch


@world("tickets")
def tickets(rng: random.Random) -> Batch:
    """10-60 rows a day: open and closed, null depending on it, free text, people who come and go."""
    agents = [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(7)]
    state = {"id": rng.choice([70, 950, 98_000])}

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, rng.uniform(18, 55), 0, 0.5)
        if rng.random() < 0.05:
            agents[rng.randrange(7)] = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        opened, ids = stamps(rng, at, n, (12, 4)), [state["id"] + i for i in range(n)]
        state["id"] += n
        closed = [rng.random() < 0.7 for _ in range(n)]
        return {
            "ticket": [f"SUP-{i}" for i in ids],
            "opened_at": [f"{t:%Y-%m-%d %H:%M}" for t in opened],
            "closed_at": [
                f"{t + timedelta(hours=rng.expovariate(0.3)):%Y-%m-%d %H:%M}" if c else ""
                for t, c in zip(opened, closed, strict=True)
            ],
            "state": ["closed" if c else rng.choice(["open", "waiting"]) for c in closed],
            "agent": [rng.choice(agents) if c or rng.random() < 0.5 else "" for c in closed],
            "priority": pick(rng, {"low": 50, "normal": 40, "high": 9, "urgent": 1.5}, n),
            "subject": [" ".join(rng.choices(WORDS, k=rng.randint(2, 7))).capitalize() for _ in range(n)],
            "mail": [f"{rng.choice(FIRST).lower()}.{rng.choice(LAST).lower()}@example.org" for _ in range(n)],
            "rating": [str(rng.choice([1, 3, 4, 5, 5, 5])) if c and rng.random() < 0.3 else "" for c in closed],
            "minutes": [str(int(rng.expovariate(1 / 25))) if c else "" for c in closed],
        }

    return batch


@world("campaigns")
def campaigns(rng: random.Random) -> Batch:
    """One row per running campaign and day: categories come and go, ratios of counts."""
    running = [code(rng, 3, 3) for _ in range(rng.choice([12, 25, 50]))]

    def batch(at: datetime, number: int) -> Columns:
        for i in range(len(running)):
            if rng.random() < 0.03:
                running[i] = code(rng, 3, 3)
        n = len(running)
        shown = [int(rng.lognormvariate(8, 1)) for _ in range(n)]
        clicks = [int(s * rng.betavariate(2, 60)) for s in shown]
        return {
            "date": [f"{at:%Y-%m-%d}"] * n,
            "campaign": list(running),
            "channel": [["search", "social", "display"][len(c) % 2 + ord(c[0]) % 2] for c in running],
            "impressions": [str(s) for s in shown],
            "clicks": [str(c) for c in clicks],
            "cost": [f"{c * rng.uniform(0.2, 0.9):.2f}" for c in clicks],
            "ctr": [f"{c / max(1, s):.4f}" for c, s in zip(clicks, shown, strict=True)],
            "active": ["true"] * n,
        }

    return batch


@world("ledger", "month")
def ledger(rng: random.Random) -> Batch:
    """Monthly bookings: year and month columns, accounts, signed amounts."""
    base = rng.choice([60, 400])

    def batch(at: datetime, number: int) -> Columns:
        n = volume(rng, at, number, base, 0.01)
        days = sorted(rng.randrange(28) for _ in range(n))
        return {
            "year": [str(at.year)] * n,
            "month": [str(at.month)] * n,
            "booked_on": [f"{at + timedelta(days=d):%d.%m.%Y}" for d in days],
            "account": [rng.choice(["4400", "4930", "6300", "0420", "1200"]) for _ in range(n)],
            "amount": [f"{rng.choice([-1, 1, 1]) * rng.lognormvariate(5, 1.4):.2f}" for _ in range(n)],
            "center": [f"C{rng.randrange(12):02d}" for _ in range(n)],
            "text": [" ".join(rng.choices(WORDS, k=3)) for _ in range(n)],
            "document": [f"{at:%Y%m}-{i + 1}" for i in range(n)],
        }

    return batch
