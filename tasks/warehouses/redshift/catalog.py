"""What Redshift's catalog says of a table. It is PostgreSQL 8.0's with columns of its own, and much newer is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.attributes import Granted
from tasks.warehouses.names import TableName, is_beside, stem
from tasks.warehouses.redshift.acl import Acl, Grant, Grantee, parse_acl
from tasks.warehouses.session import one, rows
from tasks.warehouses.shapes import LiveColumn, declared_type
from tasks.warehouses.views import BoundView, with_dependents

_OF_TABLE = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
_PG_CLASS = 1259
"""The catalog's own oid of pg_class, the same on every server: which catalog a comment or a dependency belongs to."""
_PG_PROC = 1255
# The rule behind a view depends on the view internally ('i') and on every table it reads.
_VIEWS = (
    "SELECT DISTINCT vn.nspname, v.relname, v.relkind, pg_get_viewdef(v.oid) FROM pg_depend d "
    "JOIN pg_depend r ON r.objid = d.objid AND r.classid = d.classid AND r.deptype = 'i' "
    f"AND r.refclassid = {_PG_CLASS} JOIN pg_class v ON v.oid = r.refobjid JOIN pg_namespace vn ON vn.oid = v.relnamespace "
    "JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE d.refclassid = {_PG_CLASS} AND n.nspname = %s AND c.relname = %s AND v.oid <> c.oid ORDER BY 1, 2"
)
_USED = (
    "SELECT DISTINCT d.refclassid, n.nspname, c.relname, f.proname FROM pg_depend d "
    "JOIN pg_depend r ON r.objid = d.objid AND r.classid = d.classid AND r.deptype = 'i' "
    f"AND r.refclassid = {_PG_CLASS} JOIN pg_class v ON v.oid = r.refobjid JOIN pg_namespace vn ON vn.oid = v.relnamespace "
    f"LEFT JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = {_PG_CLASS} "
    "LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"LEFT JOIN pg_proc f ON f.oid = d.refobjid AND d.refclassid = {_PG_PROC} "
    "WHERE vn.nspname = %s AND v.relname = %s AND (c.oid IS NULL OR c.oid <> v.oid) ORDER BY 1, 2, 3, 4"
)
_STYLES = {0: "even", 1: "key", 8: "all"}
"""`pg_class.reldiststyle`; above these are the forms that AUTO takes."""
_ROW_FILTERS = (
    ("svv_rls_attached_policy", "relschema", "relname"),
    ("svv_attached_masking_policy", "schema_name", "table_name"),
    ("svv_column_privileges", "namespace_name", "relation_name"),
)
"""Views that tell of rights finer than a table's: a renamed table would lose them."""


def used_by_view(cursor: Cursor, view: TableName) -> tuple[tuple[TableName, ...], tuple[str, ...]]:
    """Relations that a view reads, and names of functions it depends on; many of the service's own have no dependency."""
    found = rows(cursor, _USED, (view.schema, view.name))
    relations = tuple(TableName(schema, name) for _, schema, name, _ in found if name is not None)
    return relations, tuple(str(function) for _, _, _, function in found if function is not None)


def table_id(cursor: Cursor, table: TableName) -> int | None:
    found = rows(cursor, f"SELECT c.oid {_OF_TABLE}", (table.schema, table.name))
    return int(found[0][0]) if found else None


def exists(cursor: Cursor, table: TableName) -> bool:
    return table_id(cursor, table) is not None


def columns(cursor: Cursor, table: TableName) -> list[LiveColumn]:
    found = rows(
        cursor,
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a "
        f"WHERE a.attrelid = (SELECT c.oid {_OF_TABLE}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (table.schema, table.name),
    )
    return [LiveColumn(name, declared_type(kind), not required) for name, kind, required in found]


def layout(cursor: Cursor, table: TableName) -> tuple[str, str | None, tuple[str, ...]]:
    """Distribution style as a declaration calls it, distribution key, and sort key in its order."""
    place = (table.schema, table.name)
    style = int(one(cursor, f"SELECT c.reldiststyle {_OF_TABLE}", place)[0])
    keys = rows(
        cursor,
        f"SELECT a.attname, a.attisdistkey, a.attsortkeyord FROM pg_attribute a WHERE a.attrelid = (SELECT c.oid {_OF_TABLE}) "
        "AND (a.attisdistkey OR a.attsortkeyord <> 0) ORDER BY abs(a.attsortkeyord)",
        place,
    )
    distkey = next((str(name) for name, is_distkey, _ in keys if is_distkey), None)
    return _STYLES.get(style, "auto"), distkey, tuple(str(name) for name, _, place in keys if place)


def lost_by_swap(cursor: Cursor, table: TableName) -> list[str]:
    """What hangs on the table and can't be made anew on another one of its name, each in a few words."""
    place = (table.schema, table.name)
    own = f"(SELECT c.oid {_OF_TABLE})"
    constraints = rows(
        cursor, f"SELECT conname FROM pg_constraint WHERE conrelid = {own} OR confrelid = {own} ORDER BY 1", place * 2
    )
    found = [f"constraint {name}" for (name,) in constraints]
    defaults = rows(
        cursor,
        "SELECT a.attname FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
        f"WHERE d.adrelid = {own} ORDER BY 1",
        place,
    )
    found += [f"default of column {name}" for (name,) in defaults]
    if acl(cursor, table).strange:
        found.append("a grant that can't be given again")
    if _has_row_filters(cursor, table):
        found.append("row, mask or column rights")
    found += [f"view {view.view} ({view.stuck})" for view in bound_views(cursor, table) if view.direct and view.stuck]
    return found


def owner(cursor: Cursor, table: TableName) -> str:
    return str(one(cursor, f"SELECT pg_get_userbyid(c.relowner) {_OF_TABLE}", (table.schema, table.name))[0])


def acl(cursor: Cursor, table: TableName) -> Acl:
    """Grants to users, groups, roles and everybody."""
    found = rows(
        cursor, f"SELECT array_to_string(c.relacl, chr(10)) {_OF_TABLE} AND c.relacl IS NOT NULL",
        (table.schema, table.name),
    )  # fmt: skip
    items = str(found[0][0]).split("\n") if found else []
    users = {str(name) for (name,) in rows(cursor, "SELECT usename FROM pg_user")} if items else set()
    known = parse_acl(items, owner(cursor, table), groups(cursor), users) if items else Acl((), ())
    roles = _role_grants(cursor, table)
    return Acl((*known.grants, *roles), (*known.grantees, *{grant.grantee for grant in roles}), known.strange)


def granted(cursor: Cursor, table: TableName, columns: Collection[str] | None = None) -> list[Granted]:
    """What others may do with a table. Rights on single columns can't be given again: `lost_by_swap` names them."""
    return [Granted(sql.SQL(g.privilege), g.grantee.sql(), g.grantable) for g in acl(cursor, table).grants]


def grantees(cursor: Cursor, table: TableName) -> list[sql.Composable]:
    """Everybody but the owner who was granted something."""
    return [grantee.sql() for grantee in acl(cursor, table).grantees]


def bound_views(cursor: Cursor, table: TableName) -> list[BoundView]:
    """Views bound to the table, directly or not. Those WITH NO SCHEMA BINDING look its name up at every query: they
    follow a rename by themselves and are not found here."""

    def direct(parent: TableName) -> list[BoundView]:
        found = rows(cursor, _VIEWS, (parent.schema, parent.name))
        return [
            _view(cursor, TableName(s, name), str(kind), str(text), parent == table) for s, name, kind, text in found
        ]

    return with_dependents(table, direct)


def comments(cursor: Cursor, table: TableName) -> list[tuple[str | None, str]]:
    """(column or None for the table, comment)."""
    found = rows(
        cursor,
        "SELECT a.attname, d.description FROM pg_description d LEFT JOIN pg_attribute a "
        "ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0 "
        f"WHERE d.classoid = {_PG_CLASS} AND d.objoid = (SELECT c.oid {_OF_TABLE}) ORDER BY d.objsubid",
        (table.schema, table.name),
    )
    return [(column, text) for column, text in found]


def side_tables(cursor: Cursor, live: TableName) -> list[TableName]:
    found = rows(
        cursor,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'r' AND strpos(c.relname, %s) = 1 ORDER BY 1",
        (live.schema, f"{stem(live)}__hg_"),
    )
    return [TableName(live.schema, name) for (name,) in found if is_beside(live, name)]


def members(cursor: Cursor) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for group, user in rows(cursor, "SELECT groname, usename FROM pg_group, pg_user WHERE usesysid = ANY(grolist)"):
        found.setdefault(str(group), set()).add(str(user))
    return found


def groups(cursor: Cursor) -> set[str]:
    return {str(name) for (name,) in rows(cursor, "SELECT groname FROM pg_group")}


def _view(cursor: Cursor, view: TableName, kind: str, definition: str, direct: bool) -> BoundView:
    plain = kind == "v" and not definition.lstrip().lower().startswith("create materialized")
    (may,) = one(
        cursor,
        "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
        "AND c.relname = %s AND (pg_get_userbyid(c.relowner) = current_user OR (SELECT usesuper FROM pg_user "
        "WHERE usename = current_user))) > 0 AND has_schema_privilege(%s, 'usage') AND has_schema_privilege(%s, 'create')",
        (view.schema, view.name, view.schema, view.schema),
    )
    stuck = "materialized" if not plain else None if may else f"of {owner(cursor, view)}"
    return BoundView(
        view, definition.rstrip().rstrip(";"), direct, stuck, owner(cursor, view), tuple(granted(cursor, view)),
        tuple(comments(cursor, view)),
    )  # fmt: skip


def _role_grants(cursor: Cursor, table: TableName) -> list[Grant]:
    """Grants to roles stand in a view of the service's own, not in the access list."""
    if not _may_read(cursor, "svv_relation_privileges"):
        return []
    found = rows(
        cursor,
        "SELECT identity_name, privilege_type, admin_option FROM svv_relation_privileges "
        "WHERE namespace_name = %s AND relation_name = %s AND identity_type = 'role'",
        (table.schema, table.name),
    )
    return [Grant(Grantee("role", str(name)), str(privilege), bool(option)) for name, privilege, option in found]


def _has_row_filters(cursor: Cursor, table: TableName) -> bool:
    for view, schema, name in _ROW_FILTERS:
        if _may_read(cursor, view):
            statement = f"SELECT count(*) FROM {view} WHERE {schema} = %s AND {name} = %s"
            if one(cursor, statement, (table.schema, table.name))[0]:
                return True
    return False


def _may_read(cursor: Cursor, view: str) -> bool:
    """Whether a system view is there (older versions lack some) and open to this user: an error would end the transaction."""
    found: Sequence[tuple[object, ...]] = rows(
        cursor,
        "SELECT has_table_privilege(c.oid, 'select') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'pg_catalog' AND c.relname = %s",
        (view,),
    )
    return bool(found and found[0][0])
