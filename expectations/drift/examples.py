"""Which values are new: an owner who reads that a category went wants to know what came in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from expectations.drift.model import Alert
from expectations.profile.categories import TOP
from expectations.profile.model import Profile
from expectations.profile.spelling import pattern

NAMED = 3
# Characters of a value that are shown.
SHOWN = 40
# Values of a batch that are looked at for a pair of before and now.
COMMONEST = 20
PADDING = " 0"
KINDS = frozenset({"categories", "reference"})


def with_new_values(alert: Alert, profiles: Sequence[Profile]) -> Alert:
    """The alert with the commonest values that no batch of the history had, where all values are known."""
    found = new_values(profiles, alert.column) if alert.kind in KINDS and alert.column else []
    if not found:
        return alert
    told = ", ".join(f"{value} ({100 * share:.1f} %)" for value, share in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    names = tuple(value for value, _ in found[:NAMED])
    return replace(
        alert,
        message=f"{alert.message} New: {told}{more}.",
        examples=tuple(dict.fromkeys((*alert.examples, *names))),
    )


def with_one_value(alert: Alert, profiles: Sequence[Profile]) -> Alert:
    """An alert about the way values are written with the commonest one of before and the commonest that wasn't common before."""
    columns = [p.columns[alert.column] for p in profiles if alert.column in p.columns] if alert.column else []
    if alert.kind != "format" or alert.cause is not None or len(columns) < 2 or any(c.masked for c in columns):
        return alert
    known = {value for column in columns[:-1] for value, _ in column.top}
    fresh, before = (
        [value for value, _ in columns[-1].top if value not in known],
        [value for value, _ in columns[-2].top],
    )
    ways = {pattern(value) for value in known}
    # One that is cut or padded is the same thing, written in two ways; else one that is written as none ever was.
    pairs = [
        (then, now)
        for now in fresh[:COMMONEST]
        for then in before[:COMMONEST]
        if _is_part(*sorted((then, now), key=len))
    ]
    then, now = max(pairs, key=lambda pair: min(map(len, pair)), default=(None, None))
    if now is None:
        then, now = next(iter(before), None), next((value for value in fresh if pattern(value) not in ways), None)
    if now is None or then is None:
        return alert
    return replace(alert, message=f"{alert.message} For example `{_short(then)}` before, `{_short(now)}` now.")


def _is_part(short: str, long: str) -> bool:
    return short in long and (2 * len(short) >= len(long) or short == long.strip(PADDING))


def _short(value: str) -> str:
    return value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…"


def new_values(profiles: Sequence[Profile], name: str) -> list[tuple[str, float]]:
    """Values of the last batch that none before it had, with their shares; empty where some are unknown or masked."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    batch = columns[-1]
    if batch.masked or not batch.text.counted or any(len(c.top) >= TOP for c in columns):
        return []
    seen = {value for c in columns[:-1] for value, _ in c.top}
    return [(value, count / batch.text.counted) for value, count in batch.top if value not in seen]
