"""Several troubles with one reason are one: by what they have in common, or because many tables fail alike at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tasks.incidents.model import MANY, ORDER, Incident, Trouble

MANY_FROM = 3
_DETAILS = 12


def folded(
    troubles: Iterable[Trouble], known: Sequence[Incident], now: datetime, span: timedelta
) -> list[Trouble]:  # fmt: skip
    """One trouble per scope and code.

    A late table whose load has failed, or whose input has, is no incident of its own: its failure is. MANY_FROM tables or
    more that fail with the same code within `span` become one trouble; so do those that follow while it lasts. One that
    somebody works on stays by itself.
    """
    every = _with_lateness(list(troubles))
    active = {incident.key: incident for incident in known if incident.active}
    grouped: dict[tuple[str, str], list[Trouble]] = {}
    for item in every:
        grouped.setdefault(item.key, []).append(item)
    merged = {key: _merged(items, key[0]) for key, items in grouped.items()}
    by_code: dict[str, list[tuple[str, str]]] = {}
    for key, item in merged.items():
        if item.tables == (item.scope,) and _is_fresh(active.get(key), now, span):
            by_code.setdefault(item.code, []).append(key)
    for code, keys in by_code.items():
        if len(keys) >= MANY_FROM or (MANY, code) in active:
            merged[(MANY, code)] = _merged([merged.pop(key) for key in keys], MANY)
    return list(merged.values())


def _is_fresh(incident: Incident | None, now: datetime, span: timedelta) -> bool:
    """Whether a table's trouble is new, or was told so lately that it may be one of many."""
    if incident is None:
        return True
    return incident.state == "open" and not incident.silenced(now) and now - incident.opened_at < span


def _with_lateness(troubles: list[Trouble]) -> list[Trouble]:
    """Lateness that another trouble explains becomes part of that one: the failed load, else the late input."""
    kept: list[Trouble] = []
    # Those that explain come before those that are explained.
    for item in sorted(troubles, key=lambda item: (item.domain == "late", len(item.depends_on))):
        about = {*item.tables, *item.depends_on}
        at = (
            next((n for n, other in enumerate(kept) if about & set(other.tables)), None)
            if item.domain == "late"
            else None
        )
        if at is None:
            kept.append(item)
            continue
        cause = kept[at]
        kept[at] = cause.model_copy(update={
            "late": tuple(dict.fromkeys((*cause.late, *item.late))),
            "severity": min(cause.severity, item.severity, key=ORDER.index),
        })  # fmt: skip
    return kept


def _merged(items: Sequence[Trouble], scope: str) -> Trouble:
    if len(items) == 1 and items[0].scope == scope:
        return items[0]
    newest = max(items, key=lambda item: item.latest)
    tables = tuple(sorted({table for item in items for table in item.tables}))
    lines = tuple(dict.fromkeys(line for item in items for line in item.details))
    if scope == MANY:
        lines = tuple(dict.fromkeys(f"{item.tables[0]} {item.label}: {_first_line(item.message)}" for item in items))
    more = len(lines) - _DETAILS
    return newest.model_copy(update={
        "scope": scope,
        "tables": tables,
        "severity": min((item.severity for item in items), key=ORDER.index),
        "since": min(item.since for item in items),
        "times": sum(item.times for item in items),
        "label": newest.label if len(tables) == 1 else "",
        "details": lines if more <= 0 else (*lines[:_DETAILS], f"and {more} more"),
        "late": tuple(dict.fromkeys(promise for item in items for promise in item.late)),
        "foreseen": all(item.foreseen for item in items),
    })  # fmt: skip


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
