"""The page of the metrics: what each means, which tables have it, and whether it is the same in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from expectations.report.about import Kept
from expectations.report.pages import rendered
from expectations.report.texts import Texts


class Used(Kept):
    """A summary that has the metric, in one of its columns; `by`: the dimensions of its key."""

    table: str
    column: str
    by: tuple[str, ...] = ()
    owner: str = ""


class Held(Kept):
    """Two summaries that were compared, or `why_not`. `examples`: the first values of the grain that differ."""

    here: str
    there: str
    grain: str = ""
    why_not: str = ""
    at: datetime | None = None
    compared: int = 0
    differing: int = 0
    examples: tuple[str, ...] = ()


class MetricTwin(Kept):
    """A metric as it is declared, with where it stands."""

    name: str
    definition: str
    owner: str
    adds_up: str
    distinct_of: str | None = None
    unit: str | None = None
    grain: tuple[str, ...] = ()
    tolerance: str = "0%"
    stops: bool = False
    used: tuple[Used, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def differs(self) -> bool:
        return any(item.differing for item in self.held)


def metrics_html(metrics: Sequence[MetricTwin], texts: Texts, now: datetime) -> str:
    """The page; the twin lies beside it as metrics.json."""
    return rendered("metrics.html", {"metrics": metrics, "root": "", "twin": "metrics.json"}, texts, now)
