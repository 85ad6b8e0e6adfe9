"""How long the profile of a batch of 100,000 rows and 20 columns takes, and its detection against 28 others.

    python tests/benchmarks/drift/speed.py [--rows 100000] [--batches 28] [--rounds 7]

Reading the file is told apart: whoever loads a table reads it anyway. Told are seconds of CPU, of all threads together, and those
by the clock, which stray with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from expectations.drift import detect
from expectations.profile import ColumnKind, Profile, measure, profile_file

FIRST = date(2026, 1, 1)


def write(path: Path, day: date, rows: int) -> None:
    """Orders of a shop: keys, texts, amounts, places and two clocks; most columns have tens of thousands of values."""
    rng = np.random.default_rng(day.toordinal())
    created = np.sort(rng.integers(0, 86_400, rows))
    price, quantity = np.round(rng.lognormal(3, 0.8, rows), 2), 1 + rng.poisson(1.2, rows)
    tax = np.round(price * quantity * 0.2, 2)
    start = datetime(day.year, day.month, day.day)
    columns = {
        "order_id": np.arange(rows) + 10_000_000 + (day - FIRST).days * rows,
        "customer": [f"C{n:07d}" for n in rng.integers(0, 400_000, rows)],
        "country": rng.choice(["DE", "FR", "GB", "US", "ES", "IT"], rows, p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05]),
        "channel": rng.choice(["web", "app", "store"], rows),
        "status": rng.choice(["paid", "shipped", "returned", "open"], rows, p=[0.5, 0.4, 0.03, 0.07]),
        "price": price,
        "quantity": quantity,
        "tax": tax,
        "total": np.round(price * quantity + tax, 2),
        "discount": np.where(rng.random(rows) < 0.8, 0, np.round(price * 0.1, 2)),
        "weight": np.round(rng.gamma(2, 1.5, rows), 3),
        "latitude": np.round(rng.normal(50, 3, rows), 5),
        "longitude": np.round(rng.normal(8, 4, rows), 5),
        "session": [f"{n:016x}" for n in rng.integers(0, 2**63, rows)],
        "sku": [f"SKU-{n:05d}" for n in rng.zipf(1.3, rows) % 60_000],
        "email": [f"user{n}@example.com" for n in rng.integers(0, 400_000, rows)],
        "created_at": [start + timedelta(seconds=int(n)) for n in created],
        "updated_at": [start + timedelta(seconds=int(n)) for n in created + rng.exponential(3600, rows).astype(int)],
        "rating": np.where(rng.random(rows) < 0.6, "", rng.integers(1, 6, rows).astype(str)),
        "note": np.where(rng.random(rows) < 0.9, "", [f"note {n} text" for n in rng.integers(0, 90_000, rows)]),
    }
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def run(folder: Path, rows: int, batches: int, rounds: int) -> str:
    """Medians of the rounds, in seconds of CPU and by the clock."""
    files = [folder / f"orders_{FIRST + timedelta(days=day)}.csv" for day in range(batches + 1)]
    for day, path in enumerate(files):
        write(path, FIRST + timedelta(days=day), rows)
    kept = [json.dumps(profile_file(path).to_json()) for path in files[:-1]]
    took: dict[str, list[tuple[float, float]]] = {"read": [], "profile": [], "detect": []}
    with duckdb.connect() as con, files[-1].open(newline="") as handle:
        columns = [ColumnKind(name, "text") for name in next(csv.reader(handle))]
        for _ in range(rounds):
            # Read anew as a run does: what is extracted from a profile is kept with it.
            history = [Profile.from_json(json.loads(text)) for text in kept]
            marks = [_now()]
            con.execute(f"CREATE OR REPLACE TABLE b AS SELECT * FROM read_csv('{files[-1]}', all_varchar = true)")
            marks.append(_now())
            profile = measure(con, "b", columns, in_place=True)
            marks.append(_now())
            detect(profile, history, batch_label=files[-1].name, history_labels=[f.name for f in files[:-1]])
            marks.append(_now())
            for step, start, end in zip(took, marks, marks[1:], strict=False):
                took[step].append((end[0] - start[0], end[1] - start[1]))
    both = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(took["profile"], took["detect"], strict=True)]
    return "\n".join(_line(step, of) for step, of in {**took, "profile and detection": both}.items()) + "\n"


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _line(step: str, of: list[tuple[float, float]]) -> str:
    cpu, clock = zip(*of, strict=True)
    return (
        f"{step}: median {statistics.median(cpu):.2f} s of CPU, {min(cpu):.2f} to {max(cpu):.2f}; "
        f"{statistics.median(clock):.2f} s by the clock"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batches", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(run(Path(folder), options.rows, options.batches, options.rounds))


if __name__ == "__main__":
    main()
