"""What must be true after a trial, read from the warehouse, the stage and the spool with plain SQL: nothing of ours is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from targets import COLUMNS, GENERATIONS, READERS, Target
from world import Batch, World

PATIENCE_SECONDS = 120.0


@dataclass
class Judge:
    """Looks at the warehouse on a connection of its own."""

    connection: Connection

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def exists(self, name: str) -> bool:
        return self.rows("SELECT to_regclass(%s)", (name,))[0][0] is not None

    def proofs(self, target: Target) -> list[dict[str, Any]]:
        table = f"ops.proof__{target.table.replace('.', '__')}"
        if not self.exists(table):
            return []
        names = ("sequence", "batch_key", "kind", "attempt_id", "extracted", "quarantined", "staged", "copied",
                 "superseded", "inserted", "updated", "unchanged", "deleted")  # fmt: skip
        found = self.rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY sequence")
        return [dict(zip(names, row, strict=True)) for row in found]

    def side_tables(self, target: Target, kind: str) -> list[str]:
        schema = target.table.partition(".")[0]
        found = self.rows(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
            "AND c.relkind = 'r' AND starts_with(c.relname, %s) ORDER BY 1",
            (schema, f"{target.name}__hg_{kind}"),
        )
        return [f"{schema}.{name}" for (name,) in found]

    def attempts(self, target: Target) -> set[str]:
        """Attempts of the target whose run has told how it ended."""
        return {
            attempt for (attempt,) in self.rows("SELECT attempt_id FROM ops.run WHERE target = %s", (target.table,))
        }

    def faults(self, target: Target, world: World, tried: Batch | None, before: int, label: str) -> Iterator[str]:
        """Everything that isn't as it must be. `before`: proofs that stood when the trial began."""
        yield from self._content(target, world)
        yield from self._proven(target, tried, before, label)
        if not target.is_summary:
            yield from self._set_aside(target, world)
        yield from self._beside(target)

    def _content(self, target: Target, world: World) -> Iterator[str]:
        wanted: list[Any] = _per_day(world, target) if target.is_summary else world.rows(target)
        names = ("day", "lines", "amount") if target.is_summary else COLUMNS
        if not self.exists(target.table):
            if wanted:
                yield f"{target.table} doesn't exist"
            return
        seen = sorted(self.rows(f"SELECT {', '.join(names)} FROM {target.table}"), key=repr)
        wanted = sorted(wanted, key=repr)
        if seen != wanted:
            extra = len([row for row in seen if row not in set(wanted)])
            missing = len([row for row in wanted if row not in set(seen)])
            yield f"{len(seen)} rows, {len(wanted)} expected: {extra} not expected, {missing} missing"
        granted = self.rows("SELECT has_table_privilege(%s, %s, 'SELECT')", (READERS, target.table))[0][0]
        if not granted:
            yield "readers lost their grant"
        view = f"{target.table}_view"
        if target.mode == "full_refresh" and self.exists(view):
            through = self.rows(f"SELECT count(*), coalesce(sum(id), 0) FROM {view}")
            if through != self.rows(f"SELECT count(*), coalesce(sum(id), 0) FROM {target.table}"):
                yield "the view reads another table than the live one"

    def _proven(self, target: Target, tried: Batch | None, before: int, label: str) -> Iterator[str]:
        proofs = self.proofs(target)
        sequences = [proof["sequence"] for proof in proofs]
        if sequences != list(range(1, len(proofs) + 1)):
            yield f"the proofs are numbered {sequences[-5:]}"
        if len({proof["attempt_id"] for proof in proofs}) != len(proofs):
            yield "one attempt has two proofs"
        for proof in [proof for proof in proofs if proof["kind"] not in ("replay", "rollback")]:
            published = proof["inserted"] + proof["updated"] + proof["unchanged"]
            if (proof["extracted"] != proof["staged"] + proof["quarantined"] or proof["staged"] != proof["copied"]
                    or proof["copied"] != published + proof["superseded"]):  # fmt: skip
                yield f"proof {proof['sequence']} doesn't add up"
        of_batch = [proof for proof in proofs if proof["batch_key"] == target.batch_key(label)]
        for kind in ("publish", "replay", "rollback"):
            count = sum(proof["kind"] == kind for proof in of_batch)
            if target.mode == "append" and count > 1:
                yield f"an appended window has {count} proofs of kind {kind}"
        if not of_batch:
            yield "the batch has no proof"
        elif tried is not None:
            last = of_batch[-1]
            if (last["extracted"], last["quarantined"]) != (tried.extracted, len(tried.bad)):
                yield (f"the proof says {last['extracted']} extracted and {last['quarantined']} quarantined; "
                       f"{tried.extracted} and {len(tried.bad)} expected")  # fmt: skip
        if before and not proofs:
            yield "the proofs are gone"
        # What came minus what went is what is there: a publish that was lost or done twice breaks the sum.
        if self.exists(target.table):
            there = self.rows(f"SELECT count(*) FROM {target.table}")[0][0]
            moved = sum(proof["inserted"] - proof["deleted"] for proof in proofs)
            if there != moved:
                yield f"{there} rows are there; the proofs' inserted minus deleted is {moved}"

    def _set_aside(self, target: Target, world: World) -> Iterator[str]:
        table = f"quarantine.{target.table.replace('.', '__')}"
        wanted = world.set_aside(target)
        if not self.exists(table):
            if wanted:
                yield "there is no quarantine"
            return
        found = self.rows(f"SELECT label, raw FROM {table} WHERE state = 'open'")
        seen = sorted((label, int(raw.partition(",")[0])) for label, raw in found)
        if seen != wanted:
            yield f"{len(seen)} rows in quarantine, {len(wanted)} expected"

    def _beside(self, target: Target) -> Iterator[str]:
        for name in self.side_tables(target, "c"):
            if self.rows("SELECT has_table_privilege(%s, %s, 'SELECT')", (READERS, name))[0][0]:
                yield f"readers may read the candidate {name}"

    def surplus(self, target: Target) -> Iterator[str]:
        """Generations beyond those that can be undone. One killed right after COMMIT leaves more, until the clean-up."""
        kept = {name.rpartition("_")[2][1:] for kind in "gun" for name in self.side_tables(target, kind)}
        if len(kept) > GENERATIONS:
            yield f"{len(kept)} generations are kept, {GENERATIONS} declared"

    def busy_sessions(self, database: str) -> list[str]:
        """Sessions of loads that still hold a transaction after a while."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.rows(
                "SELECT pid || ' ' || state || ' ' || left(query, 80) FROM pg_stat_activity "
                "WHERE application_name = 'headgate' AND datname = %s AND state <> 'idle'", (database,),
            )  # fmt: skip
            if not found or time.monotonic() > deadline:
                return [text for (text,) in found]
            time.sleep(0.05)


def left_in(folder: Path) -> list[str]:
    """Files below a spool."""
    return (
        sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) if folder.exists() else []
    )


def digest(connection: Connection, table: str) -> str | None:
    """What a reader sees, in one figure; None when there is no table. Any error of the read is raised."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (table,))
        (there,) = cursor.fetchone() or (None,)
        if there is None:
            return None
        try:
            cursor.execute(f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {table} t")
        except psycopg2.errors.UndefinedTable:
            return None
        return ":".join(map(str, cursor.fetchone() or ()))


@contextmanager
def watched(connection: Connection, table: str) -> Iterator[set[str | None]]:
    """Read the table all the time during the block, as a reader would; the set of everything that was seen."""
    seen: set[str | None] = set()
    done = Event()

    def look() -> None:
        while not done.is_set():
            try:
                seen.add(digest(connection, table))
            except psycopg2.Error as error:
                seen.add(f"error: {error}")
            done.wait(0.01)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        seen.add(digest(connection, table))


def _per_day(world: World, target: Target) -> list[tuple[Any, ...]]:
    """What a summary must hold: of the days that have rows; built by windows, of all that are loaded."""
    source = target.table.replace(f"analytics.crash_{target.mode}", "raw_data.crash_replace_window").partition(".")[2]
    days = [
        (date.fromisoformat(label), len(batch.good), sum(row[2] or 0 for row in batch.good))
        for label, batch in world.loaded.get(source, {}).items()
    ]
    return [day for day in days if day[1] or target.windowed]
