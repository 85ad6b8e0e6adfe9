"""How a summary stands with what it is made of: no better than the worst of its inputs. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from expectations.report.model import Because, Freshness, StartRow, State

TONES = {
    "good": "good",
    "warned": "warn",
    "failed": "bad",
    "late": "bad",
    "waiting": "idle",
    "held": "idle",
    "never": "idle",
    "gap": "warn",
}
SERIOUS = ("failed", "late", "warned")
"""States that a summary shares with its inputs, the worst first. The others say that nothing new came, not that it is wrong."""
GAP = "gap"
"""What a table below is called that is well, but lacks batches between others: what is built from it lacks them too."""


def shown_state(state: State, freshness: Freshness, now: datetime) -> str:
    """A table's own state with lateness in it: late says more than warned, less than failed."""
    return "late" if freshness.late(now) and state != "failed" else state


def worst(own: str, because: Sequence[Because]) -> str:
    """The worse of a state and of those that are inherited."""
    states = [own, *(item.state for item in because)]
    return next((state for state in SERIOUS if state in states), own)


def because(inputs: Sequence[str], rows: Mapping[str, StartRow], now: datetime) -> tuple[Because, ...]:
    """The tables below that aren't good, through other summaries, the worst first. `rows` hold each table's own state."""
    found = [
        Because(table=row.table, state=state, run_id=row.open_items[0].run_id if row.open_items else "",
                said=row.open_items[0].sentence if row.open_items else "", missing=row.freshness.gaps)
        for row in _below(inputs, rows)
        if (state := _as_input(row, now)) in (*SERIOUS, GAP)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda item: (*SERIOUS, GAP).index(item.state)))


def _as_input(row: StartRow, now: datetime) -> str:
    state = shown_state(row.state, row.freshness, now)
    return GAP if state not in SERIOUS and row.freshness.gaps else state


def kept_state(own: State, because: Sequence[Because]) -> State:
    """The state that is kept for machines: without lateness, which comes with the hour."""
    inherited = {item.state for item in because}
    if "failed" in (own, *inherited):
        return "failed"
    return "warned" if "warned" in inherited else own


def _below(inputs: Sequence[str], rows: Mapping[str, StartRow]) -> Iterator[StartRow]:
    waiting, seen = [*inputs], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in rows and name not in seen:
            seen.add(name)
            yield rows[name]
            waiting += rows[name].inputs
