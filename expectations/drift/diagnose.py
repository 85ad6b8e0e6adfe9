"""From figures to a cause that a person can act on: `unit x 100`, `shifted by +9 h`, `label renamed KR -> Korea`.

A cause is told beside the alert of its column and never makes one: what isn't out of the ordinary needs no cause. Where several
fit, the most confident one stands. Of a masked column no value is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from expectations.drift import causes_between, causes_missing, causes_rows, causes_values, causes_written
from expectations.drift.calendar import Label
from expectations.drift.model import Alert, Cause
from expectations.profile.model import Profile

# Under this a cause is a guess and isn't told.
LIKELY = 0.6


def with_causes(alerts: Sequence[Alert], profiles: Sequence[Profile], labels: Sequence[Label]) -> tuple[Alert, ...]:
    """The alerts of a batch (the last profile), the first one of each column with its cause, and those with one first."""
    told: list[Alert] = []
    done: set[str | None] = set()
    for alert in alerts:
        found = None if alert.column in done else most_likely(alert.column, profiles, labels)
        done.add(alert.column)
        told.append(alert if found is None or alert.kind in UNTOUCHED else _named(alert, found))
    return tuple(sorted(told, key=lambda a: a.cause is None))


def most_likely(column: str | None, profiles: Sequence[Profile], labels: Sequence[Label]) -> Cause | None:
    """The cause of what is odd in a column, or of the table as a whole; None where none fits well."""
    if column is None:
        found = list(causes_rows.causes(profiles, labels))
    else:
        history = [p.columns[column] for p in profiles[:-1] if column in p.columns]
        if column not in profiles[-1].columns or not history:
            return None
        columns = [*history, profiles[-1].columns[column]]
        found = [*causes_values.causes(column, columns), *causes_written.causes(column, columns)]
        if not profiles[-1].columns[column].masked:
            found += causes_missing.causes(column, profiles)
            found += causes_between.causes(column, profiles)
    best = max(found, key=lambda cause: cause.confidence, default=None)
    return best if best is not None and best.confidence >= LIKELY else None


# A change of the header says itself what happened; a slow movement has no moment.
UNTOUCHED = frozenset({"schema", "slow_drift"})


def _named(alert: Alert, cause: Cause) -> Alert:
    return replace(
        alert,
        cause=cause.name,
        confidence=round(cause.confidence, 2),
        message=f"{cause.sentence} {alert.message}",
    )
