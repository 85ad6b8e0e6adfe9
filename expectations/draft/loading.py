"""The load mode that a source allows, with the sentence that says why; what a person still has to decide of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from expectations.draft.propose import Proposal

_CHANGED = re.compile(r"(updat|modif|chang|last_?edit)")


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows of the table: what one batch covers."""

    every: str
    timezone: str
    start: str
    zone_is_known: bool = False


@dataclass(frozen=True, slots=True)
class Loading:
    """How batches are cut and loaded. `cursor` is (column of the source, kind)."""

    mode: str
    why: str
    decide: str | None = None
    grid: Grid | None = None
    window_column: str | None = None
    latest_by: str | None = None
    cursor: tuple[str, str] | None = None


def whole_source(*, keeps_state: bool = False) -> Loading:
    """Everything at once, each time: right for what is small, or tells nothing of what is new. `keeps_state`: the source may
    remember how far it was."""
    decide = (
        "does the resource remember how far it was (incremental)? then mode: merge, with a key, reads what is new only"
    )
    return Loading("full_refresh", "the source delivers everything each time, and replaces the table",
                   decide if keeps_state else None)  # fmt: skip


def by_object(proposal: Proposal) -> Loading:
    """Each object below an address is a batch of its own."""
    if proposal.key:
        return Loading("merge", "each object once; a key met again is updated",
                       "which version of a key stays? keep: {latest_by: COLUMN}, else that of the later name")  # fmt: skip
    return Loading("append", "each object once; its rows never change")


def by_address(proposal: Proposal, grid: Grid, inside: Sequence[str]) -> Loading:
    """One address per window. `inside`: columns of dates or times whose values all lie in the window that was read."""
    if inside:
        return Loading(
            "replace_window", "a window delivered again replaces its rows", grid=grid, window_column=inside[0]
        )
    if proposal.key:
        return Loading("merge", "no column tells the window of a row; a key met again is updated",
                       "is a file ever delivered again without some of its rows? they would stay", grid=grid)  # fmt: skip
    return Loading("append", "no column tells the window of a row",
                   "a window can't be loaded again: is there a key (merge) or a date (replace_window)?", grid=grid)  # fmt: skip


def by_cursor(proposal: Proposal, column: str, grid: Grid) -> Loading:
    """A query cut by a column. A column that is named like a change is taken as mutable."""
    proposed = proposal.column(column)
    header = proposed.facts.name
    if _CHANGED.search(column) and proposal.key:
        return Loading("merge", "rows change: the newest version of each key stays", grid=grid, latest_by=column,
                       cursor=(header, "mutable"))  # fmt: skip
    decide = "mutable if rows change after they were written (then: mode merge, with a key)"
    return Loading("replace_window", "rows of a window read again replace it", decide, grid, column,
                   cursor=(header, "immutable"))  # fmt: skip


def cursor_hint(proposal: Proposal) -> str | None:
    """The column that says best when a row was made or changed; None when there is none without nulls."""
    moments = [c.name for c in proposal.columns if c.is_moment and c.facts.filled == c.facts.rows]
    changed = [name for name in moments if _CHANGED.search(name)]
    return next(iter([*changed, *moments]), None)
