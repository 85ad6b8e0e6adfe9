"""Draft every table of a database that a pattern names: each as by itself, and none that is there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from deployments.errors import DeclarationError, HeadgateError
from deployments.project import read_project
from deployments.settings import Settings
from expectations.draft.naming import identifier_of
from flows.drafting import Draft, draft, full_name, target_files, write_draft
from flows.looking import Wanted, look, with_connection
from tasks.sources.spoken import all_columns, connection_of, database, tables_of


@dataclass(frozen=True, slots=True)
class Drafted:
    """What became of one table of the source: its draft and files, or why there is none. `error` None and no draft: its files
    are there already."""

    source_table: str
    table: str
    draft: Draft | None = None
    files: tuple[Path, ...] = ()
    error: HeadgateError | None = None


def matching_tables(settings: Settings, source: str, pattern: str) -> list[tuple[str, str]]:
    """Schema and name of the database's tables that a pattern names, in order: 'public.*', 'orders*' in every schema.

    DeclarationError when the source is no database, or has no such table.
    """
    name = connection_of(source)
    if name is None or source != f"connection:{name}":
        raise _wrong(f"--tables lists those of a database, as connection:NAME; {source} isn't one", "NAME", "public.*")
    known = tables_of(name, settings)
    found = [item for item in known if fnmatchcase(".".join(item) if "." in pattern else item[1], pattern)]
    if not found:
        listing = ", ".join(".".join(item) for item in known[:8]) + (" ..." if len(known) > 8 else "")
        raise _wrong(f"no table of connection '{name}' is called '{pattern}'; there are: {listing or 'none'}",
                     name, f"{known[0][0]}.*" if known else "*")  # fmt: skip
    return found


def draft_many(
    settings: Settings, wanted: Wanted, pattern: str, owner: str | None, cursor: str | None, *, force: bool
) -> Iterator[Drafted]:
    """Draft the tables one after the other, each told as it is done: one that can't be drafted doesn't stop the others.

    `cursor` is used where a table has such a date or time. Two tables of one name are called by their schema, too.
    """
    settings = with_connection(settings, connection_of(wanted.spoken.source))
    tables = matching_tables(settings, wanted.spoken.source, pattern)
    twice = Counter(table for _, table in tables)
    kind = database(str(connection_of(wanted.spoken.source)), settings)
    for schema, table in tables:
        name = identifier_of(table if twice[table] == 1 else f"{schema}_{table}")
        target = full_name(read_project(settings.project)[0], name)
        one = replace(wanted, spoken=replace(wanted.spoken, query=all_columns((schema, table), kind.quote)))
        yield _one(settings, one, f"{schema}.{table}", target, owner, cursor, force=force)


def _one(
    settings: Settings,
    wanted: Wanted,
    source_table: str,
    target: str,
    owner: str | None,
    cursor: str | None,
    *,
    force: bool,
) -> Drafted:
    try:
        files = target_files(settings.project, target, force=force)
    except DeclarationError:
        return Drafted(source_table, target)
    try:
        with look(settings, wanted, target) as looked:
            moments = {column.name for column in looked.proposal.columns if column.is_moment}
            cut_by = cursor if cursor is not None and identifier_of(cursor) in moments else None
            made = draft(looked, wanted, target, owner, cut_by)
            write_draft(made, files)
    except HeadgateError as error:
        return Drafted(source_table, target, error=error)
    return Drafted(source_table, target, made, files)


def _wrong(message: str, connection: str, pattern: str) -> DeclarationError:
    command = f"headgate new --source connection:{connection} --tables '{pattern}'"
    return DeclarationError(message, code="SOURCE", next_command=command)
