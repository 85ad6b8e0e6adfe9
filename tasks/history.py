"""The history a batch is compared with: profiles of what stands, without batches whose alarm nobody has answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from deployments.windows import Window
from expectations.drift.acceptance import EVERY_KIND
from tasks import acceptances, answers
from tasks.batch import is_whole
from tasks.declared import KEY
from tasks.warehouses import decisions, names, ops, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.ops import KeptProfile
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.watched import Judged, Watched
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from expectations.profile import Profile

TRUSTED = 14
"""Batches of history from which on a page is believed: two weeks of days know the weekdays. With fewer, leaving out
what was told could keep a history from ever growing."""
LOOKED_AT = 80
"""The newest publishes before a batch whose profiles are read. The detector remembers eight weeks of days; more are read
since some may be left out."""


@dataclass(frozen=True, slots=True)
class History:
    """Profiles with their labels, oldest first. `left_out`: labels of batches that wait for an owner's answer, or
    whose change an owner said isn't meant;
    `without`: labels of windows in between that no publish stands of, as they failed or weren't loaded yet."""

    labels: tuple[str, ...]
    profiles: tuple[Profile, ...]
    left_out: tuple[str, ...]
    without: tuple[str, ...]
    declared: tuple[Mapping[str, str] | None, ...] = ()
    """How the columns of each profile were declared; None where it was kept before that was."""


def history_of(bench: Workbench, table: Watched, batch: Judged) -> History:
    """What a batch of a table is compared with: what stands of the windows that ended before it, in their order.

    When a window was published plays no part: a run judges its windows in turn (`flows.lanes`), so that those before a
    window stand when it is judged. Without windows every publish is a batch, in the order of the publishes.
    """
    from expectations.profile import Profile
    from expectations.profile.model import READABLE

    target = TableName.parse(table.table)
    before = _before(bench, target, batch)[-LOOKED_AT:]
    # A profile that this headgate can't read has other figures: the history starts anew with the new ones.
    kept = [one for one in ops.profiles(bench.warehouse, target, before) if one.body.get("version") in READABLE]
    said = decisions.read(bench.warehouse, [table.table], acceptances.SETTLING)
    out = unanswered([one.proof.run_id for one in kept], ops.pages(bench.warehouse, target), answers.usual(said))
    out |= answers.rejected(said)
    stays = [one for one in kept if one.proof.run_id not in out]
    return History(
        tuple(map(_label, stays)),
        tuple(Profile.from_json(one.body) for one in stays),
        tuple(_label(one) for one in kept if one.proof.run_id in out),
        _absent(table, batch, before),
        tuple(cast("Mapping[str, str] | None", one.body.get(KEY)) for one in stays),
    )


def _label(one: KeptProfile) -> str:
    # Without windows every publish has the same label: its number tells it apart.
    return f"#{one.proof.sequence}" if is_whole(one.proof.batch_key) else one.label


def kept_of(bench: Workbench, table: Watched) -> list[tuple[str, str, Profile]]:
    """Label, run and profile of what stands of a table, oldest first, the newest LOOKED_AT; empty where nothing ever ran."""
    from expectations.profile import Profile
    from expectations.profile.model import READABLE

    target = TableName.parse(table.table)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not bench.warehouse.exists(cursor, names.proof(target)):
            return []
    kept = ops.profiles(bench.warehouse, target, _standing(bench, target, windowed=table.grid is not None)[-LOOKED_AT:])
    readable = [one for one in kept if one.body.get("version") in READABLE]
    return [(_label(one), one.proof.run_id, Profile.from_json(one.body)) for one in readable]


def _before(bench: Workbench, target: TableName, batch: Judged) -> list[Proof]:
    """The loads that stand and lie before the batch, oldest first."""
    standing = _standing(bench, target, windowed=batch.window is not None)
    if batch.window is None:
        return standing
    start = batch.window.start
    return [proof for proof in standing if _window(proof).end <= start]


def _standing(bench: Workbench, target: TableName, *, windowed: bool) -> list[Proof]:
    """The loads that stand, in the order of their windows, or of their publishes where there are none."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, target)
    if windowed:
        return sorted((proof for key, proof in proofs.standing(known).items() if "/" in key), key=_window)
    return [
        proof
        for proof in known
        if proof.undone_by is None and proof.kind in proofs.WHOLE and "/" not in proof.batch_key
    ]


def _absent(table: Watched, batch: Judged, before: Sequence[Proof]) -> tuple[str, ...]:
    """Labels of the table's windows between those of the history and the batch that nothing stands of."""
    if batch.window is None or table.grid is None or not before:
        return ()
    there = {_window(proof) for proof in before}
    oldest = _window(before[0]).start
    expected = table.grid.between(oldest, batch.window.start)
    return tuple(table.grid.label(window) for window in expected if window not in there)


def _window(proof: Proof) -> Window:
    return Window.from_key(proof.batch_key)


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
