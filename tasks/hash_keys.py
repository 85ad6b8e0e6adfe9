"""Which key the hashed columns of a table are hashed with, while one key takes the place of another.

All rows of a table have one key: a key column of two hashes would let a row be there twice. So a table keeps the key its rows
were hashed with until it is loaded as a whole again; the new key is for tables that are empty or replaced.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2.extensions import cursor as Cursor

from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from tasks.batch import Batch
from tasks.reachable import Line
from tasks.warehouses import key_changes, names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.session import session
from tasks.workbench import Workbench

_TABLE = TableName(names.OPS, "hash_key")


def chosen(bench: Workbench, table: Table) -> str:
    """The name of the key for a table's next batch; '' where no column is hashed, or no key is set."""
    if not table.hashed or bench.pii_key is None:
        return ""
    if table.load.does.replaces_table:
        return next(iter(bench.settings.hash_keys))
    return standing(bench, table)


def standing(bench: Workbench, table: Table) -> str:
    """The name of the key of a table's rows; the new one where it has none. DeclarationError: it is none of those set here."""
    known = list(bench.settings.hash_keys)
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, names.proof(live)) or proofs.newest(cursor, live)[0] is None:
            return known[0]
        noted = key_changes.current(cursor, table.table) if adapter.exists(cursor, _TABLE) else None
    if noted is None:
        # Loaded by a version that noted no key: the one before is the one it had.
        return known[-1]
    if noted in known:
        return noted
    raise _another_key(live, replaced=table.load.does.replaces_table)


def of_rows(bench: Workbench, table: Table) -> bytes | None:
    """The key of a table's live rows; None where none is set. DeclarationError as of `standing`."""
    if not table.hashed or bench.pii_key is None:
        return bench.pii_key
    return bench.settings.hash_keys[standing(bench, table)]


def note(cursor: Cursor, batch: Batch, *, replaces: bool) -> None:
    """Note the key of a batch in the transaction that publishes it. Written only when it is news: tables don't wait for each
    other. `replaces`: no row of before stays. DeclarationError: rows that stay got another key since the batch began."""
    noted = key_changes.current(cursor, batch.table) if batch.key_name else batch.key_name
    if noted != batch.key_name:
        if not (noted is None or replaces or proofs.newest(cursor, batch.live)[0] is None):
            raise _another_key(batch.live, replaced=False)
        sequence = max((proof.sequence for proof in proofs.read(cursor, batch.live)), default=0) + 1
        key_changes.change(cursor, batch.table, sequence, batch.key_name)


def look_at_keys(bench: Workbench) -> Iterator[Line]:
    """The key of each hashed table while there are two; with one, only the tables that have another."""
    newest = next(iter(bench.settings.hash_keys), None)
    if newest is None:
        return
    for name, table in bench.project.tables.items():
        if not table.hashed:
            continue
        try:
            key = standing(bench, table)
        except DeclarationError as error:
            yield Line(f"{name}: key", False, error.message, error.next_command)
            continue
        if bench.settings.pii_key_before is not None:
            said = "the new key" if key == newest else "HEADGATE_PII_KEY_BEFORE until it is loaded anew"
            yield Line(f"{name}: key", True, f"hashed with {said}")


def _another_key(table: TableName, *, replaced: bool) -> DeclarationError:
    anew = f"headgate run {table} --full-refresh" if replaced else names.anew(table)
    return DeclarationError(
        f"{table} is hashed with another key than HEADGATE_PII_KEY: its rows and new ones would have two hashes of one "
        "value. Nothing was loaded",
        code="PII-KEY-CHANGED",
        next_command="export HEADGATE_PII_KEY_BEFORE=...   (the key it was loaded with: docs/erase.md), or when that is lost: "
        + anew,
    )
