"""What is attached to a live table that a table of the same name and columns wouldn't have, whatever people hung on it.

The swap carries over: columns, comments, grants, owner, the indexes of key and sort key, and views that may be made anew.
Everything else the catalog can tell of makes a publish replace the rows instead, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows
from tasks.warehouses.shapes import Shape

KEY_INDEX, SORT_INDEX = "$key", "$sort"
"""Endings of the names of our own indexes."""
_T = (
    "WITH t AS (SELECT c.*, c.oid AS id, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND c.relname = %s) "
)
_OPTION = "'storage parameter ' || option"
_LOST = (
    # Triggers, rules, policies, constraints, defaults, sequences, statistics, publications, functions, children, typed
    # tables, materialized views: whatever depends on the table or its columns but for its own parts and views.
    "SELECT CASE WHEN q.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, q.ev_class, 0) "
    "ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END FROM pg_depend d "
    "LEFT JOIN pg_rewrite q ON d.classid = 'pg_rewrite'::regclass AND q.oid = d.objid, t "
    "WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = t.id AND d.classid <> 'pg_type'::regclass AND NOT ("
    "  d.classid = 'pg_class'::regclass AND (d.objid = t.id OR d.objid = t.reltoastrelid OR EXISTS "
    "    (SELECT 1 FROM pg_index i WHERE i.indexrelid = d.objid AND i.indrelid = t.id))"
    "  OR d.classid = 'pg_constraint'::regclass AND EXISTS "
    "    (SELECT 1 FROM pg_constraint k WHERE k.oid = d.objid AND k.contype = 'n')"
    "  OR d.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT 1 FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class "
    "    WHERE r.oid = d.objid AND r.rulename = '_RETURN' AND v.relkind = 'v'))",
    "SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d JOIN pg_type y ON y.oid = d.refobjid, t "
    "WHERE d.refclassid = 'pg_type'::regclass AND (y.oid = t.reltype OR y.typelem = t.reltype AND y.typlen = -1) "
    "AND d.classid <> 'pg_type'::regclass",
    "SELECT 'foreign key ' || conname FROM pg_constraint, t WHERE contype = 'f' AND t.id IN (conrelid, confrelid)",
    "SELECT 'not null constraint ' || k.conname FROM pg_constraint k, t WHERE k.contype = 'n' AND k.conrelid = t.id "
    "AND k.conname NOT LIKE 'hg$%%' AND NOT (starts_with(k.conname, left(t.relname, 20)) "
    "AND k.conname LIKE '%%\\_not\\_null%%')",
    "SELECT 'inheritance from ' || i.inhparent::regclass FROM pg_inherits i, t WHERE i.inhrelid = t.id",
    "SELECT 'membership in an extension' FROM pg_depend d, t WHERE d.classid = 'pg_class'::regclass AND d.objid = t.id "
    "AND d.deptype IN ('e', 'x')",
    "SELECT 'subscription' FROM pg_subscription_rel s, t WHERE s.srrelid = t.id",
    "SELECT 'security label of ' || provider FROM pg_seclabel l, t WHERE l.classoid = 'pg_class'::regclass AND l.objoid = t.id",
    "SELECT 'comment on ' || pg_describe_object(o.classoid, o.objoid, 0) FROM pg_description o JOIN pg_index i "
    "ON i.indexrelid = o.objoid, t WHERE o.classoid = 'pg_class'::regclass AND i.indrelid = t.id",
    "SELECT 'row security' FROM t WHERE relrowsecurity OR relforcerowsecurity",
    "SELECT 'replica identity' FROM t WHERE relreplident <> 'd'",
    "SELECT 'being unlogged' FROM t WHERE relpersistence <> 'p'",
    "SELECT 'tablespace' FROM t WHERE reltablespace <> 0",
    "SELECT 'type of the table' FROM t WHERE reloftype <> 0",
    "SELECT 'partitions' FROM t WHERE relkind = 'p'",
    "SELECT 'access method' FROM t JOIN pg_am m ON m.oid = t.relam "
    "WHERE m.amname <> current_setting('default_table_access_method')",
    f"SELECT {_OPTION} FROM t, unnest(t.reloptions) option",
    f"SELECT {_OPTION} FROM t JOIN pg_class o ON o.oid = t.reltoastrelid, unnest(o.reloptions) option",
    "SELECT 'setting of column ' || a.attname FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid, t "
    # Options that begin with pg_ are the server's own: PostgreSQL 15.20 keeps a version of each column there.
    "WHERE a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped "
    "AND (EXISTS (SELECT 1 FROM unnest(a.attoptions) o WHERE NOT starts_with(o, 'pg_')) "
    "OR a.attstorage <> y.typstorage OR a.attcollation <> y.typcollation OR a.attidentity <> '' OR a.attgenerated <> '' "
    "OR coalesce(to_jsonb(a) ->> 'attcompression', '') <> '' "
    "OR coalesce((to_jsonb(a) ->> 'attstattarget')::integer, -1) >= 0)",
    "SELECT 'grant by ' || g.grantor::regrole FROM t, aclexplode(t.relacl) g WHERE g.grantor <> t.relowner",
    "SELECT 'grant by ' || g.grantor::regrole FROM t JOIN pg_attribute a ON a.attrelid = t.id, aclexplode(a.attacl) g "
    "WHERE g.grantor <> t.relowner",
    "SELECT 'rights of the owner' FROM t WHERE t.relacl IS NOT NULL AND (SELECT count(*) FROM "
    "aclexplode(acldefault('r', t.relowner)) g) > (SELECT count(*) FROM aclexplode(t.relacl) g WHERE g.grantee = t.relowner)",
    "SELECT 'grant on its type' FROM t JOIN pg_type y ON y.oid = t.reltype WHERE y.typacl IS NOT NULL",
    "SELECT 'owner ' || t.relowner::regrole FROM t WHERE t.relowner <> current_user::regrole "
    "AND NOT has_schema_privilege(t.relowner, t.relnamespace, 'CREATE')",
    "SELECT DISTINCT 'view ' || v.oid::regclass || ' of ' || v.relowner::regrole FROM pg_depend d "
    "JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class, t "
    "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.id "
    "AND v.relkind = 'v' AND NOT (pg_has_role(v.relowner, 'USAGE') AND has_schema_privilege(v.relnamespace, 'USAGE') "
    "AND has_schema_privilege(v.relnamespace, 'CREATE'))",
)
_INDEXES = (
    "SELECT c.relname, i.indisunique, "
    "ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place) LEFT JOIN pg_attribute a "
    "  ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place), "
    "m.amname = 'btree' AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts AND NOT i.indisclustered "
    "AND NOT i.indisreplident AND NOT i.indisprimary AND NOT i.indisexclusion AND c.reloptions IS NULL "
    "AND c.reltablespace = 0 AND NOT EXISTS (SELECT 1 FROM unnest(i.indoption::int2[]) o WHERE o <> 0) "
    "AND NOT EXISTS (SELECT 1 FROM unnest(i.indclass::oid[]) o JOIN pg_opclass p ON p.oid = o WHERE NOT p.opcdefault) "
    "AND NOT EXISTS (SELECT 1 FROM unnest(i.indkey::int2[], i.indcollation::oid[]) k(number, collation_id) "
    "  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.collation_id <> a.attcollation) "
    "AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid) "
    "AND coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false' "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam, t WHERE i.indrelid = t.id"
)


def lost_by_swap(cursor: Cursor, table: TableName, shape: Shape) -> list[str]:
    """What a rename would take away from the table's users, each in a few words; empty when nothing."""
    place = (table.schema, table.name)
    found = {str(what) for (what,) in rows(cursor, _T + " UNION ALL ".join(_LOST), place)}
    found |= {
        f"index {name}" for name, *about in rows(cursor, _T + _INDEXES, place) if not _is_ours(shape, name, *about)
    }
    given = {column.name for column in shape.columns if column.nullable}
    required = (
        "SELECT a.attname FROM pg_attribute a, t WHERE a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attnotnull"
    )
    found |= {f"not null on {name}" for (name,) in rows(cursor, _T + required, place) if name in given}
    return sorted(found)


def _is_ours(shape: Shape, name: str, unique: bool, columns: Sequence[str], plain: bool) -> bool:
    """Whether a candidate would have the same index, or one of ours that the declaration has replaced since."""
    if not plain:
        return False
    as_declared = (unique and tuple(columns) == tuple(shape.key)) or (
        not unique and tuple(columns) == shape.physical.sortkey
    )
    return as_declared or name.endswith((KEY_INDEX, SORT_INDEX)) or "__hg_" in name


def guard_deletes(cursor: Cursor, table: TableName) -> None:
    """Refuse where other tables' rows would go or change with ours; keys they refer to are judged at the end, where the
    constraint lets us: a row that is replaced is gone for a moment."""
    found = rows(
        cursor,
        _T + "SELECT k.conname, k.conrelid::regclass::text FROM pg_constraint k, t WHERE k.contype = 'f' "
        "AND k.confrelid = t.id AND k.confdeltype IN ('c', 'n', 'd') ORDER BY 1",
        (table.schema, table.name),
    )
    if found:
        name, other = found[0]
        raise DeclarationError(
            f"{table}: the foreign key {name} of {other} deletes or changes rows there when rows here are replaced; nothing "
            "was published",
            code="ROWS-ELSEWHERE",
            next_command="make it ON DELETE NO ACTION DEFERRABLE; headgate retry RUN",
            table=str(other),
        )
    published = rows(
        cursor,
        _T
        + "SELECT p.pubname FROM t JOIN pg_publication_tables p ON p.schemaname = t.nspname AND p.tablename = t.relname "
        "JOIN pg_publication o ON o.pubname = p.pubname WHERE (o.pubdelete OR o.pubupdate) AND (t.relreplident = 'n' "
        "OR t.relreplident = 'd' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.id AND i.indisprimary))",
        (table.schema, table.name),
    )
    if published:
        raise DeclarationError(
            f"{table}: publication {published[0][0]} can't tell deleted rows apart, so that none can be replaced; nothing was "
            "published",
            code="NO-REPLICA-IDENTITY",
            next_command=f"ALTER TABLE {table} REPLICA IDENTITY FULL (or USING INDEX of its key); headgate retry RUN",
        )
    # A policy that hides rows from us would let them stay: an error instead.
    cursor.execute("SET CONSTRAINTS ALL DEFERRED; SET LOCAL row_security = off")
