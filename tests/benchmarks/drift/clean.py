"""False alarms on clean worlds: per family of tables, how many clean batches make a digest or a page.

    python tests/benchmarks/drift/clean.py --work FOLDER [--worlds a,b] [--seeds 2] [--positions 8] [--batches 75]
    python tests/benchmarks/drift/clean.py --work FOLDER --begun 1,2,3,4,5,6 --batches 7 --seeds 20

Each world is held against histories of 7, 14, 28 and 56 batches, with and without labels; or as it begins.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import worlds_beginnings
import worlds_machines
import worlds_sales
import worlds_states
from report import interval
from tables import write
from worlds import WORLDS, World, batches

from expectations.drift import Verdict, detect
from expectations.profile import Profile, profile_file
from expectations.profile.model import VERSION

LOADED = (worlds_beginnings, worlds_machines, worlds_sales, worlds_states)
HISTORIES = (7, 14, 28, 56)
NAMES = {"hour": "%Y-%m-%dT%H.csv", "day": "%Y-%m-%d.csv", "week": "%Y-%m-%d.csv", "month": "%Y-%m-%d.csv"}
# Parts of one export have no date.
UNDATED = frozenset({"part"})


@dataclass(frozen=True)
class Judged:
    """One clean batch and what was said of it."""

    world: str
    seed: int
    batch: str
    history: int
    labelled: bool
    verdict: Verdict


def profiles(of: World, seed: int, count: int, work: Path) -> list[tuple[datetime, Profile]]:
    """The profiles of a world, measured once per work folder."""
    kept = work / f"{of.name}-{seed}-{count}-{VERSION}.pickle"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        path, made = work / "batch.csv", []
        for at, table in batches(of, seed, count):
            write(table, path)
            made.append((at, profile_file(path)))
        # Written by this benchmark a moment ago and read by nobody else.
        kept.write_bytes(pickle.dumps(made))
    return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]


def judged(of: World, seed: int, count: int, positions: int, work: Path, begun: Sequence[int] = ()) -> Iterator[Judged]:
    """Verdicts on batches spread over a world, each against as many before it as the history is long; with `begun` on the first
    batches of the world, after so many.
    """
    made = profiles(of, seed, count, work)
    names = [f"{at:{NAMES.get(of.every, 'part')}}" for at, _ in made]
    for history in begun or HISTORIES:
        spread = {history + (count - 1 - history) * i // max(1, positions - 1) for i in range(positions)}
        places = [history] if begun else sorted(spread)
        for step, place in enumerate(places):
            labelled = (step + seed) % 3 != 0 and of.every not in UNDATED
            before = [p for _, p in made[place - history : place]]
            verdict = detect(
                made[place][1],
                before,
                batch_label=names[place] if labelled else None,
                history_labels=names[place - history : place] if labelled else None,
            )
            yield Judged(of.name, seed, names[place], history, labelled, verdict)


def line(name: str, found: list[Judged]) -> str:
    """One row of the table."""
    alarms = sum(bool(j.verdict.alerts) for j in found)
    pages = sum(j.verdict.verdict == "page" for j in found)
    low, high = interval(alarms, len(found))
    of = max(1, len(found))
    return (
        f"| {name} | {len(found)} | {100 * alarms / of:.1f} % ({100 * low:.1f}-{100 * high:.1f}) "
        f"| {100 * pages / of:.1f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--worlds", default="")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--positions", type=int, default=8)
    parser.add_argument("--batches", type=int, default=75)
    parser.add_argument("--begun", default="", help="judge the first batches, after so many each: 1,2,3,4,5,6")
    options = parser.parse_args()
    begun = tuple(int(text) for text in options.begun.split(",") if text)
    chosen = options.worlds.split(",") if options.worlds else [w.name for w in WORLDS]
    found: list[Judged] = []
    for of in WORLDS:
        for seed in range(options.first_seed, options.first_seed + options.seeds) if of.name in chosen else ():
            found += judged(of, seed, options.batches, options.positions, options.work, begun)
    out = ["| clean world | batches | alarms (95 %) | pages |", "|---|---|---|---|"]
    out += [line(name, [j for j in found if j.world == name]) for name in dict.fromkeys(j.world for j in found)]
    out += [line(f"history of {h}", [j for j in found if j.history == h]) for h in begun or HISTORIES]
    out += [line("all", found), ""]
    for j in found:
        for a in j.verdict.alerts:
            out.append(
                f"{j.world}/{j.seed} {j.batch} h={j.history} {'' if j.labelled else 'unlabelled '}"
                f"{a.level} {a.score:.2f} {a.column}/{a.kind}: {a.message}"
            )
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
