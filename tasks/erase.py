"""Erase the rows of one key from everything that is kept of a table, and record that it was done, without the value.

What was made of the rows (records, pages, messages, staged copies) goes first and the rows last: killed on the way, the same
command finds the rows and does the rest.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.problems import nearest
from deployments.declarations.table import Table
from deployments.errors import DeclarationError, RetryableError
from expectations.contract.mask import masked
from expectations.erased import Erased
from expectations.suites.keys import HASH_CHARACTERS
from tasks import hash_keys, report, spool
from tasks.batch import new_attempt
from tasks.leftovers import at_work, find_leftovers, remove, staged_attempts
from tasks.warehouses import clock, decisions, erasing, generations, ops
from tasks.warehouses.decisions import Decider, Decision
from tasks.warehouses.erasing import SetAside, Wanted
from tasks.warehouses.names import TableName
from tasks.warehouses.session import explain, session
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be erased. `erased` has the values, which nothing shows; `columns` are the names they belong to."""

    table: Table
    wanted: Wanted
    erased: Erased

    @property
    def columns(self) -> str:
        return ", ".join(self.wanted.key)


@dataclass(frozen=True, slots=True)
class Found:
    """How much there is, by place. `aside` names rows of quarantine; `staged` are prefixes that go as a whole."""

    live: int
    beside: tuple[TableName, ...]
    aside: tuple[SetAside, ...]
    staged: tuple[str, ...]
    spools: tuple[Path, ...]
    request: Request
    """The request with what only these rows had."""

    @property
    def candidates(self) -> tuple[TableName, ...]:
        """What of `beside` a load has left that was killed: nothing that an undo would bring back."""
        return tuple(table for table in self.beside if generations.sequence_of(table) is None)

    @property
    def kept(self) -> tuple[TableName, ...]:
        """What of `beside` is kept for an undo."""
        return tuple(table for table in self.beside if table not in self.candidates)

    def said(self) -> list[tuple[str, str]]:
        """(place, what would go), for people."""
        table = self.request.table.table
        return [
            (table, _rows(self.live)),
            ("quarantine", _rows(len(self.aside))),
            ("tables kept for an undo", ", ".join(map(str, self.kept)) or "none holds it"),
            ("candidates of killed loads", ", ".join(map(str, self.candidates)) or "none holds it"),
            ("staged copies", f"{len(self.staged):,}, as a whole"),
            ("spool of killed runs", f"{len(self.spools):,}, as a whole"),
            ("records, profiles, pages, notices", "its values, wherever they stand"),
        ]


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Done:
    """What was erased. `kept`: records, profiles, messages and files of this machine that were changed."""

    run_id: str
    live: int
    kept: int
    found: Found

    @property
    def is_nothing(self) -> bool:
        """Whether nothing of the key was found: it isn't there, or is mistyped. Staged copies go unread."""
        return not (self.live or self.kept or self.found.aside or self.found.beside)


def requested(bench: Workbench, name: str, given: Sequence[str]) -> Request:
    """The request that `--key` means: `column=value`, or a value alone where the key is one column. DeclarationError else."""
    table = bench.project.table(name)
    values = dict(_parsed(table, item) for item in given)
    spelled: dict[str, frozenset[str]] = {}
    kept: dict[str, tuple[str, ...]] = {}
    for column, value in values.items():
        known = bench.settings.hash_keys
        if column in table.hashed:
            bench.settings.hashing_key(table.table)
            hash_keys.standing(bench, table)
        keys = known.values() if column in table.masked else ()
        hashes = tuple(masked(value, key) for key in keys)
        # A generation may still have the key before, and an undo brings it back.
        kept[column] = hashes if column in table.hashed else (value,)
        shown = {masked(text, key)[:HASH_CHARACTERS] for key in keys for text in (value, *hashes)}
        spelled[column] = frozenset((value, *hashes, *shown))
    hashed = frozenset(bench.settings.hash_keys) if values.keys() & set(table.hashed) else None
    is_whole = not (table.names_batches or table.adds_news)
    wanted = Wanted(TableName.parse(table.table), kept, table.window_column, is_whole, hashed)
    return Request(table, wanted, Erased(spelled))


def look(bench: Workbench, request: Request) -> Found:
    """What there is; changes nothing. RetryableError: a load may be at work. DeclarationError: a value of another type."""
    adapter, live = bench.warehouse, request.wanted.live
    working = at_work(bench, str(live), clock.now(adapter))
    if working:
        raise RetryableError(
            f"{live} is being loaded (attempt {', '.join(working)}): what it has read already would come after the erasure. "
            "Nothing was erased",
            code="ERASE-BUSY", next_command=f"headgate erase {live} --key ...   (when it has ended; headgate clean --plan)",
        )  # fmt: skip
    texts = [column.name for column in request.table.columns if column.column_type.kind == "varchar"]
    sources = {column.name: column.from_ or column.name for column in request.table.columns}
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            count = erasing.matching(adapter, cursor, live, request.wanted.key)
            beside = erasing.beside(adapter, cursor, request.wanted)
            others = erasing.only_theirs(adapter, cursor, request.wanted, texts)
            erased = Erased(request.erased.key, others)
            aside = erasing.set_aside(adapter, cursor, request.wanted, erased, sources)
    except psycopg2.Error as error:
        if error.pgcode in (errorcodes.INVALID_TEXT_REPRESENTATION, errorcodes.INVALID_DATETIME_FORMAT):
            raise _wrong(request.table, f"the value isn't one of the type of {request.columns}") from None
        raise explain(error, f"looking for rows of {live}") from None
    dead = [attempt.spool for attempt in spool.dead_attempts(bench.spool) if attempt.table in (str(live), "")]
    return Found(
        count, tuple(beside), tuple(aside), tuple(staged_attempts(bench, str(live))), tuple(dead),
        Request(request.table, request.wanted, erased),
    )  # fmt: skip


def erase(bench: Workbench, found: Found, run_id: str, by: Decider, reason: str) -> Done:
    """Erase what was found. Running it again finds what is left; the record of it is a sealed decision."""
    adapter, request, live = bench.warehouse, found.request, found.request.wanted.live
    erased, target = request.erased, str(live)
    kept = erasing.erase_from_books(adapter, target, erased)
    kept += erasing.erase_from_comparisons(adapter, bench.project.dependents(target), erased)
    kept += _on_this_machine(bench.settings.state, target, erased)
    for prefix in found.staged:
        bench.stage.delete(f"{target}/{prefix}/")
    now = clock.now(adapter)
    # Candidates go before the mark of the process that was killed: without it nobody would know that they are dead.
    for leftover in list(find_leftovers(bench, [target], now)):
        remove(bench, leftover, now)
    report.rebuild(bench, target)

    def note(cursor: Cursor, rows: int) -> None:
        what = f"{rows} live, {len(found.aside)} set aside, {len(found.kept)} kept"
        why = erased.text(reason)
        decisions.add(
            adapter, cursor, Decision(now, target, "erase", what, by, why, request.columns[:128], run_id=run_id)
        )

    rows = erasing.erase_rows(adapter, request.wanted, found.aside, run_id, new_attempt(now), note, now)
    return Done(run_id, rows, kept, found)


def _on_this_machine(state: Path, target: str, erased: Erased) -> int:
    """Records of runs, incidents and waiting letters below the state folder; how many files were changed."""
    files = [*(state / "runs" / target).glob("*.json"), state / "incidents.json", *(state / "facts").rglob("*.json")]
    files += [file for file in (state / "outbox").glob("*.json") if target in _text(file)]
    return sum(_rewritten(file, erased, target) for file in files)


def _text(file: Path) -> str:
    """What a letter says; nothing where it was delivered meanwhile."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _rewritten(file: Path, erased: Erased, target: str) -> bool:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    after = [_of_target(item, erased, target) for item in before] if isinstance(before, list) else erased.tree(before)
    if after == before:
        return False
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fresh.write_text(json.dumps(after), encoding="utf-8")
    fresh.replace(file)
    return True


def _of_target(item: object, erased: Erased, target: str) -> object:
    return erased.tree(item) if target in json.dumps(item) else item


def _parsed(table: Table, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    known = [column.name for column in table.columns]
    if equals and name in known:
        return name, value
    if equals and (meant := nearest(name, known)):
        # Taken for a value, it would erase nothing and be recorded as done.
        own = (
            f"; a value of {table.key[0]} with '=' in it is given as {table.key[0]}=VALUE"
            if len(table.key) == 1
            else ""
        )
        raise _wrong(table, f"--key: no column '{name}'; did you mean '{meant}'?{own}")
    if len(table.key) == 1:
        return table.key[0], text
    listing = ", ".join(known)
    raise _wrong(table, f"--key names no column: column=value is expected, with one of {listing}")


def _wrong(table: Table, why: str) -> DeclarationError:
    column = table.key[0] if table.key else "COLUMN"
    return DeclarationError(
        f"{table.table}: {why}", code="ERASE-KEY",
        next_command=f"headgate erase {table.table} --key {column}=VALUE --plan",
    )  # fmt: skip


def prepare(bench: Workbench, request: Request) -> None:
    """The tables that an erasure is recorded in."""
    ops.prepare(bench.warehouse, [request.wanted.live])
