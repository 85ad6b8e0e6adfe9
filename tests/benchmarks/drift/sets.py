"""The sets: folders of CSV batches in name order. Real ones are read where the user has them, two are generated.

Nothing of a real set is kept in the repository. A set is written below a work folder once and reused.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import random
import tarfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from tables import Table, write

Batches = Iterator[tuple[str, Table]]


def real_data() -> Path | None:
    """The optional folder of real sets beside the checkout, or HEADGATE_BENCH_DATA."""
    named = os.environ.get("HEADGATE_BENCH_DATA")
    for folder in [Path(named)] if named else [p / "shared" / "data" for p in Path(__file__).resolve().parents[3:6]]:
        if (folder / "online_retail_by_day.tar.gz").exists():
            return folder
    return None


def retail(folder: Path) -> Batches:
    with tarfile.open(folder / "online_retail_by_day.tar.gz") as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            handle = tar.extractfile(member) if member.name.endswith(".csv") else None
            if handle is not None:
                rows = list(csv.reader(handle.read().decode("utf-8").splitlines(keepends=True)))
                yield Path(member.name).name, _table(rows[0], rows[1:])


def weather(folder: Path, days: int) -> Batches:
    """Split by UTC day, so that `days` = 1 gives 72 rows a batch; header as delivered."""
    with gzip.open(folder / "nyc_weather_2013.csv.gz", "rt", encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    header, body = rows[0], rows[1:]
    local = [date(int(r[1]), int(r[2]), int(r[3])) for r in body]
    first = min(local)
    groups: dict[date, list[list[str]]] = {}
    for day, row in zip(local, body, strict=True):
        groups.setdefault(first + timedelta(days=(day - first).days // days * days), []).append(row)
    for day in sorted(groups)[:-1]:
        yield f"{day}.csv", _table(header, groups[day])


def flights(folder: Path) -> Batches:
    with gzip.open(folder / "flights_20k.json.gz", "rt", encoding="utf-8") as handle:
        records = json.load(handle)
    groups: dict[str, list[list[str]]] = {}
    for record in records:
        groups.setdefault(record["date"][:10].replace("/", "-"), []).append([str(v) for v in record.values()])
    for day in sorted(groups):
        yield f"{day}.csv", _table(list(records[0]), groups[day])


def sessions(days: int = 70) -> Batches:
    """A shop's paid sessions: weekdays, growth, refunds, a country with its own price level, repeated users."""
    rng = random.Random(20)
    start = datetime(2024, 3, 4)
    countries = ["KR", "US", "JP", "DE", "FR", "BR"]
    channels = ["Google", "Naver", "Facebook", "Organic", "Instagram", "Youtube"]
    for day in range(days):
        now = start + timedelta(days=day)
        rate = 900 * 1.006**day * (0.55 if now.weekday() >= 5 else 1) * rng.lognormvariate(0, 0.07)
        stamps = sorted(now + timedelta(hours=min(23.99, max(0, rng.gauss(14, 4)))) for _ in range(int(rate)))
        body = []
        for stamp in stamps:
            country = rng.choices(countries, [40, 25, 15, 8, 7, 5])[0]
            items = 1 + int(rng.expovariate(0.9))
            price = round(rng.lognormvariate(3.1 if country != "JP" else 3.6, 0.5), 2)
            total = round(price * items, 2)
            refunded = rng.random() < 0.03
            user = int(rng.paretovariate(0.7)) % 40000 + 1
            body.append(
                [
                    f"{rng.getrandbits(64):016x}",
                    f"U{user:06d}",
                    rng.choices(channels, [30, 25, 15, 12, 10, 8])[0],
                    country,
                    str(items),
                    f"{price:.2f}",
                    f"{total:.2f}",
                    "true" if refunded else "false",
                    f"{total if refunded else 0:.2f}",
                    stamp.strftime("%Y-%m-%d %H:%M:%S"),
                    (stamp + timedelta(minutes=rng.expovariate(1 / 20))).strftime("%Y-%m-%d %H:%M:%S"),
                    rng.choice(["", "", "SPRING", "WELCOME10"]),
                ]
            )
        header = "session_id,user_id,channel,country,items,price,total,refunded,refund,created_at,updated_at,coupon"
        yield f"sessions_{now:%Y-%m-%d}.csv", _table(header.split(","), body)


def rides(days: int = 70) -> Batches:
    """Taxi-like rides: total = fare + tip + toll, distance explains fare, night and weekend patterns, zones."""
    rng = random.Random(77)
    start = datetime(2023, 9, 1)
    zones = list(range(1, 120))
    weights = [1 / (z**0.6) for z in zones]
    for day in range(days):
        now = start + timedelta(days=day)
        weekend = now.weekday() >= 5
        body = []
        for _ in range(int(700 * (1.15 if weekend else 1) * rng.lognormvariate(0, 0.08))):
            hour = rng.gauss(1.5, 2.5) if weekend and rng.random() < 0.25 else rng.gauss(15, 4.5)
            pickup = now + timedelta(hours=hour % 24)
            miles = max(0.3, rng.lognormvariate(0.7 + 0.15 * math.sin(day / 9), 0.8))
            minutes = miles * rng.uniform(2.5, 5.5) + 2
            fare = round(3 + 2.5 * miles + 0.35 * minutes, 2)
            card = rng.random() < 0.7
            tip = round(fare * rng.choice([0.15, 0.18, 0.2]), 2) if card else 0.0
            toll = 6.55 if rng.random() < 0.06 else 0.0
            body.append(
                [
                    rng.choice(["1", "2"]),
                    pickup.strftime("%Y-%m-%d %H:%M:%S"),
                    (pickup + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S"),
                    "" if rng.random() < 0.04 else str(rng.choices([1, 2, 3, 4, 5, 6], [70, 15, 5, 3, 4, 3])[0]),
                    f"{miles:.2f}",
                    str(rng.choices(zones, weights)[0]),
                    str(rng.choices(zones, weights)[0]),
                    "card" if card else rng.choices(["cash", "dispute"], [98, 2])[0],
                    f"{fare:.2f}",
                    f"{tip:.2f}",
                    f"{toll:.2f}",
                    f"{fare + tip + toll:.2f}",
                ]
            )
        rng.shuffle(body)
        header = "vendor,pickup_at,dropoff_at,passengers,distance,from_zone,to_zone,payment,fare,tip,toll,total"
        yield f"rides_{now:%Y%m%d}.csv", _table(header.split(","), body)


def folders(work: Path) -> dict[str, Path]:
    """Every set that is at hand, written below `work`; plus folders named in HEADGATE_BENCH_FOLDERS (colon between)."""
    makers: dict[str, Callable[[], Batches]] = {"sessions": sessions, "rides": rides}
    found = real_data()
    if found is not None:
        makers |= {
            "retail": lambda: retail(found),
            "weather_day": lambda: weather(found, 1),
            "weather_week": lambda: weather(found, 7),
            "flights": lambda: flights(found),
        }
    result = {}
    for name, make in makers.items():
        target = work / name
        if not target.exists():
            target.mkdir(parents=True)
            for file, table in make():
                write(table, target / file)
        result[name] = target
    for text in filter(None, os.environ.get("HEADGATE_BENCH_FOLDERS", "").split(":")):
        result[Path(text).name] = Path(text)
    return result


def _table(header: list[str], body: list[list[str]]) -> Table:
    return Table({name: [row[i] for row in body] for i, name in enumerate(header)})
