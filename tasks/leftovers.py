"""What dead attempts left behind, and what is kept no longer: candidates, generations, staged parts, spool, quarantine, trials.

Found by rules that need nobody's memory: an attempt's name holds the minute it began, its run's record says how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.quantities import plural
from tasks import adhoc, spool
from tasks.batch import ATTEMPT_CHARACTERS, Batch, attempt_began
from tasks.warehouses import names, old_runs, proofs, quarantine
from tasks.warehouses.generations import surplus
from tasks.warehouses.moments import aware
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import one, retried, rows, session
from tasks.workbench import Workbench

Kind = Literal["candidate", "generation", "stage", "spool", "quarantine", "details", "adhoc"]
DEAD_AFTER = timedelta(days=3)
"""An attempt without a record that began before this is dead, unless a process on this machine holds its spool."""
EVERY = 1_000_000_000
TRIED = "headgate_check"
"""What `check --connect` calls its table."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that may go, and why."""

    kind: Kind
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt's run ended."""

    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """Until when things are kept; `dead` attempts are known to have no process any more, `alive` ones to have one."""

    now: datetime
    keep: timedelta
    ended: dict[str, Ended]
    dead: frozenset[str]
    alive: frozenset[str]

    def verdict(self, attempt: str, *, wanted_after_success: bool) -> str | None:
        """Why an attempt's things may go; None: they stay. Those of a failed run stay a while, for its owner to look."""
        known = self.ended.get(attempt)
        if known is not None:
            stays = known.status in ("failed", "checked") or wanted_after_success
            if not stays:
                return f"its run ended as {known.status}"
            return f"{self.keep.days} days since its run ended" if known.at + self.keep < self.now else None
        if attempt in self.dead:
            return "its process was killed"
        if attempt in self.alive:
            return None
        if not _is_recent(attempt, self.now):
            return "nothing is known of its run, and it began long ago"
        return None


def find_leftovers(bench: Workbench, targets: list[str], now: datetime) -> Iterator[Leftover]:
    """Everything that may go, of these targets and of this machine's spool. Changes nothing.

    Spools come last, and only those of these targets: the mark of a killed process is what tells that its candidate and
    its staged parts are dead, and must outlive them.
    """
    dead = spool.dead_attempts(bench.spool)
    rules = Rules(
        now=now, keep=timedelta(days=bench.settings.keep_days), ended=_ended(bench, targets),
        dead=frozenset(attempt.attempt_id for attempt in dead), alive=frozenset(spool.alive_attempts(bench.spool)),
    )  # fmt: skip
    for schema in dict.fromkeys(target.partition(".")[0] for target in targets):
        with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
            yield from _beside(bench, cursor, TableName(schema, TRIED), rules)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        for item in adhoc.kept(cursor):
            if item.until <= now:
                yield Leftover("adhoc", item.table, f"a trial that was kept until {item.moment}")
    for target in targets:
        live = TableName.parse(target)
        with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
            yield from _beside(bench, cursor, live, rules)
            before = now - timedelta(days=bench.settings.quarantine_days)
            count = quarantine.count_old(bench.warehouse, cursor, live, before)
            told = _details_before(bench, now)
            runs = old_runs.count(bench.warehouse, cursor, target, told) if told else 0
        if count:
            yield Leftover(
                "quarantine",
                target,
                f"{plural(count, 'row')} older than {plural(bench.settings.quarantine_days, 'day')}",
            )
        if runs:
            yield Leftover(
                "details",
                target,
                f"{runs:,} run{'s' * (runs != 1)} older than {plural(bench.settings.history_days, 'day')}; their lines stay",
            )
        yield from _staged(bench, target, rules)
    declared = {*bench.project.tables, *bench.project.summaries}
    for attempt in dead:
        if attempt.table in targets or attempt.table not in declared:
            yield Leftover("spool", str(attempt.spool), "its process was killed")
    for folder in spool.forgotten(bench.spool):
        yield Leftover("spool", str(folder), "nobody holds it, and it is old")


def trials_kept(bench: Workbench) -> list[adhoc.Adhoc]:
    """Trials in the schema `adhoc`, the next to go first. Changes nothing."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        return adhoc.kept(cursor)


def at_work(bench: Workbench, target: str, now: datetime) -> list[str]:
    """Attempts of a target that may go on: a process here holds their spool, or a candidate or staged parts are there and
    nothing is known of their end. Changes nothing."""
    alive = {attempt for attempt, table in spool.alive_attempts(bench.spool).items() if table == target}
    ended, dead = _ended(bench, [target]), {attempt.attempt_id for attempt in spool.dead_attempts(bench.spool)}
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        side = bench.warehouse.side_tables(cursor, TableName.parse(target))
    kinds = [kind for table in side if (kind := names.kind_of(table.name)) is not None]
    left = {tag[:ATTEMPT_CHARACTERS] for kind, tag in kinds if kind == "c"}
    left |= {prefix.rpartition("-")[2] for prefix in staged_attempts(bench, target)}
    return sorted(alive | {attempt for attempt in left - ended.keys() - dead if _is_recent(attempt, now)})


def _is_recent(attempt: str, now: datetime) -> bool:
    began = attempt_began(attempt)
    return began is not None and now - DEAD_AFTER < began < now + DEAD_AFTER


def staged_attempts(bench: Workbench, target: str) -> list[str]:
    """Prefixes below a target's in the stage, each named RUN-ATTEMPT."""
    return list(dict.fromkeys(key.split("/")[1] for key in bench.stage.keys(f"{target}/") if key.count("/") > 1))


def remove(bench: Workbench, leftover: Leftover, now: datetime) -> None:
    """Remove one leftover; removing it again does nothing."""
    adapter = bench.warehouse
    if leftover.kind == "spool":
        spool.bury(Path(leftover.name))
    elif leftover.kind == "stage":
        bench.stage.delete(f"{leftover.name}/")
    elif leftover.kind == "quarantine":
        before = now - timedelta(days=bench.settings.quarantine_days)
        retried(
            adapter.address, f"cleaning the quarantine of {leftover.name}",
            lambda cursor: quarantine.forget(adapter, cursor, TableName.parse(leftover.name), before),
        )  # fmt: skip
    elif leftover.kind == "details":
        told = _details_before(bench, now)
        assert told is not None
        old_runs.forget(adapter, leftover.name, told)
    else:
        table = TableName.parse(leftover.name)
        drop = sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table))
        retried(adapter.address, f"dropping {leftover.name}", lambda cursor: cursor.execute(drop))


def _details_before(bench: Workbench, now: datetime) -> datetime | None:
    """The moment before which details of runs may go; None: they are kept for good."""
    days = bench.settings.history_days
    return now - timedelta(days=days) if days else None


def remove_attempt(bench: Workbench, batch: Batch) -> None:
    """Remove the candidates and the staged parts of an attempt that doesn't go on; doing it again does nothing."""
    now = datetime.now(UTC)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        side = bench.warehouse.side_tables(cursor, batch.live)
    for table in side:
        kind = names.kind_of(table.name)
        if kind is not None and kind[0] == "c" and kind[1].startswith(batch.attempt_id):
            remove(bench, Leftover("candidate", str(table), "not gone on with"), now)
    remove(bench, Leftover("stage", batch.stage_key, "not gone on with"), now)


def _beside(bench: Workbench, cursor: Cursor, live: TableName, rules: Rules) -> Iterator[Leftover]:
    adapter = bench.warehouse
    known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
    side = adapter.side_tables(cursor, live)
    for table in side:
        kind = names.kind_of(table.name)
        assert kind is not None
        if kind[0] == "c":
            why = rules.verdict(kind[1][:ATTEMPT_CHARACTERS], wanted_after_success=False)
            if why is not None:
                yield Leftover("candidate", str(table), why)
    # A run that was killed right after its COMMIT has dropped none.
    for table, why in surplus(side, known, _kept(bench, str(live))).items():
        yield Leftover("generation", str(table), why)


def _kept(bench: Workbench, target: str) -> int:
    """How many publishes of a target can be undone; all of them where nothing is declared."""
    if target in bench.project.summaries:
        return bench.project.summaries[target].generations
    table = bench.project.tables.get(target)
    return EVERY if table is None else table.load.generations


def _staged(bench: Workbench, target: str, rules: Rules) -> Iterator[Leftover]:
    for prefix in staged_attempts(bench, target):
        attempt = prefix.rpartition("-")[2]
        why = rules.verdict(attempt, wanted_after_success=True)
        if why is not None:
            yield Leftover("stage", f"{target}/{prefix}", why)


def _ended(bench: Workbench, targets: list[str]) -> dict[str, Ended]:
    """How the runs of attempts ended, as far as they are known."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not targets or not bench.warehouse.exists(cursor, TableName(names.OPS, "version")):
            return {}
        if int(one(cursor, "SELECT coalesce(max(version), 0) FROM ops.version")[0]) < 3:
            return {}
        found = rows(
            cursor,
            "SELECT attempt_id, status, finished_at FROM ops.run WHERE target IN %s AND attempt_id IS NOT NULL "
            "AND finished_at IS NOT NULL",
            (tuple(targets),),
        )
    return {str(attempt): Ended(str(status), aware(at)) for attempt, status, at in found}
