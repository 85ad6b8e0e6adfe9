"""What each load mode does to the live table, as SQL both warehouses read the same. Columns are always listed.

Run inside the publish transaction, after the proof table's lock. Rows taken out of the live table and rows put into it
are kept beside it, so that the publish can be undone (`undo.py`): those taken out with every column, others' too.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.errors import CheckFailedError
from deployments.quantities import plural
from tasks.switches import reached
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.protocol import Adapter, Match, Replaced
from tasks.warehouses.publish_plan import Publication
from tasks.warehouses.quoting import identifier, listed
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import count_rows, one
from tasks.within import within

_LIVE, _NEW = identifier(names.LIVE), identifier(names.NEW)


def append(cursor: Cursor, plan: Publication, new: TableName, sequence: int) -> Counts:
    """Add the batch; its keys must be new to the live table."""
    _prove_key(cursor, plan, new, outside=None)
    inserted = insert_all(cursor, plan, new)
    keep_added(cursor, plan, new, sequence)
    return Counts(inserted=inserted)


def replace_window(adapter: Adapter, cursor: Cursor, plan: Publication, new: TableName | None, sequence: int) -> Counts:
    """Delete the live rows of the window, then insert the batch. `new` None: the window is empty now."""
    assert plan.window is not None
    assert plan.window_column is not None
    inside = within(identifier(plan.window_column.name), plan.window_column.bounds(plan.window))
    if new is not None:
        _prove_key(cursor, plan, new, outside=inside)
    live = _q(plan.live)
    if plan.generations:
        adapter.create_as(
            cursor, names.undo(plan.live, sequence),
            sql.SQL("SELECT * FROM {} WHERE ").format(live) + inside, None,
        )  # fmt: skip
    cursor.execute(sql.SQL("DELETE FROM {} WHERE ").format(live) + inside)
    deleted = int(cursor.rowcount)
    reached("rows-deleted")
    if new is None:
        return Counts(deleted=deleted)
    inserted = insert_all(cursor, plan, new)
    keep_added(cursor, plan, new, sequence)
    return Counts(inserted=inserted, deleted=deleted)


def merge(
    adapter: Adapter, cursor: Cursor, plan: Publication, new: TableName, sequence: int, *, in_order: bool = False
) -> Counts:
    """Replace the live rows whose key is in the batch and whose values differ; insert the keys that are new.

    With `latest_by` a row of the batch that is older than the live one is left out: windows may be loaded in any order.
    `in_order`: the batch is gone through in the order of its key, so that each page of an index that is much larger than it is
    read once.
    """
    total = count_rows(cursor, new)
    kept = names.undo(plan.live, sequence) if plan.generations else None
    others = [column for column in plan.shape.columns if column.name not in plan.shape.key]
    match = Match(
        equal(plan.shape.key, names.LIVE, names.NEW),
        _newer(plan, names.LIVE),
        _differs(adapter, others, names.LIVE, names.NEW),
    )
    order = plan.shape.key if in_order else ()
    found = adapter.take_out_replaced(cursor, plan.live, new, match, kept, order)
    if found is None:
        found = _take_out_replaced(adapter, cursor, plan, new, match, others, kept)
    reached("rows-deleted")
    # A key that still lives needs nothing of this batch. What is left is inserted, and is what an undo takes out.
    if found.stay:
        cursor.execute(
            sql.SQL("DELETE FROM {} USING {} {} WHERE {}").format(
                _q(new), _q(plan.live), _LIVE, equal(plan.shape.key, names.LIVE, new.name)
            )
        )
    inserted = insert_all(cursor, plan, new, ordered_by=order)
    keep_added(cursor, plan, new, sequence)
    return Counts(
        inserted=inserted - found.taken_out,
        updated=found.taken_out,
        unchanged=total - inserted - found.superseded,
        superseded=found.superseded,
    )


def _take_out_replaced(
    adapter: Adapter, cursor: Cursor, plan: Publication, new: TableName, match: Match, others: Sequence[Column],
    kept: TableName | None,
) -> Replaced:  # fmt: skip
    """`Adapter.take_out_replaced` as statements that both warehouses read."""
    live, candidate = _q(plan.live), _q(new)
    matched = sql.SQL("FROM {} {} JOIN {} {} ON {}").format(live, _LIVE, candidate, _NEW, match.key)
    if kept is not None:
        every = sql.SQL("SELECT {}.* ").format(_LIVE)
        adapter.create_as(
            cursor, kept, every + matched + sql.SQL(" WHERE {} AND {}").format(match.newer, match.differs), None
        )
    cursor.execute(
        sql.SQL("DELETE FROM {live} USING {new} {alias} WHERE {key} AND {newer} AND {differs}").format(
            live=live,
            new=candidate,
            alias=_NEW,
            key=equal(plan.shape.key, plan.live.name, names.NEW),
            newer=_newer(plan, plan.live.name),
            differs=_differs(adapter, others, plan.live.name, names.NEW),
        )
    )
    taken_out = int(cursor.rowcount)
    living = sql.SQL("SELECT count(*), count(CASE WHEN {} THEN NULL ELSE 1 END) ").format(match.newer) + matched
    stay, superseded = map(int, one(cursor, living))
    return Replaced(taken_out, stay, superseded)


def delete_absent(adapter: Adapter, cursor: Cursor, plan: Publication, keys: TableName, sequence: int) -> int:
    """Delete live rows whose key isn't among the source's `keys`; the rows are kept for undo. Returns how many."""
    live = _q(plan.live)
    absent = sql.SQL("NOT EXISTS (SELECT 1 FROM {} {} WHERE {})").format(
        _q(keys), identifier(names.OTHER), equal(plan.shape.key, plan.live.name, names.OTHER)
    )
    if plan.generations:
        kept = names.undo(plan.live, sequence)
        select = sql.SQL("SELECT * FROM {} WHERE ").format(live) + absent
        if adapter.exists(cursor, kept):
            cursor.execute(sql.SQL("INSERT INTO {} ").format(_q(kept)) + select)
        else:
            adapter.create_as(cursor, kept, select, None)
    cursor.execute(sql.SQL("DELETE FROM {} WHERE ").format(live) + absent)
    return int(cursor.rowcount)


def keys_in_both(plan: Publication, keys: TableName) -> sql.Composed:
    """Counts the live rows whose key is among `keys`."""
    same = equal(plan.shape.key, plan.live.name, "k")
    return sql.SQL("SELECT count(*) FROM {} JOIN {} k ON {}").format(_q(plan.live), _q(keys), same)


def _newer(plan: Publication, live: str) -> sql.Composable:
    """Whether the batch's row may replace the live one."""
    if plan.latest_by is None:
        return sql.SQL("true")
    return sql.SQL("({c} >= {l} OR {l} IS NULL)").format(
        c=identifier(names.NEW, plan.latest_by), l=identifier(live, plan.latest_by)
    )


def keep_added(cursor: Cursor, plan: Publication, new: TableName, sequence: int) -> None:
    """Keep the candidate, which by now holds exactly the rows that were inserted, under the name of its publish."""
    if plan.generations:
        kept = names.added(plan.live, sequence)
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(_q(new), identifier(kept.name)))


def keep_beginning(adapter: Adapter, cursor: Cursor, plan: Publication, sequence: int) -> None:
    """Note that publish `sequence` made the table: an empty table of rows it took out. Its candidate has become the live
    table, so the rows it put in are copied where nothing else tells them from those that come later."""
    if not plan.generations:
        return
    rows = sql.SQL("SELECT {} FROM {}").format(_columns(plan), _q(plan.live))
    adapter.create_as(cursor, names.undo(plan.live, sequence), rows + sql.SQL(" WHERE 1 = 0"), None)
    if plan.does.only_adds:
        adapter.create_as(cursor, names.added(plan.live, sequence), rows, None)


def insert_all(cursor: Cursor, plan: Publication, new: TableName, ordered_by: Sequence[str] = ()) -> int:
    """Insert the contract's columns of every row of the candidate."""
    columns = _columns(plan)
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(_q(plan.live), columns, columns, _q(new))
    if ordered_by:
        statement += sql.SQL(" ORDER BY {}").format(listed(ordered_by))
    cursor.execute(statement)
    return int(cursor.rowcount)


def _prove_key(cursor: Cursor, plan: Publication, new: TableName, outside: sql.Composable | None) -> None:
    """Fail when a key of the batch lives already in rows that this publish doesn't replace."""
    if not plan.shape.key:
        return
    kept = sql.SQL("{}").format(_q(plan.live))
    if outside is not None:
        kept = sql.SQL("(SELECT {} FROM {} WHERE NOT ({}))").format(_columns(plan), _q(plan.live), outside)
    found = int(
        one(
            cursor,
            sql.SQL("SELECT count(*) FROM {} {} JOIN {} {} ON {}").format(
                _q(new), _NEW, kept, _LIVE, equal(plan.shape.key, names.LIVE, names.NEW)
            ),
        )[0]
    )
    if found:
        raise CheckFailedError(
            f"{plan.live}: the table has {plural(found, 'key')} ({', '.join(plan.shape.key)}) of this batch already, in rows "
            f"it doesn't replace. Nothing was published.",
            code="KEY-EXISTS",
            next_command=f"headgate retry {plan.run_id}   (once the source gives each key in one batch, or by load.mode: merge)",
            keys=found,
        )


def _columns(plan: Publication) -> sql.Composed:
    return sql.SQL(", ").join(identifier(column.name) for column in plan.shape.columns)


def equal(columns: Sequence[str], left: str, right: str) -> sql.Composed:
    """Whether two tables' rows have the same key; key columns are never NULL."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(identifier(left, name), identifier(right, name)) for name in columns
    )


def _differs(adapter: Adapter, columns: Sequence[Column], left: str, right: str) -> sql.Composable:
    """Whether any column differs, NULLs compared as values (IS DISTINCT FROM is unknown to Redshift)."""
    if not columns:
        return sql.SQL("false")
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(
            sql.SQL(
                "{a} <> {b} OR ({a} IS NULL AND {b} IS NOT NULL) OR ({a} IS NOT NULL AND {b} IS NULL)"
                # 'a' equals 'a ' on Redshift.
                + (" OR octet_length({a}) <> octet_length({b})" if column.column_type.kind == "varchar" else "")
            ).format(
                a=adapter.as_compared(column.column_type.kind, identifier(left, column.name)),
                b=adapter.as_compared(column.column_type.kind, identifier(right, column.name)),
            )
            for column in columns
        )
    )
