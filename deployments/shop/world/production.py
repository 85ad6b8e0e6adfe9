"""The shop's production database: makes its tables in a PostgreSQL database of their own and fills them by COPY."""

from __future__ import annotations

import io
from contextlib import closing

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from deployments.shop.world.rows import SourceRows, csv_lines
from deployments.shop.world.season import SEED
from deployments.shop.world.sources import fingerprint, production_rows

MARK = "shop_world"
TABLES = (
    "user_session_channel", "session_timestamp", "session_transaction", "channel",
    "customer_variants", "customer_features", "item_features", "customer_interactions",
)  # fmt: skip


def load_production(dsn: str, seed: int = SEED) -> bool:
    """Makes and fills the tables in schema public; returns False when the same rows are there already.

    Running it again, or twice at once, is safe: one transaction under one lock, and a table named `shop_world` says
    which rows are there. Rows of an older generator are replaced. A database that holds tables of these names without
    that mark is somebody else's: it is left alone and DeclarationError is raised.
    """
    wanted = fingerprint(seed)
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cur:
        # Two loaders at once would both find nothing and then collide in CREATE TABLE.
        cur.execute("SELECT pg_advisory_xact_lock(hashtext('headgate shop world'))")
        present = _present(cur)
        if MARK in present:
            cur.execute(sql.SQL("SELECT fingerprint FROM {}").format(sql.Identifier("public", MARK)))
            if cur.fetchall() == [(wanted,)]:
                return False
        elif present:
            raise DeclarationError(
                f"the database {conn.info.dbname} has tables that aren't the shop's: {', '.join(present)}",
                code="NOT-THE-SHOP",
                next_command="createdb shop_production (and point the shop's connection 'production' to it)",
                tables=present,
            )
        for name in present:
            cur.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("public", name)))
        for table in production_rows(seed).values():
            _fill(cur, table)
        mark = sql.Identifier("public", MARK)
        cur.execute(sql.SQL("CREATE TABLE {} (fingerprint text NOT NULL)").format(mark))
        cur.execute(sql.SQL("INSERT INTO {} (fingerprint) VALUES (%s)").format(mark), (wanted,))
    return True


def _present(cur: Cursor) -> list[str]:
    cur.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s) ORDER BY 1",
        ([*TABLES, MARK],),
    )
    return [name for (name,) in cur.fetchall()]


def _fill(cur: Cursor, table: SourceRows) -> None:
    name = sql.Identifier("public", table.name)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in table.columns
    )
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    cur.execute(sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(name, columns, key))
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        name, sql.SQL(", ").join(map(sql.Identifier, table.header))
    )
    cur.copy_expert(copy, io.StringIO("".join(csv_lines(table.rows))))
    cur.execute(sql.SQL("ANALYZE {}").format(name))
