"""The tables of the benchmark: per set, per kind of error, and what was missed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol


class Scored(Protocol):
    """What a result must hold (see `run.Result`)."""

    data: str
    batch: str
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


def report(results: Sequence[Scored]) -> str:
    """Everything as Markdown."""
    detectors = list(results[0].hit) if results else []
    lines = [
        "| set | detector | clean batches | false alarms (95 %) | pages | hit (mean of kinds) | AUC | ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for data in dict.fromkeys(r.data for r in results):
        rows = [r for r in results if r.data == data]
        clean, bad = [r for r in rows if not r.kind], [r for r in rows if r.kind]
        for d in detectors:
            alarms = sum(r.hit[d] for r in clean)
            low, high = interval(alarms, len(clean))
            pages = f"{100 * mean(r.level == 'page' for r in clean):.1f} %" if d == detectors[0] else ""
            spent = f"{mean(r.milliseconds for r in rows):.0f}" if d == detectors[0] else ""
            hit = mean(by_kind(rows, d).values())
            area = auc([r.score[d] for r in clean], [r.score[d] for r in bad])
            lines.append(
                f"| {data} | {d} | {len(clean)} | {100 * alarms / max(1, len(clean)):.1f} % "
                f"({100 * low:.1f}-{100 * high:.1f}) | {pages} | {hit:.2f} | {area:.3f} | {spent} |"
            )
    sets = list(dict.fromkeys(r.data for r in results))
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
