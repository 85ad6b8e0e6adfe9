"""The tables of the benchmark: per set, per kind of error, and what was missed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol


class Scored(Protocol):
    """What a result must hold (see `run.Result`)."""

    data: str
    batch: str
    errors: str
    kind: str
    magnitude: float
    guilty: list[str]
    hit: dict[str, bool]
    score: dict[str, float]
    level: str
    named: list[str]
    milliseconds: float


def interval(found: int, tried: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not tried:
        return 0.0, 1.0
    z, p = 1.96, found / tried
    middle = (p + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * math.sqrt(p * (1 - p) / tried + z * z / (4 * tried * tried)) / (1 + z * z / tried)
    return max(0.0, middle - half), min(1.0, middle + half)


def auc(clean: Sequence[float], spoiled: Sequence[float]) -> float:
    """Chance that a spoiled batch scores above a clean one, ties half."""
    if not clean or not spoiled:
        return math.nan
    return sum((s > c) + 0.5 * (s == c) for s in spoiled for c in clean) / (len(clean) * len(spoiled))


def mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def by_kind(results: Sequence[Scored], detector: str) -> dict[str, float]:
    """Hit of every kind, each magnitude weighing by its trials."""
    kinds = dict.fromkeys(r.kind for r in results if r.kind)
    return {k: mean(r.hit[detector] for r in results if r.kind == k) for k in kinds}


def with_interval(found: int, tried: int) -> str:
    """A share of clean batches with its interval, in percent."""
    low, high = interval(found, tried)
    return f"{100 * found / max(1, tried):.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def area(rows: Sequence[Scored], detector: str) -> float:
    """Area under the curve of clean against spoiled batches of one set."""
    return auc([r.score[detector] for r in rows if not r.kind], [r.score[detector] for r in rows if r.kind])


def areas(results: Sequence[Scored], detector: str) -> Iterable[str]:
    """The area of every set by the file that its errors are of, with how many these are; the last row is the mean of the
    sets.
    """
    files = [*dict.fromkeys(r.errors for r in results if r.kind), ""]
    sets = list(dict.fromkeys(r.data for r in results))
    yield f"| AUC (errors) | {' | '.join(file or 'all' for file in files)} |"
    yield "|---" * (len(files) + 1) + "|"
    found: dict[str, list[float]] = {file: [] for file in files}
    for data in sets:
        cells = []
        for file in files:
            rows = [r for r in results if r.data == data and (not r.kind or file in ("", r.errors))]
            value, tried = area(rows, detector), sum(bool(r.kind) for r in rows)
            found[file] += [] if math.isnan(value) else [value]
            cells.append("" if math.isnan(value) else f"{value:.3f} ({tried})")
        yield f"| {data} | {' | '.join(cells)} |"
    means = " | ".join(f"{mean(found[file]):.3f}" for file in files)
    yield f"| mean of the sets | {means} |"


def hidden(results: Sequence[Scored], detector: str) -> Iterable[str]:
    """Per kind of which an error was missed: how many were, how the missed ones score among clean batches of their set (0.5: as
    these do, 1: above all), and what that costs of the area of all errors.
    """
    yield "| kind | missed of | AUC of the missed | costs |"
    yield "|---|---|---|---|"
    clean = {
        data: [r.score[detector] for r in results if r.data == data and not r.kind]
        for data in {r.data for r in results}
    }
    every = [r for r in results if r.kind]
    lost = []
    for kind in dict.fromkeys(r.kind for r in every):
        rows = [r for r in every if r.kind == kind]
        missed = [auc(clean[r.data], [r.score[detector]]) for r in rows if not r.hit[detector]]
        told = [a for a in missed if not math.isnan(a)]
        if told:
            lost.append((sum(1 - a for a in told) / len(every), kind, len(rows), told))
    for costs, kind, tried, told in sorted(lost, reverse=True):
        yield f"| {kind} | {len(told)} of {tried} | {mean(told):.2f} | {costs:.4f} |"


def _of_set(data: str, rows: Sequence[Scored], detectors: Sequence[str]) -> Iterable[str]:
    """One line per detector."""
    clean = [r for r in rows if not r.kind]
    pages = with_interval(sum(r.level == "page" for r in clean), len(clean))
    spent = f"{mean(r.milliseconds for r in rows):.0f}"
    for d in detectors:
        first = d == detectors[0]
        alarms, hit = sum(r.hit[d] for r in clean), mean(by_kind(rows, d).values())
        yield (
            f"| {data} | {d} | {len(clean)} | {with_interval(alarms, len(clean))} | {pages if first else ''} "
            f"| {hit:.2f} | {area(rows, d):.3f} | {spent if first else ''} |"
        )


def _of_all(results: Sequence[Scored], sets: Sequence[str], detectors: Sequence[str]) -> Iterable[str]:
    """One line per detector: clean batches of all sets together, hits and areas as the mean of the sets."""
    clean = [r for r in results if not r.kind]
    pages = with_interval(sum(r.level == "page" for r in clean), len(clean))
    by_set = [[r for r in results if r.data == data] for data in sets]
    for d in detectors:
        hits = [mean(by_kind(rows, d).values()) for rows in by_set]
        yield (
            f"| all | {d} | {len(clean)} | {with_interval(sum(r.hit[d] for r in clean), len(clean))} "
            f"| {pages if d == detectors[0] else ''} | {mean(h for h in hits if not math.isnan(h)):.2f} "
            f"| {mean(a for rows in by_set if not math.isnan(a := area(rows, d))):.3f} | |"
        )


def report(results: Sequence[Scored]) -> str:
    """Everything as Markdown."""
    detectors = list(results[0].hit) if results else []
    lines = [
        "| set | detector | clean batches | false alarms (95 %) | pages (95 %) | hit (mean of kinds) | AUC | ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    sets = list(dict.fromkeys(r.data for r in results))
    for data in sets:
        lines += _of_set(data, [r for r in results if r.data == data], detectors)
    lines += _of_all(results, sets, detectors)
    if any(r.kind for r in results):
        lines += ["", *areas(results, detectors[0]), "", *hidden(results, detectors[0])]
    lines += ["", f"| kind | all | {' | '.join(sets)} |", "|---" * (len(sets) + 2) + "|"]
    for kind in dict.fromkeys(r.kind for r in results if r.kind):
        rows = [r for r in results if r.kind == kind]
        cells = [mean(r.hit[detectors[0]] for r in rows if r.data == data) for data in sets]
        told = " | ".join("" if math.isnan(c) else f"{c:.2f}" for c in cells)
        lines.append(f"| {kind} | {mean(r.hit[detectors[0]] for r in rows):.2f} | {told} |")
    missed = [r for r in results if r.kind and not r.hit[detectors[0]]]
    lines += ["", f"missed: {len(missed)}"]
    lines += [
        f"{r.data} {r.batch} {r.kind} {r.magnitude:g} guilty={','.join(r.guilty)} "
        f"score={r.score[detectors[0]]:.2f} named={r.named}"
        for r in missed
    ]
    alarmed = [r for r in results if not r.kind and r.hit[detectors[0]]]
    lines += ["", "false alarms:"] + [
        f"{r.data} {r.batch} {r.score[detectors[0]]:.2f} {r.level} {r.named}" for r in alarmed
    ]
    return "\n".join(lines) + "\n"
