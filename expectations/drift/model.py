"""What the detector answers: alerts, learned bounds and one verdict per batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Literal

from expectations.drift import catalogue
from expectations.drift.figures import Key

Level = Literal["page", "digest"]
Sensitivity = Literal["low", "normal", "high"]
Outcome = Literal["pass", "digest", "page", "learning"]

# What an alert can be about.
KINDS = tuple(catalogue.KINDS)
# What an alert calls the table as a whole where it names a column.
TABLE = "table"


@dataclass(frozen=True)
class Alert:
    """One change that the history doesn't explain. `column` is None for the table as a whole.

    `score` is 1.0 at the level of a digest. `since` is the label of the first batch of a run of such changes.
    `smallest_change` says what the detector would just have noticed here; `cause` what most likely happened (`unit x 100`),
    with its `confidence` from 0 to 1. `under`: the column ("table" for the table as a whole) of the alert whose cause explains
    this one as well. `figure` is the one that tells it, for whoever words it; it isn't kept.
    """

    column: str | None
    kind: str
    level: Level
    score: float
    message: str
    expected: str
    observed: str
    since: str | None = None
    examples: tuple[str, ...] = ()
    smallest_change: str | None = None
    cause: str | None = None
    confidence: float | None = None
    under: str | None = None
    figure: Key | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The alert for `--json`, records and reports."""
        told = asdict(replace(self, figure=None))
        return {key: value for key, value in told.items() if value not in (None, ())} | {"column": self.column}


# What follows where the values of a column are others: not that they are absent, nor how many rows there are.
OF_VALUES = frozenset({"values", "categories", "reference", "format", "clock", "relation", "segment", "order"})

# A change of the header, and a slow movement, are no part of what happened to a batch.
EVERYTHING = frozenset(catalogue.KINDS) - {"schema", "slow_drift"}


@dataclass(frozen=True)
class Cause:
    """What most likely happened, in the data's own terms. `confidence` from 0 to 1: how much of the change it explains.

    `explains`: the kinds (or names of figures) of alerts on its column that follow from it; of a table as a whole, on columns
    without a cause of their own. `all_of`: columns of which everything of these kinds follows from it. `between`: the columns of
    what no longer holds, which is told of each of them. `same`: what it is called on every column that it happened to; '' for
    its name. `shown_in`: kinds of which one is told wherever it happened; empty where any will do.
    """

    name: str
    confidence: float
    sentence: str
    explains: frozenset[str] = OF_VALUES
    all_of: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    same: str = ""
    shown_in: frozenset[str] = frozenset()


def standing(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Alerts of which some were left out: what was folded under one of those stands by itself."""
    leads = {alert.column or TABLE for alert in alerts if alert.cause is not None and alert.under is None}
    return tuple(alert if alert.under in leads else replace(alert, under=None) for alert in alerts)


@dataclass(frozen=True)
class Accepted:
    """An owner's word that a change is meant: quiet until `until`, its level (profile label) is the new baseline."""

    column: str | None
    kind: str
    until: date | None = None
    level_from: str | None = None


@dataclass(frozen=True)
class Lowered:
    """An owner's word that such a change isn't interesting, said of so many alarms (`answers`): it must be larger to be told
    until `until`.
    """

    column: str | None
    kind: str
    answers: int = 1
    until: date | None = None


@dataclass(frozen=True)
class Band:
    """The learned bounds of one figure, with what was seen. `score` as in `Alert`."""

    column: str | None
    kind: str
    figure: str
    low: float
    high: float
    expected: float
    observed: float
    score: float


@dataclass(frozen=True)
class Verdict:
    """The one decision about a batch. `below` holds what stayed under the threshold, strongest first."""

    verdict: Outcome
    score: float
    alerts: tuple[Alert, ...] = ()
    below: tuple[Alert, ...] = ()
    bands: tuple[Band, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The verdict for records; bands included."""
        return {
            "verdict": self.verdict,
            "score": self.score,
            "alerts": [a.to_json() for a in self.alerts],
            "bands": [asdict(b) for b in self.bands],
            "unknown": list(self.unknown),
        }
