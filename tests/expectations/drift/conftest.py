"""A small shop by day: enough structure for every kind of alert, small enough to be measured in a second or two."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from expectations.drift import Accepted, Verdict, detect
from expectations.profile import Profile, profile_file

Row = dict[str, str]
START = datetime(2024, 3, 4)


def day_rows(day: int) -> list[Row]:
    """The rows of one day; weekends have half as many, and every order some structure."""
    rng = random.Random(5000 + day)
    now = START + timedelta(days=day)
    count = int(rng.gauss(240, 8) * (0.5 if now.weekday() >= 5 else 1))
    rows = []
    for minute in sorted(rng.randrange(8 * 60, 20 * 60) for _ in range(count)):
        paid = now + timedelta(minutes=minute, seconds=rng.randrange(60))
        items, price = rng.choice([1, 1, 1, 2, 3]), round(rng.uniform(5, 50), 2)
        rows.append(
            {
                "order_id": f"{rng.getrandbits(40):010x}",
                "user": f"U{rng.randrange(150):04d}",
                "country": rng.choices(["KR", "US", "JP"], [60, 30, 10])[0],
                "items": str(items),
                "price": f"{price:.2f}",
                "total": f"{items * price:.2f}",
                "paid_at": str(paid),
                "sent_at": str(paid + timedelta(hours=2, minutes=rng.randrange(30))),
            }
        )
    return rows


def write_day(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
    return path


def name_of(day: int) -> str:
    return f"orders_{START + timedelta(days=day):%Y-%m-%d}.csv"


@dataclass(frozen=True)
class World:
    """A history of days with their profiles, and a folder to write further days to."""

    folder: Path
    profiles: list[Profile]
    labels: list[str]

    def day(self, day: int) -> list[Row]:
        """Clean rows of a day; days below `len(profiles)` are the history."""
        return day_rows(day)

    @property
    def today(self) -> list[Row]:
        """Clean rows of the day after the history."""
        return day_rows(len(self.profiles))

    def measured(self, rows: list[Row]) -> Profile:
        return profile_file(write_day(self.folder / "batch.csv", rows))

    def judge(self, rows: list[Row], *, history: int | None = None, accepted: tuple[Accepted, ...] = ()) -> Verdict:
        """The verdict on rows delivered on the day after the history, of which the last `history` days are used."""
        first = 0 if history is None else len(self.profiles) - history
        return detect(
            self.measured(rows),
            self.profiles[first:],
            batch_label=name_of(len(self.profiles)),
            history_labels=self.labels[first:],
            accepted=accepted,
        )


@pytest.fixture(scope="session")
def history_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-one days as CSV files."""
    folder = tmp_path_factory.mktemp("orders")
    for day in range(21):
        write_day(folder / name_of(day), day_rows(day))
    return folder


@pytest.fixture(scope="session")
def world(history_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    files = sorted(history_folder.iterdir())
    return World(tmp_path_factory.mktemp("batches"), [profile_file(f) for f in files], [f.name for f in files])


@pytest.fixture(scope="session")
def batch_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean day after the history, in a folder of its own."""
    return write_day(tmp_path_factory.mktemp("incoming") / name_of(21), day_rows(21))
