"""Load a manifest into Redshift: one COPY, which the service spreads over its slices, all or nothing.

Rows of our own (quarantine) go the same way: written to the stage as JSON, which keeps every character, and loaded by a
COPY inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import psycopg2
import zstandard
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import listed, qualified
from tasks.warehouses.redshift import catalog
from tasks.warehouses.redshift.authorization import authorization
from tasks.warehouses.redshift.escaped import needs_escapes, write_escaped
from tasks.warehouses.redshift.load_errors import load_errors, refused
from tasks.warehouses.redshift.options import Value, copy_options
from tasks.warehouses.session import Address, explain, one, session

_LOAD_FAILED = "Load into table"


def copy(
    address: Address,
    role: str | None,
    store: ObjectStore,
    manifest: Manifest,
    table: TableName,
    columns: Sequence[str],
    options: Mapping[str, Value],
) -> int:
    """Load every part of the manifest; returns the rows the service counted. The table must be empty and closed.

    A row it refuses aborts the whole COPY: COPY-REFUSED, a CodeError where the rows were checked. Calling it again after a
    lost connection could load twice into the same table, so that the caller makes a new one for every try.
    """
    if not manifest.parts:
        return 0
    escaped = needs_escapes(manifest)
    if escaped:
        manifest = write_escaped(store, manifest)
    statement = copy_parts(
        store.url(manifest.key), manifest, table, columns, authorization(role), copy_options(options), escaped
    )
    with session(address) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                loaded = int(one(cursor, "SELECT pg_last_copy_count()")[0])
            connection.commit()
        except psycopg2.Error as error:
            raise _explained(connection, error, table, in_place=manifest.in_place) from None
    return loaded


def try_copy(
    address: Address, role: str | None, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]
) -> None:
    """Read every part of the manifest as a COPY would, and load nothing (NOLOAD)."""
    statement = copy_parts(store.url(manifest.key), manifest, table, columns, authorization(role), sql.SQL("NOLOAD"))
    with session(address) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except psycopg2.Error as error:
            raise _explained(connection, error, table, in_place=manifest.in_place) from None


def copy_parts(
    url: str,
    manifest: Manifest,
    table: TableName,
    columns: Sequence[str],
    authorized: sql.Composable,
    options: sql.Composable,
    escaped: bool = False,
) -> sql.Composed:
    """The COPY of staged parts: CSV, read by the same rules as the checker's, or text with escapes.

    NULL AS is always given: the default would take the text \\N for NULL. Dates have one spelling. Timestamps may hold a
    T, which only 'auto' reads. Blank lines can't occur, so that IGNOREBLANKLINES isn't needed. Of objects in another form:
    columns of Parquet are taken by their place, keys of JSON by their name.
    """
    if manifest.form != "csv":
        return _copy_other(url, manifest, table, columns, authorized, options)
    return sql.SQL(
        "COPY {table} ({columns}) FROM {url} {authorized} MANIFEST {form} DELIMITER AS {delimiter} "
        "NULL AS {null} {codec} {header} ENCODING AS UTF8 DATEFORMAT AS 'YYYY-MM-DD' TIMEFORMAT AS 'auto' {options}"
    ).format(
        table=qualified(table), columns=listed(columns), url=sql.Literal(_s3(url)), authorized=authorized,
        form=sql.SQL("ESCAPE" if escaped else "FORMAT AS CSV QUOTE AS '\"'"),
        codec=sql.SQL({"zstd": "ZSTD", "gzip": "GZIP", "none": ""}[manifest.codec]),
        header=sql.SQL(f"IGNOREHEADER AS {int(manifest.header_lines)}" if manifest.header_lines else ""),
        delimiter=sql.Literal(manifest.delimiter), null=sql.Literal(manifest.null_marker), options=options,
    )  # fmt: skip


def _copy_other(
    url: str, manifest: Manifest, table: TableName, columns: Sequence[str], authorized: sql.Composable,
    options: sql.Composable,
) -> sql.Composed:  # fmt: skip
    head = sql.SQL("COPY {}").format(qualified(table))
    rest = sql.SQL("FROM {} {} MANIFEST").format(sql.Literal(_s3(url)), authorized)
    if manifest.form == "parquet":
        return sql.SQL(" ").join([head, rest, sql.SQL("FORMAT AS PARQUET STATUPDATE OFF")])
    codec = sql.SQL({"zstd": "ZSTD", "gzip": "GZIP", "none": ""}[manifest.codec])
    names = sql.SQL("({})").format(listed(columns))
    form = sql.SQL("FORMAT AS JSON 'auto' {} DATEFORMAT AS 'YYYY-MM-DD' TIMEFORMAT AS 'auto'").format(codec)
    return sql.SQL(" ").join([head, names, rest, form, options])


def copy_rows(
    cursor: Cursor,
    role: str | None,
    store: ObjectStore,
    key: str,
    table: TableName,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> int:
    """Load rows inside the caller's transaction; `key` is the prefix of the objects they travel in.

    A retry writes the same objects again before it loads them.
    """
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    pieces, count = [], 0
    for row in rows:
        line = json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, separators=(",", ":"))
        pieces.append(compressor.compress(line.encode() + b"\n"))
        count += 1
    if not count:
        return 0
    store.put(f"{key}.json.zst", b"".join([*pieces, compressor.flush()]))
    entry = {"url": _s3(store.url(f"{key}.json.zst")), "mandatory": True}
    store.put(f"{key}.manifest.json", json.dumps({"entries": [entry]}).encode(), "application/json")
    cursor.execute(
        sql.SQL(
            "COPY {} ({}) FROM {} {} MANIFEST FORMAT AS JSON 'auto' ZSTD TIMEFORMAT AS 'auto' COMPUPDATE OFF STATUPDATE OFF"
        ).format(
            qualified(table),
            listed(columns),
            sql.Literal(_s3(store.url(f"{key}.manifest.json"))),
            authorization(role),
        )
    )
    return int(one(cursor, "SELECT pg_last_copy_count()")[0])


def _explained(connection: Connection, error: psycopg2.Error, table: TableName, *, in_place: bool = False) -> Exception:
    if connection.closed or not str(error).startswith(_LOAD_FAILED):
        return explain(error, f"COPY into {table}")
    # Load errors are written outside the transaction: they are there after it is gone.
    connection.rollback()
    try:
        with connection.cursor() as cursor:
            table_id = catalog.table_id(cursor, table)
        connection.rollback()
        found = load_errors(connection, table_id) if table_id is not None else []
    except psycopg2.Error:
        # The reason is lost with the connection; that the load failed is still told.
        found = []
    return refused(table, found, in_place) if found else explain(error, f"COPY into {table}")


def _s3(url: str) -> str:
    if not url.startswith("s3://"):
        raise DeclarationError(
            "Redshift loads from S3: HEADGATE_STAGE_URL must start with s3://",
            code="STAGE-NOT-S3",
            next_command="export HEADGATE_STAGE_URL=s3://BUCKET/PREFIX",
        )
    return url
