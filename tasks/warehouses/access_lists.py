"""Who may do what in schemas, as PostgreSQL's access lists tell it. Redshift spells its own alike."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.names import TableName, kind_of
from tasks.warehouses.quoting import unquoted
from tasks.warehouses.session import one, rows

TABLE = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
SCHEMA = {"U": "USAGE", "C": "CREATE"}
Rights = dict[tuple[str, str], set[str]]
"""(user or group, what): letters as access lists spell them; '' is everybody."""


class AccessLists:
    """The part of an adapter that `provision` and `check --connect` read rights by."""

    def users(self, cursor: Cursor) -> set[str]:
        """Names of those who may log in."""
        return {str(name) for (name,) in rows(cursor, "SELECT usename FROM pg_user")}

    def schema_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> Rights:
        """Rights on schemas."""
        found = rows(
            cursor, "SELECT nspname, array_to_string(nspacl, chr(10)) FROM pg_namespace WHERE nspname IN %s", (schemas,)
        )
        return {(name, schema): letters & set(SCHEMA) for schema, acl in found for name, letters, _ in _items(acl)}

    def makers(self, cursor: Cursor, schema: str) -> list[str]:
        """Who else may make tables in a schema: its owner, and whoever was granted that."""
        me, owner = one(
            cursor, "SELECT current_user, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", (schema,)
        )
        rights = self.schema_rights(cursor, (schema,))
        found = {name or "everybody" for (name, _), letters in rights.items() if "C" in letters}
        return sorted({*found, str(owner)} - {str(me)})

    def table_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> dict[TableName, dict[str, set[str]]]:
        """Rights of others on our own tables and views, without what headgate keeps beside them: that is closed."""
        found = rows(
            cursor,
            "SELECT n.nspname, c.relname, array_to_string(c.relacl, chr(10)) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN %s AND c.relkind IN ('r', 'v', 'm') "
            "AND pg_get_userbyid(c.relowner) = current_user ORDER BY 1, 2",
            (schemas,),
        )
        return {
            TableName(schema, name): {who: letters & set(TABLE) for who, letters, _ in _items(acl)}
            for schema, name, acl in found
            if kind_of(name) is None
        }

    def future_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> Rights:
        """Rights on tables that we shall make in schemas."""
        me = str(one(cursor, "SELECT current_user")[0])
        found = rows(
            cursor,
            "SELECT n.nspname, array_to_string(d.defaclacl, chr(10)) FROM pg_default_acl d "
            "JOIN pg_namespace n ON n.oid = d.defaclnamespace WHERE d.defaclobjtype = 'r' AND n.nspname IN %s",
            (schemas,),
        )
        return {
            (name, schema): letters & set(TABLE)
            for schema, acl in found
            for name, letters, grantor in _items(acl)
            if grantor == me
        }


def _items(acl: str | None) -> Iterator[tuple[str, set[str], str]]:
    """(grantee, letters, grantor) of an access list; grantee '' is everybody."""
    for item in (acl or "").split("\n"):
        who, equals, rest = item.rpartition("=")
        if equals:
            letters, _, grantor = rest.partition("/")
            yield unquoted(who.removeprefix("group ")), set(letters), unquoted(grantor)
