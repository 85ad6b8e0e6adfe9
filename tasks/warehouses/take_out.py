"""Take the rows of one table out of another, exactly as many of each as there are, and put kept rows back.

SQL both warehouses read the same. NULL equals NULL here. Only columns that both tables have are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.windows import Window
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.shapes import LiveColumn
from tasks.within import within

_KEPT, _TAKEN, _NTH = map(identifier, (names.OTHER, "hg$taken", "hg$nth"))


def rows_of(
    adapter: Adapter, cursor: Cursor, live: TableName, kept: TableName, key: Sequence[str], attempt: str
) -> int:
    """Delete from `live` the rows that `kept` holds and that are still the same; returns how many went."""
    there = {column.name for column in adapter.columns(cursor, live)}
    columns = [column for column in adapter.columns(cursor, kept) if column.name in there]
    known = {column.name for column in columns}
    if key and known.issuperset(key):
        cursor.execute(
            sql.SQL("DELETE FROM {} USING {} {} WHERE {} AND {}").format(
                _q(live),
                _q(kept),
                _KEPT,
                _equal(key, live.name, names.OTHER),
                _same(adapter, columns, live.name, names.OTHER),
            )
        )
        return int(cursor.rowcount)
    return _without_key(adapter, cursor, live, kept, columns, attempt)


def rows_of_window(cursor: Cursor, live: TableName, column: WindowColumn, batch_key: str) -> int:
    """Delete the live rows of a window; returns how many went."""
    inside = within(identifier(column.name), column.bounds(Window.from_key(batch_key)))
    cursor.execute(sql.SQL("DELETE FROM {} WHERE ").format(_q(live)) + inside)
    return int(cursor.rowcount)


def put_back(adapter: Adapter, cursor: Cursor, live: TableName, kept: TableName) -> int:
    """Insert the kept rows into `live`; returns how many came."""
    there = {column.name for column in adapter.columns(cursor, live)}
    columns = _names(column.name for column in adapter.columns(cursor, kept) if column.name in there)
    cursor.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(_q(live), columns, columns, _q(kept)))
    return int(cursor.rowcount)


def keys_in_both(adapter: Adapter, cursor: Cursor, table: TableName, kept: TableName, key: Sequence[str]) -> int:
    """How many rows of `kept` have a key that lives in `table`, too; 0 where either lacks the key, or isn't there."""
    for one in (table, kept):
        if not key or not {column.name for column in adapter.columns(cursor, one)}.issuperset(key):
            return 0
    cursor.execute(
        sql.SQL("SELECT count(*) FROM {} k JOIN {} l ON {}").format(_q(kept), _q(table), _equal(key, "k", "l"))
    )
    (found,) = cursor.fetchone() or (0,)
    return int(found)


def _without_key(
    adapter: Adapter, cursor: Cursor, live: TableName, kept: TableName, columns: Sequence[LiveColumn], attempt: str
) -> int:
    """Rows that can only be told by all their values: equal ones may be there more often than they were put in.

    All equal rows are deleted, and as many as are too many come back.
    """
    plain = _names(column.name for column in columns)
    of_live = _names((column.name for column in columns), names.LIVE)
    surplus = names.candidate(live, f"{attempt}s")
    once = sql.SQL("(SELECT {}, count(*) AS {} FROM {} GROUP BY {})").format(plain, _TAKEN, _q(kept), plain)
    matched = sql.SQL(
        "SELECT {of_live}, {other}.{taken}, row_number() OVER (PARTITION BY {of_live} ORDER BY {first}) AS {nth} "
        "FROM {live} {alias} JOIN {once} {other} ON {near} AND {same}"
    ).format(
        of_live=of_live, first=identifier(names.LIVE, columns[0].name), live=_q(live), once=once, other=_KEPT,
        alias=identifier(names.LIVE), taken=_TAKEN, nth=_NTH,
        near=_near(adapter, columns, names.LIVE, names.OTHER), same=_same(adapter, columns, names.LIVE, names.OTHER),
    )  # fmt: skip
    extra = adapter.create_as(
        cursor,
        surplus,
        sql.SQL("SELECT {} FROM ({}) {} WHERE {} > {}").format(plain, matched, identifier(names.ROWS), _NTH, _TAKEN),
        None,
    )
    cursor.execute(
        sql.SQL("DELETE FROM {} USING {} {} WHERE {} AND {}").format(
            _q(live),
            _q(kept),
            _KEPT,
            _near(adapter, columns, live.name, names.OTHER),
            _same(adapter, columns, live.name, names.OTHER),
        )
    )
    deleted = int(cursor.rowcount)
    cursor.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(_q(live), plain, plain, _q(surplus)))
    cursor.execute(sql.SQL("DROP TABLE {}").format(_q(surplus)))
    return deleted - int(extra)


def _near(adapter: Adapter, columns: Sequence[LiveColumn], left: str, right: str) -> sql.Composed:
    """One equality that a warehouse can hash: equal rows have it, and hardly any others."""
    return sql.SQL("{} = {}").format(_text(adapter, columns, left), _text(adapter, columns, right))


def _text(adapter: Adapter, columns: Sequence[LiveColumn], table: str) -> sql.Composable:
    parts: list[sql.Composable] = []
    for column in columns:
        name = adapter.as_compared(column.type, identifier(table, column.name))
        if column.type == "boolean":
            form = "CASE WHEN {} THEN 't' WHEN NOT {} THEN 'f' ELSE 'n' END"
        elif column.type.startswith("varchar"):
            form = "coalesce(md5({}), 'n')"
        else:
            form = "coalesce(md5(CAST({} AS varchar(64))), 'n')"
        parts.append(sql.SQL(form).format(*[name] * form.count("{}")))
    return sql.SQL(" || ").join(parts)


def _same(adapter: Adapter, columns: Sequence[LiveColumn], left: str, right: str) -> sql.Composed:
    """Whether every column is the same. IS NOT DISTINCT FROM is unknown to Redshift."""
    equal = []
    for column in columns:
        # 'a' equals 'a ' on Redshift.
        length = " AND octet_length({a}) = octet_length({b})" if column.type.startswith("varchar") else ""
        form = sql.SQL(f"(({{a}} = {{b}}{length}) OR ({{a}} IS NULL AND {{b}} IS NULL))")
        equal.append(
            form.format(
                a=adapter.as_compared(column.type, identifier(left, column.name)),
                b=adapter.as_compared(column.type, identifier(right, column.name)),
            )
        )
    return sql.SQL(" AND ").join(equal)


def _equal(key: Sequence[str], left: str, right: str) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(identifier(left, name), identifier(right, name)) for name in key
    )


def _names(columns: Iterable[str], table: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(identifier(name) if table is None else identifier(table, name) for name in columns)
