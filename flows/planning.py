"""Planning: which windows of a table are loaded, missing, failed or stale, and what a run would do. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from deployments.windows import Window
from flows.choosing import Selection, chosen, named, no_such_window
from flows.plans import PlannedWindow, State, TablePlan
from tasks.batch import SINCE_KEY, SOURCE_KEY
from tasks.sources.objects import object_named, objects_of
from tasks.warehouses import names, ops, outside_hands, proofs, reconciliations
from tasks.warehouses.changes import Change, find_changes, judge
from tasks.warehouses.decisions import paused
from tasks.warehouses.layouts import layout_of
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof, Quiet
from tasks.warehouses.session import retried
from tasks.warehouses.shapes import shape_of
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from tasks.warehouses.protocol import Adapter


def plan_table(
    bench: Workbench, table: Table, now: datetime, selection: Selection | None = None, *, look_for_pause: bool = True,
    before_run: bool = False, counted: bool = False,
) -> TablePlan:  # fmt: skip
    """The plan of one table. The warehouse is only read; a table that was never loaded is all missing.

    `look_for_pause` False: for one batch that somebody asked for by name. Then nothing is said of other windows: a backfill
    asks for each of its windows so. `before_run`: what is to run is run at once, and counts the live rows itself. `counted`: of
    windows that stand and don't run only how many they are is wanted, which of ten thousand takes a fifth of the time.
    """
    selection = selection or Selection()
    live = TableName.parse(table.table)
    adapter = bench.warehouse
    alone = None
    if not look_for_pause and selection.window is not None and table.grid is not None:
        alone = named(table, selection.window, now - table.lag).key

    keys = _keys_to_count(table, now - table.lag, selection) if counted else None

    def look(
        cursor: Cursor,
    ) -> tuple[list[Proof], Quiet, list[Change], bool, DeclarationError | None, list[str], str | None, tuple[str, ...]]:
        known, quiet = (
            _apart(adapter, cursor, table, keys) if keys else (_known(adapter, cursor, table, alone), Quiet())
        )
        changes = find_changes(shape_of(table), adapter.columns(cursor, live))
        has_ops = adapter.exists(cursor, TableName(names.OPS, "run"))
        missing = outside_hands.missing(adapter, cursor, live, known)
        renamed = table.load.does.replaces_table and adapter.exists(cursor, live)
        kept = adapter.lost_by_swap(cursor, live, shape_of(table)) if renamed else []
        layout = layout_of(adapter, cursor, live, shape_of(table), is_replaced=renamed)
        return known, quiet, changes, has_ops, missing, kept, adapter.stranger(cursor, live), layout

    known, quiet, changes, has_ops, missing, kept, stranger, layout = retried(
        adapter.address, f"planning {table.table}", look
    )
    standing = proofs.standing(known)
    runs = ops.last_runs(adapter, table.table) if has_ops else []
    failed = _failed(runs, standing.keys() | quiet.batches.keys())
    suite_hash = bench.project.suite_hash(table.table)
    if table.source.has_objects:
        windows = _objects(bench, table, suite_hash, known, failed, runs, selection, alone=not look_for_pause)
    elif table.grid is None:
        windows = _windowless(table, suite_hash, known, standing, selection)
    else:
        windows = _windows(table, suite_hash, now, known, failed, selection, quiet, alone=not look_for_pause)
    stopped = pause_of(bench, table.table, now) if look_for_pause and has_ops else None
    loads = any(window.run and not window.reread for window in windows)
    changed = None
    if not missing and (not loads or not (table.names_batches or (before_run and stopped is None))):
        changed = retried(
            adapter.address, f"counting {table.table}",
            lambda cursor: outside_hands.changed(adapter, cursor, live, known, table.load.does, quiet.rows),
        )  # fmt: skip
    if table.load.does.replaces_table and (missing or changed):
        # Its source has the whole table: loading it again puts right what others have done.
        windows = [replace(window, fingerprint=None) for window in windows]
        changed, missing = changed or (None if missing is None else missing.message.partition(". ")[0]), None
    usual_rows, usual_seconds = _usual(runs)
    count = sum(window.run and not window.reread for window in windows)
    covered = reconciliations.coverage(adapter, [table.table]).get(table.table) if look_for_pause and has_ops else None
    following = None if table.grid is None else table.grid.next_after(now - table.lag)
    return TablePlan(
        table=table.table,
        windows=tuple(windows),
        changes=tuple(changes),
        next_due=None if following is None else following.end + table.lag,
        rows_expected=None if usual_rows is None else usual_rows * count,
        seconds_expected=None if usual_seconds is None else usual_seconds * count,
        paused=stopped,
        missing=missing,
        changed=changed,
        kept=tuple(kept),
        layout=layout,
        stranger=stranger,
        declared_anew=not known or known[-1].declaration_hash != table.fingerprint,
        reconciled=None if covered is None else covered.sentence(),
        refusal=_refusal(adapter, table, changes, {**dict.fromkeys(quiet.batches), **standing}, windows),
        batches="object" if table.source.has_objects else "window",
        again_by=_again_by(table),
        counted=_counted(quiet, keys or ()),
    )


def _refusal(
    adapter: Adapter,
    table: Table,
    changes: Sequence[Change],
    standing: Mapping[str, Proof | None],
    windows: Sequence[PlannedWindow],
) -> DeclarationError | None:
    """What a load would be refused for when it comes to be published."""
    try:
        judge(adapter, TableName.parse(table.table), table.load.on_schema_change, shape_of(table), changes,
              replaced=table.load.does.replaces_table)  # fmt: skip
    except DeclarationError as error:
        return error
    if not table.load.does.only_adds:
        return None
    return outside_hands.doubled(TableName.parse(table.table), (w.batch_key for w in windows if w.run), standing)


def _again_by(table: Table) -> str | None:
    if table.load.does.only_adds:
        return None
    if table.source.has_objects or table.grid is None:
        return f"headgate run {table.table} --full-refresh"
    return f"headgate backfill {table.table} --reprocess all"


def _known(adapter: Adapter, cursor: Cursor, table: Table, alone: str | None) -> list[Proof]:
    """What is proven of a table. `alone`: of one batch, and the newest: a backfill of ten thousand windows asks so for each.
    Of a table that isn't there all of it tells what was lost."""
    live = TableName.parse(table.table)
    if not adapter.exists(cursor, names.proof(live)):
        return []
    found = proofs.read(cursor, live, alone if adapter.exists(cursor, live) else None, and_newest=True)
    return _as_recorded_now(table, found)


def _as_recorded_now(table: Table, found: Sequence[Proof]) -> list[Proof]:
    """Proofs of a time at which the layout was part of what is recorded of a declaration, as if it hadn't been."""
    before, now = table.fingerprint_with_layout, table.fingerprint
    return [replace(item, declaration_hash=now) if item.declaration_hash == before else item for item in found]


def _keys_to_count(table: Table, ended: datetime, selection: Selection) -> tuple[str, ...] | None:
    """Keys of the windows that are due, where those that stand may be left out of a plan; None where they are asked for."""
    if table.grid is None or table.source.has_objects or selection.window is not None:
        return None
    return None if selection.full_refresh or selection.reprocess == "all" else table.grid.due_keys(ended)


def _apart(
    adapter: Adapter, cursor: Cursor, table: Table, keys: Sequence[str]
) -> tuple[list[Proof], Quiet]:  # fmt: skip
    """Proofs of the batches of which something has to be told, the newest and those that are read again among them, and the quiet
    rest. Nothing is left out where only all of it tells: of a live table that is gone, or that merges have changed."""
    live = TableName.parse(table.table)
    if not adapter.exists(cursor, names.proof(live)) or not adapter.exists(cursor, live):
        return _known(adapter, cursor, table, None), Quiet()
    quiet = proofs.read_quiet(cursor, live, {table.fingerprint, table.fingerprint_with_layout})
    lookback = table.window.lookback if table.window is not None else 0
    late = islice((key for key in reversed(keys) if key in quiet.batches), lookback)
    known = _as_recorded_now(table, proofs.read_loud(cursor, live, {quiet.newest, *late}))
    shared = proofs.share_rows((*quiet.batches, *(item.batch_key for item in known)))
    if not table.load.does.merges and (shared or any(map(proofs.merged, known))):
        return _known(adapter, cursor, table, None), Quiet()
    for item in known:
        quiet.batches.pop(item.batch_key, None)
    return known, quiet


def _counted(quiet: Quiet, keys: Sequence[str]) -> tuple[tuple[State, int], ...]:
    stand = Counter(quiet.batches[key][0] for key in keys if key in quiet.batches)
    return (("loaded", stand[True]), ("stale", stand[False])) if stand else ()


def pause_of(bench: Workbench, name: str, now: datetime) -> str | None:
    """'paused until ... by ...: why' when a table or summary isn't to be loaded now."""
    found = paused(bench.warehouse, [name], now).get(name)
    if found is None:
        return None
    until = f" until {found.expires_at:%Y-%m-%d %H:%M} UTC" if found.expires_at else ""
    return f"paused{until} by {found.by}: {found.reason}"


def _windowless(
    table: Table, suite_hash: str, known: Sequence[Proof], standing: dict[str, Proof], selection: Selection
) -> list[PlannedWindow]:
    if selection.window or selection.start or selection.end:
        raise DeclarationError(
            f"{table.table} has no windows: --window, --from and --to mean nothing for it",
            code="NO-WINDOWS",
            next_command=f"headgate run {table.table}",
        )
    key = SOURCE_KEY
    if table.adds_news:
        # What is appended is a batch of its own: it is there once, and says what it goes on from.
        key = f"{SINCE_KEY}{max((item.sequence for item in standing.values()), default=0)}"
    proof = standing.get(key)
    last = max((item.sequence for item in known), default=0)
    # A changed declaration or suite is a reason to load the same source again.
    as_declared = proof is not None and (proof.declaration_hash, proof.suite_hash) == (table.fingerprint, suite_hash)
    return [
        PlannedWindow(
            key, "source", "look", True,
            rows=None if proof is None else proof.counts.published, sequence=last,
            fingerprint=proof.fingerprint if proof is not None and as_declared and not selection.full_refresh else None,
            refused=proofs.refused(known, key, table.fingerprint, suite_hash),
        )
    ]  # fmt: skip


def _windows(
    table: Table,
    suite_hash: str,
    now: datetime,
    known: list[Proof],
    failed: set[str],
    selection: Selection,
    quiet: Quiet,
    *,
    alone: bool,
) -> list[PlannedWindow]:
    assert table.grid is not None
    grid = table.grid
    standing = proofs.standing(known)
    ended = now - table.lag
    if selection.window is not None:
        if selection.start or selection.end:
            raise no_such_window(table.table, "--window names one window, --from and --to several: say one of them")
        asked = named(table, selection.window, ended)
        due, wanted = [asked] if alone else list(grid.due(ended)), {asked}
    elif quiet.batches:
        keys = grid.due_keys(ended)
        due = [Window.from_key(key) for key in keys if key not in quiet.batches]
        # Without `schedule.catchup` the last one of all is meant.
        wanted = chosen(table, [*due, *map(Window.from_key, keys[-1:])], selection)
    else:
        due = list(grid.due(ended))
        wanted = chosen(table, due, selection)
    found = []
    by_batch = _by_batch(known)
    by_name = selection.window is not None or selection.full_refresh or selection.reprocess == "all"
    declared = table.fingerprint
    for window in due:
        key = window.key
        proof, of_batch = standing.get(key), by_batch.get(key, [])
        state = _state(declared, proof, of_batch, failed=key in failed)
        refused = proofs.refused(of_batch, key, declared, suite_hash)
        held = state == "undone" and bool(refused) and not table.source.gives_stable_bytes
        new = proof is None and not held and (state != "failed" or selection.reprocess != "none")
        found.append(
            PlannedWindow(
                key, grid.label(window), state, window in wanted and (new or by_name),
                rows=None if proof is None else proof.counts.published, stands=proof is not None,
                sequence=proofs.latest(of_batch, key), refused=refused,
                fingerprint=None if proof is None else proof.fingerprint,
            )
        )  # fmt: skip
    plain = selection == Selection(reprocess=selection.reprocess)
    return _read_again(found, table.window.lookback) if table.window is not None and plain else found


def _objects(
    bench: Workbench, table: Table, suite_hash: str, known: list[Proof], failed: set[str],
    runs: Sequence[dict[str, object]], selection: Selection, *, alone: bool,
) -> list[PlannedWindow]:  # fmt: skip
    """The objects that lie below the source's address, in the order of their names, and those that were loaded and went.
    What was put there again comes last: it may be refused, and then stops no new one."""
    if selection.start or selection.end:
        raise DeclarationError(
            f"{table.table} is loaded by objects: --from and --to mean nothing for it, --window names one", code="NO-WINDOWS",
            next_command=f"headgate run {table.table}",
        )  # fmt: skip
    text = selection.window
    there = objects_of(table, bench.settings) if text is None else [object_named(table, bench.settings, text)]
    standing, by_batch = proofs.standing(known), _by_batch(known)
    again = selection.full_refresh or selection.reprocess == "all"
    found: list[PlannedWindow] = []
    replaced: list[PlannedWindow] = []
    for one in there:
        key = one.batch_key
        proof, of_batch = standing.get(key), by_batch.get(key, [])
        refused = proofs.refused(of_batch, key, table.fingerprint, suite_hash)
        state = _state(table.fingerprint, proof, of_batch, failed=key in failed)
        held = any(content.startswith(one.version) for content in refused)
        new = proof is None and not held and (state != "failed" or selection.reprocess != "none")
        is_other = proof is not None and not proof.fingerprint.startswith(one.version)
        planned = PlannedWindow(
            key, one.label, state, new or is_other or again or text is not None,
            rows=None if proof is None else proof.counts.published, stands=proof is not None,
            sequence=proofs.latest(of_batch, key), refused=refused, object_name=one.name, reread=is_other and not again,
            fingerprint=None if proof is None else proof.fingerprint,
        )  # fmt: skip
        (replaced if is_other else found).append(planned)
    if text is None and not alone:
        found = _gone(standing, {one.batch_key for one in there}, runs) + found
    return found + replaced


def _gone(standing: dict[str, Proof], there: set[str], runs: Sequence[dict[str, object]]) -> list[PlannedWindow]:
    """Objects that were loaded and lie there no more: files are often moved away once they are read."""
    labels = {str(run["batch_key"]): str(run["label"]) for run in runs}
    return [
        PlannedWindow(key, labels.get(key, key), "loaded", False, rows=proof.counts.published, stands=True,
                      sequence=proof.sequence, fingerprint=proof.fingerprint)
        for key, proof in standing.items()
        if key not in there
    ]  # fmt: skip


def _by_batch(known: Sequence[Proof]) -> dict[str, list[Proof]]:
    found: dict[str, list[Proof]] = {}
    for item in known:
        found.setdefault(item.batch_key, []).append(item)
    return found


def _read_again(windows: list[PlannedWindow], lookback: int) -> list[PlannedWindow]:
    """The windows, of which the last ones that stand are read again."""
    stands = [window for window in windows if window.state in ("loaded", "stale") and not window.run][-lookback:]
    late = {window.batch_key for window in stands} if lookback else set()
    return [replace(window, run=True, reread=True) if window.batch_key in late else window for window in windows]


def _state(declared: str, stands: Proof | None, of_batch: Sequence[Proof], *, failed: bool) -> State:
    loads = [item for item in of_batch if item.kind in proofs.WHOLE]
    undone = bool(loads) and loads[-1].undone_by is not None
    if stands is not None:
        return "loaded" if stands.declaration_hash == declared else "undone" if undone else "stale"
    return "failed" if failed else "undone" if undone else "missing"


def _failed(runs: Sequence[dict[str, object]], standing: Set[str]) -> set[str]:
    """Batches whose last run failed and that no proof covers."""
    latest: dict[str, str] = {}
    for run in reversed(runs):
        latest[str(run["batch_key"])] = str(run["status"])
    return {key for key, status in latest.items() if status == "failed" and key not in standing}


def _usual(runs: Sequence[dict[str, object]]) -> tuple[int | None, float | None]:
    done = [run for run in runs if run["status"] in ("published", "warned") and run["finished_at"]][:20]
    if not done:
        return None, None
    took = []
    for run in done:
        begun, ended = run["started_at"], run["finished_at"]
        assert isinstance(begun, datetime)
        assert isinstance(ended, datetime)
        took.append((ended - begun).total_seconds())
    return int(median(int(str(run["published"] or 0)) for run in done)), median(took)
