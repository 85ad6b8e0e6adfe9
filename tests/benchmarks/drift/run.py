"""The benchmark of the drift detector: clean batches and injected errors on every set, beside what other tools do.

    python tests/benchmarks/drift/run.py --work FOLDER [--sets a,b] [--targets 6] [--kinds open|held_out|all] [--json FILE]
        [--errors values,structure,incidents,reports,pipelines,sources]

A hit is a new alert (one that the clean batch didn't raise) that names a guilty column. Every trial has exactly
`--history` batches before it; nothing is configured.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import errors_forms
import errors_incidents
import errors_pipelines
import errors_reports
import errors_sources
import errors_structure
import errors_values
from injections import REGISTRY, Context, Injection
from report import report
from rivals import elementary, metrics, neighbours, z_score
from sets import folders
from tables import read, write

from expectations.drift import detect
from expectations.profile import Profile, profile_file

LOADED = (
    errors_values,
    errors_structure,
    errors_incidents,
    errors_reports,
    errors_forms,
    errors_pipelines,
    errors_sources,
)
ERRORS = tuple(module.__name__.removeprefix("errors_") for module in LOADED)
Named = dict[str, set[tuple[str | None, str]]]
RIVALS = {"elementary": elementary, "z_score": z_score, "neighbours": neighbours}


@dataclass(frozen=True)
class Result:
    """One scored batch: clean (`kind` empty) or with one error of a file `errors`. `hit` and `score` per detector."""

    data: str
    batch: str
    errors: str
    kind: str
    magnitude: float
    held_out: bool
    guilty: list[str]
    hit: dict[str, bool]
    score: dict[str, float]
    level: str
    named: list[str]
    milliseconds: float


@dataclass
class Folder:
    """One set with its profiles, measured once."""

    name: str
    files: list[Path]
    cache: Path

    def profiles(self, first: int, last: int) -> list[Profile]:
        return [self.profile(self.files[i]) for i in range(first, last)]

    def profile(self, path: Path) -> Profile:
        if path not in _PROFILES:
            _PROFILES[path] = profile_file(path, cache=self.cache)
        return _PROFILES[path]


_PROFILES: dict[Path, Profile] = {}


def answers(folder: Folder, at: int, history: int, profile: Profile) -> tuple[Named, dict[str, float], str, float]:
    """Named columns with kinds and score of every detector; level and milliseconds of ours."""
    earlier = folder.profiles(at - history, at)
    labels = [f.name for f in folder.files[at - history : at]]
    start = time.perf_counter()
    verdict = detect(profile, earlier, batch_label=folder.files[at].name, history_labels=labels)
    spent = (time.perf_counter() - start) * 1000
    named: Named = {"headgate": {(a.column, a.kind) for a in verdict.alerts}}
    score = {"headgate": verdict.score}
    before = [metrics(p) for p in earlier]
    for name, rival in RIVALS.items():
        columns, score[name] = rival(before, metrics(profile))
        named[name] = {(c, "") for c in columns}
    return named, score, verdict.verdict, spent


def file_of(error: Injection) -> str:
    """Of which of ERRORS an error is."""
    return error.change.__module__.removeprefix("errors_")


def clean(folder: Folder, positions: Iterable[int], history: int) -> list[Result]:
    results = []
    for at in positions:
        named, score, level, spent = answers(folder, at, history, folder.profile(folder.files[at]))
        told = sorted(f"{c}/{k}" for c, k in named["headgate"])
        alarmed = {name: bool(found) for name, found in named.items()}
        results.append(
            Result(folder.name, folder.files[at].name, "", "", 0, False, [], alarmed, score, level, told, spent)
        )
    return results


def spoiled(
    folder: Folder, at: int, history: int, usual: Named, error: Injection, magnitude: float, seed: int
) -> Result | None:
    rng = random.Random(f"{seed}|{folder.name}|{at}|{error.kind}|{magnitude}")
    earlier = [read(f) for f in folder.files[max(0, at - 10) : at]]
    made = error.change(read(folder.files[at]), Context(rng, earlier), magnitude)
    if made is None:
        return None
    table, guilty = made
    path = folder.cache / "spoiled.csv"
    write(table, path)
    profile = profile_file(path, cache=folder.cache)
    named, score, level, spent = answers(folder, at, history, profile)
    hit = {name: bool({c for c, _ in found - usual[name]} & guilty) for name, found in named.items()}
    told = sorted(f"{c}/{k}" for c, k in named["headgate"] - usual["headgate"])
    return Result(
        folder.name, folder.files[at].name, file_of(error), error.kind, magnitude, error.held_out, sorted(str(g) for g in guilty),
        hit, score, level, told, spent,
    )  # fmt: skip


def run(
    work: Path,
    sets: list[str],
    targets: int,
    kinds: str,
    history: int,
    seed: int,
    clean_step: int,
    errors: Sequence[str] = ERRORS,
) -> list[Result]:
    """Every set with the errors of the modules `errors_*` that are named."""
    results: list[Result] = []
    for name, path in folders(work / "sets").items():
        if sets and name not in sets:
            continue
        files = sorted(p for p in path.iterdir() if p.name.endswith((".csv", ".csv.gz")))
        folder = Folder(name, files, work / f"cache_{name}")
        folder.cache.mkdir(parents=True, exist_ok=True)
        n = min(history, len(files) // 2)
        results += clean(folder, range(n, len(files), clean_step), n)
        # Never the last batch: it may be cut off where somebody stopped to collect.
        spread = [n + (len(files) - n - 2) * i // max(1, targets - 1) for i in range(targets)]
        drawn = random.Random(seed).sample(range(n, len(files) - 1), min(targets, len(files) - 1 - n))
        chosen = spread if seed == 1 else sorted(drawn)
        usual = {at: answers(folder, at, n, folder.profile(folder.files[at]))[0] for at in chosen}
        for error in REGISTRY:
            if kinds != "all" and error.held_out != (kinds == "held_out"):
                continue
            if file_of(error) not in errors:
                continue
            for magnitude in error.magnitudes:
                found = (spoiled(folder, at, n, usual[at], error, magnitude, seed) for at in chosen)
                results += [r for r in found if r is not None]
        _PROFILES.clear()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sets", default="")
    parser.add_argument("--targets", type=int, default=4)
    parser.add_argument("--kinds", choices=("open", "held_out", "all"), default="open")
    parser.add_argument("--errors", default=",".join(ERRORS), help="only those of these files errors_*.py")
    parser.add_argument("--history", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1, help="1: batches spread evenly; another one draws them")
    parser.add_argument("--clean-step", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run(
        options.work, [s for s in options.sets.split(",") if s], options.targets, options.kinds, options.history,
        options.seed, options.clean_step, options.errors.split(","),
    )  # fmt: skip
    if options.json:
        options.json.write_text("\n".join(json.dumps(asdict(r)) for r in results))
    sys.stdout.write(report(results))


if __name__ == "__main__":
    main()
