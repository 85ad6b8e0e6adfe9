"""What PostgreSQL's catalog says of a table: columns, dependents, grants, comments, our side tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.attributes import Granted
from tasks.warehouses.names import TableName, is_beside, stem
from tasks.warehouses.postgres import ownership
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import one, rows
from tasks.warehouses.shapes import LiveColumn, declared_type
from tasks.warehouses.views import BoundView, with_dependents

_RELATION = "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s)"

_STUCK = (
    "CASE WHEN v.relkind = 'm' THEN 'materialized' WHEN v.relkind <> 'v' THEN 'a rule of a table' "
    "WHEN NOT pg_has_role(v.relowner, 'USAGE') THEN 'of ' || pg_get_userbyid(v.relowner) "
    "WHEN NOT (has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')) "
    "THEN 'in a schema where this user may make nothing' "
    "WHEN EXISTS (SELECT 1 FROM pg_rewrite o WHERE o.ev_class = v.oid AND o.rulename <> '_RETURN') OR EXISTS (SELECT 1 "
    "FROM pg_depend o WHERE (o.refclassid = 'pg_class'::regclass AND o.refobjid = v.oid "
    "OR o.refclassid = 'pg_type'::regclass AND o.refobjid = v.reltype) "
    "AND o.classid NOT IN ('pg_rewrite'::regclass, 'pg_type'::regclass)) THEN 'with triggers, rules or defaults of its own' END"
)
"""Why a view can't be dropped and made again as it was; NULL when it can."""


def exists(cursor: Cursor, table: TableName) -> bool:
    return bool(one(cursor, f"SELECT count(*) FROM pg_class WHERE oid = {_RELATION}", (table.schema, table.name))[0])


def has_index(cursor: Cursor, table: TableName) -> bool:
    found = one(cursor, f"SELECT count(*) FROM pg_index WHERE indrelid = {_RELATION}", (table.schema, table.name))
    return bool(found[0])


def has_key_index(cursor: Cursor, table: TableName, key: Sequence[str]) -> bool:
    """Whether a usable index begins with exactly the columns of the key, in any order."""
    found = one(
        cursor,
        "SELECT count(*) FROM pg_index i WHERE i.indrelid = "
        f"{_RELATION} AND i.indisvalid AND i.indpred IS NULL AND (SELECT array_agg(a.attname::text ORDER BY a.attname) "
        "FROM generate_series(0, %s - 1) n JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]) "
        "= %s::text[]",
        (table.schema, table.name, len(key), sorted(key)),
    )
    return bool(key) and bool(found[0])


def has_index_on(cursor: Cursor, table: TableName, columns: Sequence[str]) -> bool:
    """Whether a usable index is one of exactly these columns, in this order."""
    found = one(
        cursor,
        "SELECT count(*) FROM pg_index i WHERE i.indrelid = "
        f"{_RELATION} AND i.indisvalid AND i.indpred IS NULL AND (SELECT array_agg(a.attname::text ORDER BY n) "
        "FROM generate_series(0, i.indnkeyatts - 1) n JOIN pg_attribute a ON a.attrelid = i.indrelid "
        "AND a.attnum = i.indkey[n]) = %s::text[]",
        (table.schema, table.name, list(columns)),
    )
    return bool(found[0])


def indexes_on_others(cursor: Cursor, table: TableName, ending: str, columns: Sequence[str]) -> list[str]:
    """Names with this ending of the table's indexes of other columns than these, or of these in another order."""
    found = rows(
        cursor,
        f"SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {_RELATION} "
        "AND right(c.relname, %s) = %s AND (SELECT array_agg(a.attname::text ORDER BY n) "
        "FROM generate_series(0, i.indnkeyatts - 1) n JOIN pg_attribute a ON a.attrelid = i.indrelid "
        "AND a.attnum = i.indkey[n]) <> %s::text[] ORDER BY 1",
        (table.schema, table.name, len(ending), ending, list(columns)),
    )
    return [str(name) for (name,) in found]


def estimated_rows(cursor: Cursor, table: TableName) -> int:
    """Rows as the last ANALYZE or VACUUM counted them; -1 before the first."""
    return int(
        one(cursor, f"SELECT reltuples::bigint FROM pg_class WHERE oid = {_RELATION}", (table.schema, table.name))[0]
    )


def columns(cursor: Cursor, table: TableName) -> list[LiveColumn]:
    found = rows(
        cursor,
        "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute "
        f"WHERE attrelid = {_RELATION} AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (table.schema, table.name),
    )
    return [LiveColumn(name, declared_type(kind), nullable) for name, kind, nullable in found]


def column_definitions(cursor: Cursor, table: TableName) -> list[sql.Composable]:
    """Names and types as CREATE TABLE takes them."""
    found = rows(
        cursor,
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        f"WHERE attrelid = {_RELATION} AND attnum > 0 ORDER BY attnum",
        (table.schema, table.name),
    )
    return [sql.SQL("{} {}").format(identifier(name), sql.SQL(kind)) for name, kind in found]


def bound_views(cursor: Cursor, table: TableName) -> list[BoundView]:
    """Views that read the table, directly or not, each after those it reads."""

    def direct(parent: TableName) -> list[BoundView]:
        found = rows(
            cursor,
            f"SELECT DISTINCT n.nspname, v.relname, {_STUCK}, v.reloptions, pg_get_viewdef(v.oid) FROM pg_depend d "
            "JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class "
            "JOIN pg_namespace n ON n.oid = v.relnamespace "
            "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass "
            f"AND d.refobjid = {_RELATION} AND v.oid <> d.refobjid ORDER BY 1, 2",
            (parent.schema, parent.name),
        )
        return [
            _view(cursor, TableName(schema, name), stuck, options, text, parent == table)
            for schema, name, stuck, options, text in found
        ]

    return with_dependents(table, direct)


def granted(cursor: Cursor, table: TableName, columns: Collection[str] | None = None) -> list[Granted]:
    """What others may do with a table or view, and with its columns; `columns`: with no others."""
    place = (table.schema, table.name)
    whole = rows(
        cursor,
        "SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_class c "
        "CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
        f"WHERE c.oid = {_RELATION} AND a.grantee <> c.relowner ORDER BY 1, 2",
        place,
    )
    single = rows(
        cursor,
        "SELECT t.attname, r.rolname, a.privilege_type, a.is_grantable FROM pg_attribute t "
        "CROSS JOIN LATERAL aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
        f"WHERE t.attrelid = {_RELATION} AND NOT t.attisdropped ORDER BY 1, 2, 3",
        place,
    )
    found = [Granted(sql.SQL(what), _grantee(who), bool(option)) for who, what, option in whole]
    return found + [
        Granted(sql.SQL(what + " ({})").format(identifier(column)), _grantee(who), bool(option))
        for column, who, what, option in single
        if columns is None or column in columns
    ]


def grantees(cursor: Cursor, table: TableName) -> list[sql.Composable]:
    """Everybody but the owner who was granted something on a table or view, or on a column of it."""
    found = rows(
        cursor,
        "SELECT DISTINCT r.rolname FROM (SELECT c.relowner, a.grantee FROM pg_class c "
        f"CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.oid = {_RELATION} "
        "UNION SELECT c.relowner, a.grantee FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid "
        f"CROSS JOIN LATERAL aclexplode(t.attacl) a WHERE c.oid = {_RELATION}) g "
        "LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> g.relowner ORDER BY 1",
        (table.schema, table.name) * 2,
    )
    return [_grantee(who) for (who,) in found]


def owner(cursor: Cursor, table: TableName) -> str:
    found = one(
        cursor, f"SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = {_RELATION}", (table.schema, table.name)
    )
    return str(found[0])


def comments(cursor: Cursor, table: TableName) -> list[tuple[str | None, str]]:
    """(column or None for the table, comment)."""
    return [
        (column, text)
        for column, text in rows(
            cursor,
            "SELECT a.attname, d.description FROM pg_description d LEFT JOIN pg_attribute a "
            "ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0 "
            f"WHERE d.classoid = 'pg_class'::regclass AND d.objoid = {_RELATION} ORDER BY d.objsubid",
            (table.schema, table.name),
        )
    ]


def side_tables(cursor: Cursor, live: TableName) -> list[TableName]:
    found = rows(
        cursor,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'r' AND starts_with(c.relname, %s) "
        f"AND c.relowner IN {ownership.US} ORDER BY 1",
        (live.schema, f"{stem(live)}__hg_"),
    )
    return [TableName(live.schema, name) for (name,) in found if is_beside(live, name)]


def members(cursor: Cursor) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for group, user in rows(
        cursor,
        "SELECT g.rolname, u.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
        "JOIN pg_roles u ON u.oid = m.member WHERE u.rolcanlogin",
    ):
        found.setdefault(group, set()).add(user)
    return found


def groups(cursor: Cursor) -> set[str]:
    return {name for (name,) in rows(cursor, "SELECT rolname FROM pg_roles")}


def _grantee(name: str | None) -> sql.Composable:
    """A role as it stands after TO or FROM; None is everybody."""
    return identifier(name) if name else sql.SQL("PUBLIC")


def _view(
    cursor: Cursor, view: TableName, stuck: str | None, options: list[str] | None, definition: str, direct: bool
) -> BoundView:
    return BoundView(view, definition.rstrip().rstrip(";"), direct, stuck, owner(cursor, view), tuple(granted(cursor, view)),
                     tuple(comments(cursor, view)), tuple(options or ()))  # fmt: skip
