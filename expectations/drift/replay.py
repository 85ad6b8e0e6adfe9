"""The back-test: a folder of CSV batches scored in name order, each against those before it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deployments.errors import DeclarationError
from expectations.drift.detect import detect
from expectations.drift.model import Sensitivity, Verdict
from expectations.profile import Profile, profile_file

Accept = Literal["never", "always", "header"]


@dataclass(frozen=True)
class Replayed:
    """One scored batch of a folder."""

    batch: str
    verdict: Verdict

    def to_json(self, everything: bool = False) -> dict[str, Any]:
        """One object of `drift replay --json`."""
        return {
            "batch": self.batch,
            "alerts": listed(self.verdict, everything),
            "score": self.verdict.score,
            "verdict": self.verdict.verdict,
        }


def listed(verdict: Verdict, everything: bool) -> list[dict[str, Any]]:
    """Alerts as JSON; with `everything` also what stayed below the threshold, and one entry for the batch as a whole."""
    alerts = [alert.to_json() for alert in verdict.alerts]
    if not everything:
        return alerts
    whole = {
        "column": None,
        "kind": "batch",
        "level": verdict.verdict,
        "score": verdict.score,
        "message": f"The batch as a whole scores {verdict.score:.2f}; 1.00 makes a digest.",
        "expected": "below 1",
        "observed": f"{verdict.score:.2f}",
        "alert": False,
    }
    return [*alerts, *(alert.to_json() | {"alert": False} for alert in verdict.below), whole]


def batch_files(folder: Path) -> list[Path]:
    """The .csv and .csv.gz files of a folder in name order; DeclarationError where there are none."""
    if not folder.is_dir():
        raise DeclarationError(f"There is no folder {folder}.", code="NO-FOLDER")
    files = sorted(p for p in folder.iterdir() if p.name.endswith((".csv", ".csv.gz")) and p.is_file())
    if not files:
        raise DeclarationError(f"The folder {folder} holds no .csv or .csv.gz files.", code="EMPTY-FOLDER")
    return files


def cache_folder() -> Path:
    """Where profiles are kept by the hash of their file: HEADGATE_CACHE, else the user's cache folder."""
    named = os.environ.get("HEADGATE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(named) / "headgate" / "profiles" if named else Path.home() / ".cache" / "headgate" / "profiles"


def replay(
    files: Sequence[Path],
    *,
    accept: Accept = "always",
    sensitivity: Sensitivity = "normal",
    masked: Sequence[str] = (),
    cache: Path | None = None,
) -> Iterator[Replayed]:
    """Scores every file against those before it. `accept` says whether an alerted batch joins the history
    (`header`: always, and after a change of the header the history starts anew).
    """
    history: list[Profile] = []
    labels: list[str] = []
    for path in files:
        profile = profile_file(path, masked=masked, cache=cache)
        verdict = detect(profile, history, sensitivity=sensitivity, batch_label=path.name, history_labels=labels)
        yield Replayed(path.name, verdict)
        if accept == "header" and any(a.kind == "schema" for a in verdict.alerts):
            history, labels = [], []
        if accept != "never" or not verdict.alerts:
            history.append(profile)
            labels.append(path.name)


def score(
    batch: Path,
    history: Sequence[Path],
    *,
    accept: Accept = "always",
    sensitivity: Sensitivity = "normal",
    masked: Sequence[str] = (),
    cache: Path | None = None,
) -> Verdict:
    """Scores one file against a folder's files, oldest first; where it lies among them, against those before it.

    With `accept` other than "always" the history is replayed first and its own alerts decide what belongs to it.
    """
    measured = profile_file(batch, masked=masked, cache=cache)
    own = batch.resolve()
    within = [i for i, path in enumerate(history) if path.resolve() == own]
    earlier = history[: within[0]] if within else history
    profiles = [profile_file(path, masked=masked, cache=cache) for path in earlier]
    labels = [path.name for path in earlier]
    if accept != "always":
        kept: list[int] = []
        for i, profile in enumerate(profiles):
            verdict = detect(
                profile, [profiles[j] for j in kept], sensitivity=sensitivity,
                batch_label=labels[i], history_labels=[labels[j] for j in kept],
            )  # fmt: skip
            if accept == "header" and any(a.kind == "schema" for a in verdict.alerts):
                kept = []
            if accept == "header" or not verdict.alerts:
                kept.append(i)
        profiles, labels = [profiles[i] for i in kept], [labels[i] for i in kept]
    return detect(
        measured, profiles,
        sensitivity=sensitivity, batch_label=batch.name, history_labels=labels,
    )  # fmt: skip
