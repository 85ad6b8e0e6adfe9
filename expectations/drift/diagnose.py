"""From figures to a cause that a person can act on: `unit x 100`, `shifted by +9 h`, `label renamed KR -> Korea`.

A cause is told beside the alert of its column and never makes one: what isn't out of the ordinary needs no cause. Where several
fit, the most confident one stands. What a cause explains as well is folded under its alert: the same in other columns, other
figures of its column, what holds between it and others. Of a masked column no value is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from expectations.drift import (
    causes_between,
    causes_columns,
    causes_labels,
    causes_missing,
    causes_parts,
    causes_related,
    causes_rows,
    causes_times,
    causes_values,
    causes_written,
)
from expectations.drift.calendar import Label
from expectations.drift.model import TABLE, Alert, Cause
from expectations.drift.words import listed
from expectations.profile.model import Profile

# Under this a cause is a guess and isn't told.
LIKELY = 0.6
# From here on the table as a whole says what happened to it, and what is under that is one of its columns' guess.
CERTAIN, GUESS = 0.9, 0.71
# A change of the header says itself what happened; a slow movement has no moment.
UNTOUCHED = frozenset({"schema", "slow_drift"})
Causes = dict[str | None, Cause]


def with_causes(alerts: Sequence[Alert], profiles: Sequence[Profile], labels: Sequence[Label]) -> tuple[Alert, ...]:
    """The alerts of a batch (the last profile), one of each cause with its sentence, and those first; what the cause explains as
    well stands last, `under` the column of that alert.
    """
    found = _found(alerts, profiles, labels)
    roots = _roots(found, profiles[-1])
    at = {column: _lead(column, cause, alerts) for column, cause in found.items()}
    owners = [_owner(alert, found, roots) for alert in alerts]
    told = []
    for i, (alert, owner) in enumerate(zip(alerts, owners, strict=True)):
        column = alert.column
        if column in found and at[column] == i:
            alert = replace(alert, cause=found[column].name, confidence=round(found[column].confidence, 2))
            if roots[column] == column:
                message = f"{found[column].sentence}{_same(column, found, roots)} {alert.message}"
                pages = any(a.level == "page" for a, o in zip(alerts, owners, strict=True) if o == (column,))
                # It is told for all that follows from it.
                told.append(replace(alert, message=message, level="page" if pages else alert.level))
                continue
        told.append(alert if owner is None else replace(alert, under=owner[0] or TABLE))
    return tuple(sorted(told, key=lambda a: (a.under is not None, a.cause is None)))


def _found(alerts: Sequence[Alert], profiles: Sequence[Profile], labels: Sequence[Label]) -> Causes:
    """The cause of each column that has one, in the order in which they are told."""
    kinds: dict[str | None, list[str]] = {}
    for alert in alerts:
        kinds.setdefault(alert.column, []).append(alert.kind)
    asked = [column for column, told in kinds.items() if told[0] not in UNTOUCHED]
    moved = causes_columns.moved(profiles, asked)
    if moved is not None:
        # It is told of the table, or of the first of its columns.
        at = next(column for column in (None, *moved.all_of) if column in asked)
        asked = [column for column in asked if column not in (None, *moved.all_of)]
    found = {
        column: cause
        for column in asked
        if (cause := most_likely(column, profiles, labels)) is not None and _is_shown(cause, kinds[column])
    }
    if moved is not None:
        # What stands in a column beside its own is odd in the next one, too.
        found = {column: cause for column, cause in found.items() if cause.confidence > moved.confidence}
    # By the numbers beside them labels look exchanged where it is these that changed their sign or unit.
    sure = [cause for cause in found.values() if cause.confidence >= CERTAIN and cause.same != causes_between.EXCHANGED]
    found = {column: cause for column, cause in found.items() if cause.same != causes_between.EXCHANGED or not sure}
    table = found.get(None)
    if table is not None and table.confidence >= CERTAIN:
        # Rows that are there once more make columns odd that nothing happened to.
        found = {
            column: cause for column, cause in found.items()
            if column is None or cause.confidence >= GUESS or not table.explains.issuperset(kinds[column])
        }  # fmt: skip
    if moved is not None:
        found = {at: moved} | found
    # Where an earlier batch came again, everything is as it was there.
    again = found[None].all_of if None in found else ()
    return {column: cause for column, cause in found.items() if column not in again}


def _is_shown(cause: Cause, kinds: Sequence[str]) -> bool:
    """Whether what is told of its column can be its work: fewer rows in all make no row an odd one."""
    return not cause.shown_in or not cause.shown_in.isdisjoint(kinds)


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
        found += causes_times.causes(column, profiles, labels)
        if not profiles[-1].columns[column].masked:
            found += causes_labels.causes(column, profiles)
            found += causes_missing.causes(column, profiles)
            found += causes_between.causes(column, profiles)
            found += causes_related.causes(column, profiles)
            found += causes_parts.causes(column, profiles)
    best = max(found, key=lambda cause: cause.confidence, default=None)
    return best if best is not None and best.confidence >= LIKELY else None


def _roots(found: Causes, batch: Profile) -> dict[str | None, str | None]:
    """For each column with a cause the one that tells it for all: the first that it happened to; of what holds between columns
    the one that has a cause of its own.
    """
    roots: dict[str | None, str | None] = {}
    first: dict[str, str | None] = {}
    for column, cause in found.items():
        masked = column is not None and batch.columns[column].masked
        # What is said of several columns is withheld where one of them is masked.
        roots[column] = column if masked else first.setdefault(cause.same or cause.name, column)
    for column, cause in found.items():
        own = [other for other in cause.between if other in found and not found[other].between]
        if len(own) == 1 and own[0] != column:
            roots[column] = roots[own[0]]
    return roots


def _owner(alert: Alert, found: Causes, roots: Mapping[str | None, str | None]) -> tuple[str | None] | None:
    """The column whose cause explains an alert, which may be the table as a whole; None where no cause does."""
    if alert.kind in UNTOUCHED:
        return None
    other = alert.figure.second if alert.figure is not None else None
    for column, cause in found.items():
        if _follows(alert, cause) and (
            alert.column in cause.all_of or (other in cause.all_of and alert.column not in found)
        ):
            return (column,)
    if alert.column in found:
        return (roots[alert.column],) if _follows(alert, found[alert.column]) else None
    if other is not None and other in found and _follows(alert, found[other]):
        return (roots[other],)
    return (None,) if None in found and _follows(alert, found[None]) else None


def _follows(alert: Alert, cause: Cause) -> bool:
    """Whether such a cause makes such an alert, on a column that it is about."""
    return alert.kind in cause.explains or (alert.figure is not None and alert.figure.name in cause.explains)


def _lead(column: str | None, cause: Cause, alerts: Sequence[Alert]) -> int:
    """The alert that tells a cause: of its column the first, one that follows from the cause before one that doesn't, and a page
    before a digest.
    """
    own = [at for at, alert in enumerate(alerts) if alert.column == column and alert.kind not in UNTOUCHED]
    return min(own, key=lambda at: (not _follows(alerts[at], cause), alerts[at].level != "page", at))


def _same(column: str | None, found: Causes, roots: Mapping[str | None, str | None]) -> str:
    """The other columns that a cause happened to, where its sentence doesn't speak of all of them."""
    cause = found[column]
    others = [o for o, root in roots.items() if root == column and o != column and o is not None]
    same = [o for o in others if not found[o].between and found[o].sentence != cause.sentence]
    return f" The same in {listed(same)}." if same else ""
