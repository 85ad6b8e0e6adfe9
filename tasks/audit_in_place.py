"""What is asked of rows that were loaded as they lie in a bucket: where others are set aside one by one, the batch fails."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.table import Table
from deployments.errors import AccountingError, CheckFailedError
from deployments.quantities import plural
from tasks.batch import Batch, Staged, Validated
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import one, transaction
from tasks.within import within
from tasks.workbench import workbench


def prove_rows(adapter: Adapter, batch: Batch, table: Table, candidate: TableName) -> None:
    """Raise CheckFailedError for rows of another window, and for keys whose latest row can't be told."""
    with transaction(adapter.address) as cursor:
        # It has gone when an earlier try of the audit has got further.
        if adapter.exists(cursor, candidate):
            _prove_window(cursor, batch, table, candidate)
            _prove_order(cursor, batch, table, candidate)


def prove_told(
    adapter: Adapter, batch: Batch, staged: Staged, validated: Validated, candidate: TableName, rows: int
) -> str:
    """Raise AccountingError unless the candidate has the rows, and of each column the values, that the objects say they have.
    Returns what was proven, for people."""
    told, source = staged.manifest, validated.in_place
    if source is None or told.form != "parquet":
        return "loaded in place, as COPY counts"
    columns = workbench().project.table(batch.table).columns
    counts = sql.SQL(", ").join(
        [sql.SQL("count(*)"), *(sql.SQL("count({})").format(identifier(c.name)) for c in columns)]
    )
    with transaction(adapter.address) as cursor:
        loaded, *present = map(int, one(cursor, sql.SQL("SELECT {} FROM {}").format(counts, qualified(candidate))))
    found = [
        f"{column.name}: the objects have {expected:,} values, the candidate {got:,}"
        for column, expected, got in zip(columns, source.present, present, strict=True)
        if expected not in (None, got)
    ]
    if told.rows != loaded or rows != loaded:
        found.insert(0, f"rows: the objects have {told.rows:,}, COPY says {rows:,}, the candidate holds {loaded:,}")
    if found:
        raise AccountingError(
            f"{batch.table} {batch.label}: what was loaded isn't what the objects say of themselves; nothing was published\n  "
            + "\n  ".join(found),
            code="LOADED-DIFFERS", next_command=f"headgate show {batch.run_id}   (the candidate {candidate} is kept)",
        )  # fmt: skip
    if None in source.present:
        return "loaded in place; rows, and values where the objects tell them, agree"
    return "loaded in place; rows and values per column are those the objects tell"


def _prove_window(cursor: Cursor, batch: Batch, table: Table, candidate: TableName) -> None:
    """Raise when the producer's objects hold rows of another window: there they would be replaced, or stand twice."""
    column, window = table.window_column, batch.window
    if column is None or window is None:
        return
    name = identifier(column.name)
    statement = sql.SQL("SELECT count(*) FROM {} WHERE {n} IS NULL OR NOT {inside}").format(
        qualified(candidate), n=name, inside=within(name, column.bounds(window))
    )
    outside = int(one(cursor, statement)[0])
    if outside:
        raise CheckFailedError(
            f"{batch.title}: {plural(outside, 'row')} outside the window by {column.name}; loaded in place no row "
            "can be set aside. Nothing was published.",
            code="OUT-OF-WINDOW",
            next_command=f"headgate retry {batch.run_id}   (when the source is mended), or load.stage: parts",
        )


def _prove_order(cursor: Cursor, batch: Batch, table: Table, candidate: TableName) -> None:
    """Raise when the producer's objects leave open which row of a key is its latest: elsewhere such rows are set aside."""
    if table.load.keep is None:
        return
    time, keys = identifier(table.load.keep.latest_by), sql.SQL(", ").join(map(identifier, table.key))
    rows = sql.SQL("(SELECT DISTINCT {} FROM {})").format(
        sql.SQL(", ").join(identifier(column.name) for column in table.columns),
        qualified(candidate),
    )
    alone = sql.SQL("1 = 1" if table.load.does.merges else "versions > 1")
    statement = sql.SQL(
        "SELECT count(*) FROM (SELECT {k}, max(tied) AS tied, min(dated) AS dated, sum(versions) AS versions FROM "
        "(SELECT {k}, {t}, count(*) AS versions, CASE WHEN count(*) > 1 THEN 1 ELSE 0 END AS tied, "
        "CASE WHEN {t} IS NULL THEN 0 ELSE 1 END AS dated FROM {rows} d GROUP BY {k}, {t}) g GROUP BY {k}) v "
        "WHERE tied = 1 OR (dated = 0 AND {alone})"
    ).format(k=keys, t=time, rows=rows, alone=alone)
    found = int(one(cursor, statement)[0])
    if found:
        raise CheckFailedError(
            f"{batch.title}: {plural(found, 'key')} with several rows of the same {table.load.keep.latest_by}, or rows "
            "without one: which is the latest can't be told, and loaded in place no row can be set aside. Nothing was published.",
            code="KEY-TIE",
            next_command=f"headgate retry {batch.run_id}   (when the source is mended), or load.stage: parts",
        )
