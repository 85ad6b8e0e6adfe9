"""The back-test: a folder of CSV batches scored in name order, each against those before it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deployments.errors import DeclarationError, UpstreamError
from expectations.drift.detect import detect
from expectations.drift.model import Alert, Sensitivity, Verdict
from expectations.drift.schema import CERTAIN, under_new_names
from expectations.profile import Profile, profile_file

Accept = Literal["never", "always", "header"]
_LOOK = "headgate drift score --help   (which folders it reads)"


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
        raise DeclarationError(f"There is no folder {folder}.", code="NO-FOLDER", next_command=_LOOK)
    files = sorted(p for p in folder.iterdir() if p.name.endswith((".csv", ".csv.gz")) and p.is_file())
    if not files:
        raise DeclarationError(
            f"The folder {folder} holds no .csv or .csv.gz files.", code="EMPTY-FOLDER", next_command=_LOOK
        )
    return files


def cache_folder() -> Path:
    """Where profiles are kept by the hash of their file: HEADGATE_CACHE, else the user's cache folder."""
    named = os.environ.get("HEADGATE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(named) / "headgate" / "profiles" if named else Path.home() / ".cache" / "headgate" / "profiles"


# A file without even a header line: certain, and no profile can be made of it.
EMPTY = Verdict(
    "page",
    CERTAIN,
    (Alert(None, "volume", "page", CERTAIN, "The file is empty: not even a header line.", "a header line", "0 bytes"),),
)


def measured_file(path: Path, *, masked: Sequence[str] = (), cache: Path | None = None) -> Profile | None:
    """The profile of a file, None where it is empty: a day without any byte doesn't end what is said of the others."""
    try:
        return profile_file(path, masked=masked, cache=cache)
    except UpstreamError as error:
        if error.code == "EMPTY-FILE":
            return None
        raise


def joined(history: Sequence[Profile], profile: Profile, accept: Accept) -> list[Profile]:
    """The history of the batch after a profile."""
    before = under_new_names(history, profile) if history and accept == "header" else history
    return [*before, profile]


def replay(
    files: Sequence[Path],
    *,
    accept: Accept = "always",
    sensitivity: Sensitivity = "normal",
    masked: Sequence[str] = (),
    cache: Path | None = None,
) -> Iterator[Replayed]:
    """Scores every file against those before it. `accept` says whether an alerted batch joins the history (`header`: as
    `always`, and a renamed column goes on under its new name). A file without any byte is a page of its own and joins nothing.
    """
    history: list[Profile] = []
    labels: list[str] = []
    for path in files:
        profile = measured_file(path, masked=masked, cache=cache)
        if profile is None:
            yield Replayed(path.name, EMPTY)
            continue
        verdict = detect(profile, history, sensitivity=sensitivity, batch_label=path.name, history_labels=labels)
        yield Replayed(path.name, verdict)
        if accept != "never" or not verdict.alerts:
            history = joined(history, profile, accept)
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
    known = [(path.name, measured_file(path, masked=masked, cache=cache)) for path in earlier]
    profiles = [profile for _, profile in known if profile is not None]
    labels = [name for name, profile in known if profile is not None]
    if accept != "always":
        kept: list[Profile] = []
        names: list[str] = []
        for label, profile in zip(labels, profiles, strict=True):
            verdict = detect(profile, kept, sensitivity=sensitivity, batch_label=label, history_labels=names)
            if accept == "header" or not verdict.alerts:
                kept = joined(kept, profile, accept)
                names.append(label)
        profiles, labels = kept, names
    return detect(
        measured, profiles,
        sensitivity=sensitivity, batch_label=batch.name, history_labels=labels,
    )  # fmt: skip
