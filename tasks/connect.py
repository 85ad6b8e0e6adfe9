"""Try everything a run will need, one thing at a time: Prefect, warehouse, rights, stage, a load of one row, sources.

Leaves nothing behind: the object and the table it makes are removed again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import cast

import psycopg2
import zstandard
from psycopg2 import sql

from deployments.addresses import file_path, is_s3
from deployments.declarations.columns import Column
from deployments.declarations.connections import with_replicas
from deployments.declarations.provisioning import CLOSED
from deployments.declarations.sources import Source
from deployments.declarations.table import Physical, Table
from deployments.declared_settings import connection_setting
from deployments.embedded.defaults import PREFECT_API_URL
from deployments.errors import NO_RUN, HeadgateError
from deployments.quantities import plural
from deployments.settings import Settings
from tasks.batch import new_attempt
from tasks.driver_errors import said
from tasks.notices.channels import channels
from tasks.objects.manifest import NAME, Manifest, Part
from tasks.objects.store import open_store
from tasks.outside_errors import named
from tasks.part_checks import NULL_MARKER
from tasks.reachable import Line, reach
from tasks.shared_places import shared_places
from tasks.sources import web
from tasks.sources.address import Place, shown
from tasks.sources.location import locate_beside
from tasks.sources.opening import open_database, open_source
from tasks.sources.protocol import DatabaseReader, PageReader, Span
from tasks.sources.spoken import with_source
from tasks.warehouses import clock, names
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import one, rows, session, transaction
from tasks.warehouses.shapes import Shape
from tasks.workbench import Workbench

ROW = ("1", "one row")
_LOCKED = (
    "SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND c.relkind = 'r' AND NOT has_table_privilege(current_user, c.oid, 'insert') ORDER BY 1"
)
"""Tables of a schema that this user may not write to: somebody else made them, an administrator perhaps."""
COLUMNS = (
    Column(name="id", type="integer", nullable=False),
    Column(name="note", type="varchar(20)"),
)


def try_everything(bench: Workbench) -> Iterator[Line]:
    """One line per thing tried, as it is tried; what rests on something that failed is left out."""
    yield from _prefect()
    lines = reach("warehouse", bench.warehouse.address.url)
    yield from lines
    stage = list(_stage(bench))
    if lines[-1].ok:
        yield from _warehouse(bench, stage_works=all(line.ok for line in stage))
    yield from stage
    if all(line.ok for line in stage):
        yield from (Line("shared places", False, text, "headgate settings --set") for text in shared_places(bench))
    yield from _sources(bench)
    yield from _channels(bench)


def _channels(bench: Workbench) -> Iterator[Line]:
    """Hosts of the channels, as far as they can be tried without sending anything. What is no address is `check`'s."""
    for name, channel in channels(bench.settings.notify).items():
        if channel.kind == "mail":
            yield from reach(f"notices to {name}", f"smtp://{channel.host}:{channel.port}")
        elif channel.kind != "bridge":
            yield from reach(f"notices to {name}", channel.address)


def _prefect() -> Iterator[Line]:
    """The server that runs are told to."""
    # Imported by nothing else of this, and slow to import.
    from httpx import HTTPError
    from prefect.client.orchestration import get_client

    api = os.environ.get(PREFECT_API_URL)
    if not api:
        return
    lines = reach("Prefect", api)
    yield from lines
    if not lines[-1].ok:
        return
    try:
        with get_client(sync_client=True) as client:
            version = client.api_version()
    except HTTPError as error:
        found = named(error, "asking Prefect")
        yield (
            Line("Prefect: login", False, type(error).__name__, f"check {PREFECT_API_URL}")
            if found is None
            else _failed("Prefect: login", found)
        )
        return
    yield Line("Prefect: login", True, f"Prefect {version}")


def _warehouse(bench: Workbench, *, stage_works: bool) -> Iterator[Line]:
    adapter = bench.warehouse
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            user, database, version = one(cursor, "SELECT current_user, current_database(), version()")
    except HeadgateError as error:
        yield _failed("warehouse: login", error)
        return
    yield Line("warehouse: login", True, f"{user} in {database}, {str(version).split(',')[0]}")
    places = list(_rights(bench))
    yield from (line for line, _ in places)
    writable = [schema for line, schema in places if line.ok and schema is not None]
    if stage_works and writable:
        yield _load(bench, writable[0])


def _rights(bench: Workbench) -> Iterator[tuple[Line, str | None]]:
    """What is there and may be done, per schema; the schema where a table may be made."""
    adapter, project = bench.warehouse, bench.project
    targets = [*project.tables, *project.summaries]
    wanted = dict.fromkeys([*(name.partition(".")[0] for name in targets), *CLOSED])
    with session(adapter.address) as connection, connection.cursor() as cursor:
        there = adapter.schemas(cursor)
        may_make = bool(
            one(cursor, "SELECT has_database_privilege(current_user, current_database(), 'create')")[0]
        )  # fmt: skip
        for schema in wanted:
            what = f"warehouse: schema {schema}"
            if schema not in there:
                said = "isn't there" + ("; a run makes it" if may_make else ", and this user may not make it")
                maker = "deployments/grants makes it" if schema in CLOSED else "headgate provision --plan"
                yield Line(what, may_make, said, None if may_make else maker), None
                continue
            may = bool(one(cursor, "SELECT has_schema_privilege(current_user, %s, 'create')", (schema,))[0])
            said = "tables may be made" if may else "no right to make tables"
            hint = (
                None if may else f"GRANT USAGE, CREATE ON SCHEMA {schema} to this user, or: headgate provision --plan"
            )
            yield Line(what, may, said, hint), schema
            strange = adapter.strange_schema(cursor, schema) if schema in CLOSED else None
            if strange is not None:
                yield Line(f"{what}: owner", False, f"{strange}: it must be ours alone", "ask who made it"), None
            elif schema in CLOSED and (locked := rows(cursor, _LOCKED, (schema,))):
                said = f"{locked[0][0]} belongs to {locked[0][1]}, and this user may not write to it"
                given = f"ALTER TABLE {schema}.... OWNER TO the loader, all of them"
                yield Line(f"{what}: owner", False, said, given), None
            others = adapter.makers(cursor, schema)
            if others:
                told = f"{', '.join(others)} may make tables here too; a table of theirs is never taken for ours"
                yield Line(f"{what}: others", True, told), None
        groups = adapter.groups(cursor)
    grants = {group for table in project.tables.values() for group in table.grants}
    grants |= {group for summary in project.summaries.values() for group in summary.grants}
    missing = sorted(grants - groups)
    if grants and (missing or not bench.settings.local_stack):
        ok = not missing or bench.settings.local_stack
        said = f"missing: {', '.join(missing)}" if missing else f"{len(grants)} that tables grant to are there"
        yield Line("warehouse: groups", ok, said, None if ok else "headgate provision --plan"), None


def _load(bench: Workbench, schema: str) -> Line:
    """One row through the stage into a table that is dropped again (on Redshift: COPY with NOLOAD)."""
    adapter, store, what = bench.warehouse, bench.stage, "warehouse: load of one row"
    attempt = new_attempt(clock.now(adapter))
    table = names.candidate(TableName(schema, "headgate_check"), attempt)
    prefix = f"headgate-check/{attempt}"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(ROW)
    data = zstandard.compress(text.getvalue().encode(), 1)
    part = Part(1, f"{prefix}/part-00001.csv.zst", 1, len(data), hashlib.sha256(data).hexdigest())
    marker = NULL_MARKER if adapter.text_null_needs_marker else ""
    manifest = Manifest(f"{prefix}/{NAME}", ",", marker, (part,))
    try:
        store.put(part.key, data)
        store.put(manifest.key, manifest.to_bytes(store.base), "application/json")
        with transaction(adapter.address) as cursor:
            adapter.create_candidate(cursor, table, Shape(COLUMNS, (), Physical(), "headgate check", ()))
        try:
            adapter.try_copy(store, manifest, table, [column.name for column in COLUMNS])
        finally:
            with transaction(adapter.address) as cursor:
                cursor.execute(sql.SQL("DROP TABLE {}").format(qualified(table)))
            store.delete(prefix)
    except HeadgateError as error:
        return _failed(what, error)
    except psycopg2.Error as error:
        return Line(what, False, said(error), "headgate provision --plan")
    return Line(what, True, f"from {store.base} into {schema}")


def _stage(bench: Workbench) -> Iterator[Line]:
    """Write, read, delete; each needs a right of its own on S3."""
    try:
        store = bench.stage
    except HeadgateError as error:
        # A folder that isn't there, or not ours: said as what it is among what works.
        yield _failed("stage: open", error)
        return
    key = f"headgate-check/{new_attempt(datetime.now(UTC))}"
    for verb in ("write", "read", "delete"):
        try:
            if verb == "write":
                store.put(key, b"headgate check")
            elif verb == "read" and store.get(key) != b"headgate check":
                yield Line(
                    "stage: read", False, f"{store.base} gave other bytes than were written", "look at the bucket"
                )
                return
            elif verb == "delete":
                store.delete(key)
        except (HeadgateError, OSError) as error:
            yield _failed(f"stage: {verb}", error)
            return
        yield Line(f"stage: {verb}", True, store.base)


def _sources(bench: Workbench) -> Iterator[Line]:
    """Each connection that a table names, and each address that stands in a declaration."""
    wanted: dict[str, tuple[Source, str]] = {}
    for table in bench.project.tables.values():
        for name in with_replicas(bench.settings.project, table.source):
            try:
                wanted[f"source {name}"] = (table.source, bench.settings.connection(name))
            except HeadgateError as error:
                yield _failed(f"source {name}", error)
        if table.source.connection is None and table.source.address is not None:
            base = _base_of(table.source, table.source.address, bench.settings)
            wanted.setdefault(f"source {shown(base)}", (table.source, base))
    for what, (source, url) in wanted.items():
        yield from _source(what, source, url, bench.settings)
    now = datetime.now(UTC)
    yield from (_first_page(bench, table, now) for table in bench.project.tables.values() if table.source.is_asked)
    yield from (_chunks(bench, table) for table in bench.project.tables.values() if table.source.read_in)


def _chunks(bench: Workbench, table: Table) -> Line:
    """Whether the source finds the ranges by which a table is read."""
    what = f"source of {table.table}: chunks"
    try:
        database = open_database(table.source, bench.settings)
        assert database is not None
        rows = database.prove_chunks()
    except HeadgateError as error:
        return _failed(what, error)
    return Line(what, True, "by an index" + ("" if rows is None else f", about {plural(rows, 'row')} in all"))


def _first_page(bench: Workbench, table: Table, now: datetime) -> Line:
    """What an API answers for the newest window that is due, or that comes first."""
    what, window = f"source of {table.table}", None
    if table.grid is not None:
        window = max(table.grid.due(now - table.lag), default=table.grid.nth(0))
    try:
        return Line(what, True, cast(PageReader, open_source(table, window, bench.settings)).ping())
    except HeadgateError as error:
        label = "source" if window is None or table.grid is None else table.grid.label(window)
        error.next_command = with_source(error.next_command or "", table, label)
        return _failed(what, error)


def _base_of(source: Source, address: str, settings: Settings) -> str:
    """What can be tried of an address whose window isn't known: its host, its bucket, the folder above its placeholders."""
    place = locate_beside(source, address, settings, Span(None, "UTC")).place
    if place.base is not None:
        return place.base
    if place.url.startswith("file://"):
        return place.url
    scheme, _, rest = place.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _source(what: str, source: Source, url: str, settings: Settings) -> Iterator[Line]:
    if url.startswith("file://"):
        # The folder above the first placeholder: which files are in it is known only when a window is read.
        path = file_path(url.partition("{")[0])
        folder = path if path.is_dir() else path.parent
        yield Line(what, folder.is_dir(), str(folder), None if folder.is_dir() else "is it mounted on this machine?")
        return
    if is_s3(url):
        try:
            setting = "source.url" if source.connection is None else connection_setting(source.connection)
            open_store(url, setting, is_source=True).keys("headgate-check")
        except HeadgateError as error:
            yield _failed(what, error)
        else:
            yield Line(what, True, "can be listed")
        return
    lines = reach(what, url)
    yield from lines
    if not lines[-1].ok or source.is_asked:
        return
    database = open_database(source, settings)
    if database is None:
        yield _answer(what, url, source.connection)
        return
    name = what.removeprefix("source ")
    database = database.at(name)
    line = _tried(f"{what}: login", lambda: f"{_logged_in(database, name)}, read only")
    yield line
    if line.ok and database.primary is not None:
        yield _tried(f"{what}: replica", database.compared)


def _logged_in(database: DatabaseReader, name: str) -> str:
    try:
        return database.ping()
    except HeadgateError as error:
        if error.code == "SOURCE-LOGIN":
            error.next_command = f"mend {connection_setting(name)}; then: headgate check --connect"
        raise


def _tried(what: str, ask: Callable[[], str]) -> Line:
    try:
        return Line(what, True, ask())
    except HeadgateError as error:
        return _failed(what, error)


def _answer(what: str, url: str, connection: str | None) -> Line:
    try:
        with web.opened(Place(url, until_close=True, connection=connection), longest_wait=0):
            pass
    except HeadgateError as error:
        # The base of a connection needn't be a page of its own: it answers, and that is what was asked.
        if error.code not in ("SOURCE-MISSING", "SOURCE-ANSWER", "SOURCE-ELSEWHERE", "SOURCE-CUT"):
            return _failed(f"{what}: answer", error)
    return Line(f"{what}: answer", True, "answers")


def _failed(what: str, error: HeadgateError | OSError) -> Line:
    if isinstance(error, HeadgateError):
        # There is no run to try again, and the command that is being run can't be its own next one.
        command = (error.next_command or "").replace(*NO_RUN) or None
        return Line(what, False, error.message, None if command == "headgate check --connect" else command)
    return Line(what, False, error.strerror or str(error), "check HEADGATE_STAGE_URL")
