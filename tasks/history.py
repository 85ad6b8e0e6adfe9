"""The history a batch is compared with: profiles of what stands, without batches whose alarm nobody has answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployments.declarations.table import Table
from expectations.drift.acceptance import EVERY_KIND
from tasks.batch import Batch
from tasks.warehouses import decisions, ops
from tasks.warehouses.names import TableName
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from expectations.profile import Profile

TRUSTED = 14
"""Batches of history from which on a page is believed: two weeks of days know the weekdays. With fewer, leaving out
what was told could keep a history from ever growing."""


@dataclass(frozen=True, slots=True)
class History:
    """Profiles with their labels, oldest first; `left_out` are labels of batches that wait for an owner's answer."""

    labels: tuple[str, ...]
    profiles: tuple[Profile, ...]
    left_out: tuple[str, ...]


def history_of(bench: Workbench, table: Table, batch: Batch) -> History:
    """What a batch of a table is compared with."""
    from expectations.profile import Profile
    from expectations.profile.model import VERSION

    before = None if batch.window is None else batch.batch_key
    target = TableName.parse(table.table)
    # A profile measured by an older headgate has other figures: the history starts anew with the new ones.
    kept = [one for one in ops.profiles(bench.warehouse, target, before) if one.body.get("version") == VERSION]
    accepted = {(item.column, item.what) for item in decisions.read(bench.warehouse, [table.table], ["accept-drift"])}
    out = unanswered([one.run_id for one in kept], ops.pages(bench.warehouse, target), accepted)
    stays = [one for one in kept if one.run_id not in out]
    return History(
        tuple(one.label for one in stays),
        tuple(Profile.from_json(one.body) for one in stays),
        tuple(one.label for one in kept if one.run_id in out),
    )


def unanswered(
    runs: Sequence[str], pages: Mapping[str, set[tuple[str | None, str]]], accepted: Set[tuple[str | None, str]]
) -> set[str]:
    """Of runs, oldest first, those that told a page about a (column, kind) which nobody has accepted.

    Else a bad batch that was published with a warning would be usual a week later, without anybody's word.
    """
    out: set[str] = set()
    for number, run in enumerate(runs):
        open_pages = [
            (column, kind)
            for column, kind in pages.get(run, ())
            if not accepted & {(column, kind), (column, EVERY_KIND)}
        ]
        if open_pages and number - len(out) >= TRUSTED:
            out.add(run)
    return out
