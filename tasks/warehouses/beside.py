"""Statements of a summary that run in the transaction of its publish. Rows that they delete are counted, and kept for an undo."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.summary_statements import Statement
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publish_plan import Publication
from tasks.warehouses.quoting import identifier, qualified


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Rows that were deleted, how many and where they are kept until the publish has a place for them."""

    rows: int = 0
    kept: tuple[TableName, ...] = ()


def before(adapter: Adapter, cursor: Cursor, plan: Publication) -> TakenOut:
    """Run `before`; nothing when the table isn't there yet."""
    if not plan.before or not adapter.exists(cursor, plan.live):
        return TakenOut()
    return _run(adapter, cursor, plan, plan.before, "b")


def after(
    adapter: Adapter, cursor: Cursor, plan: Publication, effect: Counts, taken_out: TakenOut, sequence: int
) -> Counts:
    """Run `after`, and put what both have deleted to the rows that an undo of this publish puts back."""
    later = _run(adapter, cursor, plan, plan.after, "a") if plan.after else TakenOut()
    undo = names.undo(plan.live, sequence)
    for kept in (*taken_out.kept, *later.kept):
        if adapter.exists(cursor, undo):
            cursor.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(qualified(undo), qualified(kept)))
            cursor.execute(sql.SQL("DROP TABLE {}").format(qualified(kept)))
        else:
            cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(qualified(kept), identifier(undo.name)))
    return effect + Counts(deleted=taken_out.rows + later.rows)


def _run(adapter: Adapter, cursor: Cursor, plan: Publication, statements: tuple[Statement, ...], when: str) -> TakenOut:
    live, deleted, kept = qualified(plan.live), 0, list[TableName]()
    for number, statement in enumerate(statements):
        if statement.kind == "analyze":
            cursor.execute(sql.SQL("ANALYZE {}").format(live))
        elif statement.kind == "grant":
            cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(live, adapter.grantee(statement.what)))
        else:
            condition = sql.SQL(statement.what)
            if plan.generations:
                place = names.candidate(plan.live, f"{plan.attempt_id}{when}{number}")
                adapter.create_as(cursor, place, sql.SQL("SELECT * FROM {} WHERE ").format(live) + condition, None)
                kept.append(place)
            cursor.execute(sql.SQL("DELETE FROM {} WHERE ").format(live) + condition)
            deleted += int(cursor.rowcount)
    return TakenOut(deleted, tuple(kept))
