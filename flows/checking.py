"""Checks of a project that need more than the declarations' own models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from deployments.addresses import MYSQL
from deployments.declarations.connections import with_replicas
from deployments.declarations.problems import Problem
from deployments.declarations.summary_cases import read_cases
from deployments.declarations.yaml_source import key_of, line_of, read_yaml
from deployments.errors import DeclarationError
from deployments.project import Project
from deployments.settings import Settings
from expectations.contract.lexical import duckdb_type
from expectations.rows.compile import check_row_rules
from tasks.sources.protection import refuse_warehouse

_PROVEN = ("verify-ca", "verify-full")
_PROVEN_BY_MYSQL = ("VERIFY_CA", "VERIFY_IDENTITY")

_LOGIN = re.compile(r"[a-z0-9+.-]+://[^/\s@]*@", re.IGNORECASE)


def suite_problems(project: Project) -> list[Problem]:
    """Row rules that can't be evaluated row by row, each with its place in the file of its suite."""
    found = []
    for name, suite in project.suites.items():
        types = {column.name: duckdb_type(column.column_type) for column in project.tables[name].columns}
        # A column that isn't there is told already.
        sound = [set(rule.columns) <= types.keys() for rule in suite.expectations]
        faults = [fault for fault in check_row_rules(suite, types) if sound[int(fault[0][1])]]
        file = project.suite_files[name]
        content = read_yaml(file, []) if faults else None
        for place, message in faults:
            found.append(Problem(file, line_of(content, place), key_of(content, place), message))
    return found


def case_problems(project: Project) -> list[Problem]:
    """Mistakes in the files of cases that stand beside summaries."""
    found: list[Problem] = []
    for name in project.summaries:
        read_cases(project.files[name], found)
    return found


def connection_problems(project: Project, settings: Settings) -> list[Problem]:
    """Connections that are set here, to a place the source can't be read from; nothing of an address is shown."""
    found = []
    for name, table in project.tables.items():
        source = table.source
        for connection in with_replicas(project.folder, table.source):
            scheme = urlsplit(settings.connections.get(connection, "")).scheme.lower()
            if not scheme or not source.schemes or scheme in source.schemes:
                continue
            # A replica stands where its primary is told to be read.
            own = source.is_database or connection == source.connection
            place = ("source", "connection") if own else ("source", "auth", "connection")
            told = f"a {source.kind} source can't be read from a connection to {scheme}://"
            file, allowed = project.files[name], ", ".join(source.schemes)
            line = line_of(read_yaml(file, []), place)
            found.append(Problem(file, line, ".".join(place), told, found=connection, allowed=allowed))
    return found


def warehouse_problems(project: Project, settings: Settings) -> list[Problem]:
    """Connections of databases that are, by their spelling, the warehouse's own database and aren't declared to be."""
    found = []
    for name, table in project.tables.items():
        if table.source.is_database and table.source.connection in settings.connections:
            try:
                refuse_warehouse(table.source, settings, offline=True)
            except DeclarationError as error:
                file, place = project.files[name], ("source", "connection")
                line = line_of(read_yaml(file, []), place)
                found.append(Problem(file, line, ".".join(place), error.message, allowed=error.next_command))
    return found


def without_suite(project: Project) -> list[str]:
    """Tables that nobody wrote a rule for: only contract and drift are held against their batches."""
    return [name for name in project.tables if name not in project.suite_files]


def declared_logins(project: Project) -> list[str]:
    """Tables whose declaration holds the login of an address: whoever reads the repository has it. Names only."""
    return [
        f"{name}: the address of its source holds a login; it belongs into HEADGATE_CONNECTION_<NAME>, which no declaration shows"
        for name, table in project.tables.items()
        if table.source.connection is None and _LOGIN.match(table.source.address or "")
    ]


def unread(project: Project) -> list[str]:
    """Files that look like declarations, in folders of declarations, and that nobody reads for their name or place."""
    read = {"tables": (".yaml", ".yml"), "suites": (".yaml", ".yml"), "summaries": (".sql", ".test.yaml")}
    found = []
    for folder, endings in read.items():
        for file in sorted((project.folder / folder).rglob("*")):
            place = file.relative_to(project.folder)
            if file.suffix.lower() not in (".yaml", ".yml", ".sql", ".json") or not file.is_file():
                continue
            if len(place.parts) > 2:
                found.append(f"{place} is not read: {folder}/ has no folders")
            elif not file.name.endswith(endings):
                found.append(f"{place} is not read: names in {folder}/ end in {' or '.join(endings)}")
    return found


def in_the_clear(settings: Settings) -> list[str]:
    """Settings whose address lets a login or data go over a network that anybody on the way can read. Names only."""
    named = {"HEADGATE_WAREHOUSE_URL": settings.warehouse_url or ""}
    named |= {f"HEADGATE_CONNECTION_{name.upper()}": url for name, url in settings.connections.items()}
    named |= {f"HEADGATE_NOTIFY_{name.upper()}": url for name, url in settings.notify.items()}
    return [f"{name} {why}" for name, url in sorted(named.items()) if (why := _clear(url))]


def _clear(url: str) -> str:
    try:
        parts = urlsplit(url)
        options, host = parse_qs(parts.query), parts.hostname or ""
    except ValueError:
        return ""
    if not host or host in ("127.0.0.1", "localhost", "::1"):
        return ""
    if parts.scheme in ("postgresql", "postgres") and options.get("sslmode", ["prefer"])[-1] not in _PROVEN:
        return "may go in the clear, and to a server that isn't proven: add ?sslmode=verify-full (and sslrootcert=FILE)"
    if parts.scheme in MYSQL and not _is_proven_by_mysql(options):
        return "may go in the clear, and to a server that isn't proven: add ?ssl-mode=VERIFY_IDENTITY (and ssl-ca=FILE)"
    if parts.scheme == "slack+http" or (parts.scheme == "http" and (parts.username or parts.password)):
        return "goes in the clear, the login too: https"
    return ""


def _is_proven_by_mysql(options: Mapping[str, list[str]]) -> bool:
    """Whether the server's certificate is looked at, as `tasks.sources.mysql_session` reads an address."""
    mode = options.get("ssl-mode", ["PREFERRED"])[-1].upper().replace("-", "_")
    return mode in _PROVEN_BY_MYSQL or (mode == "PREFERRED" and "ssl-ca" in options)


def unset_connections(project: Project, settings: Settings) -> list[str]:
    """Names of connections that sources use and the environment doesn't have."""
    missing = []
    for table in project.tables.values():
        for name in with_replicas(project.folder, table.source):
            try:
                settings.connection(name)
            except DeclarationError:
                missing.append(name)
    return list(dict.fromkeys(missing))


def key_problems(project: Project, settings: Settings) -> list[Problem]:
    """A key of hashed columns that can be guessed. One that isn't set here may be set where the runs are."""
    hashed = [name for name, table in project.tables.items() if table.hashed]
    if not hashed or settings.pii_key is None:
        return []
    try:
        settings.hashing_key(hashed[0])
    except DeclarationError as error:
        return [Problem(settings.project / ".env", 0, "", error.message)]
    return []


def channel_problems(settings: Settings) -> list[Problem]:
    """Addresses of channels for notices that can't be used; nothing of an address is shown."""
    from tasks.notices.channels import channel_mistakes

    place = settings.project / ".env"
    return [Problem(place, 0, "", error.message) for error in channel_mistakes(settings.notify)]


def unset_channels(project: Project, settings: Settings) -> list[str]:
    """Names of channels that routes of the rota use and the environment doesn't have."""
    routes = project.oncall.routes if project.oncall else ()
    return sorted({name for route in routes for name in route.to} - set(settings.notify))
