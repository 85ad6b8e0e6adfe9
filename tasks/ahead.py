"""Ahead: while a batch is still being read, the parts that are there are checked, staged and copied into a candidate.

Nothing rests on it. Each step takes what was done ahead of it only where it is what the step itself would do, and does it anew
otherwise; what verdicts need of the whole batch comes in its step. The proof of the candidate is made over all rows, as ever:
once every part is in it, the warehouse computes its figures and makes its indexes while the batch is judged as a whole. A batch
of one part is copied while it is judged.
What fails ahead is thrown away, and its own step tells what is wrong. Parts wait on disk, so that no source is held up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.table import Table
from deployments.errors import HeadgateError
from expectations.contract import engine
from expectations.contract.checksum import Checksum
from expectations.contract.engine import memory_for
from expectations.contract.layout import Layout, lay_out
from expectations.contract.part_check import CheckedPart
from expectations.contract.staged_rows import typed_relation
from expectations.profile.measure import stable_columns
from expectations.profile.sampling import Sampling
from tasks.assess import profile_columns, profile_key
from tasks.batch import Batch, SpooledPart, new_try
from tasks.objects.manifest import Manifest, Part
from tasks.part_checks import FEW, THREADS, Checkers, batch_rules, null_marker
from tasks.part_staging import stage_part
from tasks.part_workers import has_dask
from tasks.switches import reached
from tasks.warehouses import names
from tasks.warehouses.figures import figures_of
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import connect, retried, session, transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)
Done = TypeVar("Done")
SESSIONS = 2
_begun: dict[str, Ahead] = {}
"""By attempt: what is done ahead of the steps of a run stays in its process."""
_guard = Lock()


@dataclass(frozen=True, slots=True)
class Checked:
    """Every part of a batch as it was checked while the batch was read; `early` of them before the last byte was there.

    `stable`: the columns that make a row's mark (`Sampling`); None where the first part has no row.
    """

    parts: tuple[CheckedPart, ...]
    stable: tuple[int, ...] | None
    early: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A candidate that holds every part of the manifest; `early` of them were in it when the copy was asked for.

    `figures`: those of its rows, computed by the warehouse when all were there. `finished`: its indexes are made.
    """

    candidate: TableName
    rows: int
    early: int
    figures: Checksum
    finished: bool


@dataclass
class Ahead:
    """What is done ahead of the steps of one batch."""

    batch: Batch
    table: Table
    where: str
    delimiter: str
    bench: Workbench
    _header: tuple[str, ...] = ()
    _parts: list[SpooledPart] = field(default_factory=list)
    _checked: list[Future[CheckedPart]] = field(default_factory=list)
    _staged: list[Future[Part | None]] = field(default_factory=list)
    _copied: list[Future[int]] = field(default_factory=list)
    _proven: Future[Checksum] | None = None
    _finished: Future[bool] | None = None
    _pools: list[ThreadPoolExecutor] = field(default_factory=list)
    _filling: Connection | None = None
    """On which the candidate is made and filled, where one transaction does both."""
    _asking: list[Connection] = field(default_factory=list)
    _stable: tuple[int, ...] | None = None
    _candidate: TableName | None = None
    _over: bool = False
    _stage_is_taken: bool = False

    def add(self, header: tuple[str, ...], part: SpooledPart) -> None:
        """A part lies in the spool. With the second one it begins: a batch of one part is only ahead of its profile."""
        self._header = header
        self._parts.append(part)
        if len(self._parts) > 1:
            self._go_on()

    def checked(self, parts: Sequence[SpooledPart]) -> Checked | None:
        """What became of the parts, once all of them are checked; None where they have to be checked again."""
        early = sum(future.done() for future in self._checked)
        whole = list(parts) == self._parts
        if whole and len(parts) == 1 and parts[0].records > FEW and self.bench.warehouse.copies_by_part:
            self._go_on()
        if whole and self._copied:
            # No part comes any more: what is asked of all of them needn't wait for the steps between.
            self._proven = self._pools[-1].submit(self._attempted, self._prove, None)
            self._finished = self._pools[-1].submit(self._finish)
        found = self._results(self._checked) if whole else None
        if found is None:
            # Others may still be at work: `end` waits for them before it takes their checkers away.
            return None
        self._checkers.__exit__()
        return Checked(tuple(found), self._stable, early)

    def staged(self, parts: Sequence[CheckedPart]) -> tuple[Part, ...] | None:
        """The staged parts, where what was staged is what is to be; from then on they are the stage step's own."""
        checked = self._results(self._checked)
        if checked is None or len(checked) != len(parts) or not all(map(CheckedPart.is_as, checked, parts)):
            return None
        found = self._results(self._staged)
        self._stage_is_taken = found is not None
        return None if found is None else tuple(part for part in found if part is not None)

    def filled(self, manifest: Manifest) -> Filled | None:
        """The candidate with every part of the manifest in it; None where it holds something else."""
        early = sum(future.done() for future in self._copied)
        copied, staged = self._results(self._copied), self._results(self._staged)
        if copied is None or staged is None or self._candidate is None:
            return None
        if tuple(part for part in staged if part is not None) != manifest.parts:
            return None
        if self._proven is None or self._finished is None or self._proven.exception() is not None:
            return None
        return Filled(self._candidate, sum(copied), early, self._proven.result(), self._finished.result())

    def end(self) -> None:
        """Let what is running come to its end, and begin nothing more."""
        self._over = True
        for asking in tuple(self._asking):
            # An index of many rows takes minutes. One that has just ended closes its connection.
            with suppress(psycopg2.Error):
                asking.cancel()
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)
        if self._filling is not None:
            self._filling.close()
        if self._pools:
            self._checkers.__exit__()

    def remove(self) -> None:
        """Take away what nobody has taken."""
        try:
            if self._candidate is not None:
                drop = sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(self._candidate))
                retried(self.bench.warehouse.address, f"dropping {self._candidate}", lambda c: c.execute(drop))
            if self._staged and not self._stage_is_taken:
                self.bench.stage.delete(f"{self.batch.stage_key}/")
        except (HeadgateError, OSError) as error:
            logger.warning("what was done ahead of %s is left for the next clean-up: %s", self.batch.run_id, error)

    def _go_on(self) -> None:
        """Begin, unless that is done, and go on with each part that wasn't there before."""
        if not (self._pools or self._over):
            try:
                self._begin(lay_out(self.table, self._header, self.delimiter, self.where))
            except HeadgateError:  # its own step says what is wrong with it
                self._over = True
        for waiting in self._parts[len(self._checked) :] if self._pools and not self._over else ():
            self._submit(waiting)

    def _begin(self, layout: Layout) -> None:
        if self.table.hashed:
            self.bench.settings.hashing_key(self.table.table)
        self._layout, self._marker = layout, null_marker(self.table, self.bench.warehouse)
        rules, _ = batch_rules(self.table, self.bench.project.suite(self.table.table), self.batch.window)
        self._checkers = Checkers(self.batch, self.table, layout, rules, self._marker, self.bench, None).__enter__()
        self._making = Lock()
        self._pools = [
            ThreadPoolExecutor(threads, thread_name_prefix=f"{verb}-ahead")
            for verb, threads in (("check", THREADS), ("stage", THREADS), ("copy", SESSIONS), ("whole", 2))
        ]

    def _submit(self, part: SpooledPart) -> None:
        check, stage, copy, _ = self._pools
        checked = check.submit(self._attempted, self._check, part)
        self._checked.append(checked)
        staged = stage.submit(self._attempted, self._stage, checked)
        self._staged.append(staged)
        if self.bench.warehouse.copies_by_part:
            self._copied.append(copy.submit(self._attempted, self._copy, staged))

    def _attempted(self, step: Callable[[Any], Done], given: Any) -> Done:
        """A step of one part; after the first that fails nothing more is begun."""
        try:
            if self._over:
                raise RuntimeError("what is done ahead has ended")
            return step(given)
        except BaseException:
            self._over = True
            raise

    def _check(self, part: SpooledPart) -> CheckedPart:
        first = part is self._parts[0]
        checked = self._checkers.check_here(self._checkers.job(part, None if first else self._sampling()))
        reached("validate-part")
        if first and checked.accepted and len(self._parts) > 1:
            relation = typed_relation(self.table, [checked.path], self._layout.delimiter, self._marker)
            memory = memory_for(len(self.table.columns))
            with closing(engine.connect(self.batch.spool / "duckdb", memory_mb=memory)) as connection:
                key = profile_key(self.bench, self.batch)
                self._stable = stable_columns(connection, relation, profile_columns(self.table), key=key)
        return checked

    def _sampling(self) -> Sampling | None:
        """The sample of a batch of the rows read so far: it holds what the larger batch's sample has of a part."""
        self._checked[0].result()
        last = self._parts[-1]
        rows = last.first_record + last.records + len(last.rejects)
        return None if self._stable is None else Sampling(profile_columns(self.table), self._stable, rows)

    def _stage(self, checked: Future[CheckedPart]) -> Part | None:
        part = checked.result()
        return stage_part(self.bench.stage, self.batch.stage_key, part) if part.accepted else None

    def _copy(self, staged: Future[Part | None]) -> int:
        part = staged.result()
        if part is None:
            return 0
        manifest = Manifest("", self._layout.delimiter, self._marker, (part,), codec=self.bench.stage.codec)
        columns = [column.name for column in self.table.columns]
        candidate, adapter = self._made_candidate(), self.bench.warehouse
        if self._filling is None:
            return adapter.copy(self.bench.stage, manifest, candidate, columns)
        # A connection has one COPY at a time.
        with self._making, self._filling.cursor() as cursor:
            return adapter.copy_within(cursor, self.bench.stage, manifest, candidate, columns)

    def _made_candidate(self) -> TableName:
        with self._making:
            if self._candidate is None:
                adapter = self.bench.warehouse
                candidate = names.candidate(self.batch.live, f"{self.batch.attempt_id}{new_try()}")
                with session(adapter.address) as connection, connection.cursor() as cursor:
                    at_once = adapter.fills_at_once(cursor)
                self._filling = connect(adapter.address) if at_once else None
                with transaction(adapter.address) if self._filling is None else self._filling.cursor() as cursor:
                    adapter.create_candidate(cursor, candidate, shape_of(self.table))
                self._candidate = candidate
                reached("candidate-made")
            return self._candidate

    def _whole(self) -> TableName:
        """The candidate with all parts in it, for every session to see."""
        for copied in self._copied:
            copied.result()
        if self._candidate is None:
            raise RuntimeError("no part has rows")
        with self._making:
            if self._filling is not None and not self._filling.closed:
                self._filling.commit()
                self._filling.close()
        return self._candidate

    def _prove(self, _: None) -> Checksum:
        """The figures of the candidate with all parts in it."""
        rows, columns = qualified(self._whole()), self.table.columns
        return self._ask(lambda at: figures_of(at, self.bench.warehouse, rows, columns, self._checkers.hashed_by))

    def _finish(self) -> bool:
        """Make the indexes and statistics of the candidate while it is proven; whether that could be done. A key that comes
        twice, of which the latest row will be kept, has no index yet."""
        try:
            candidate, shape = self._whole(), shape_of(self.table)
            self._ask(lambda cursor: self.bench.warehouse.finish_candidate(cursor, candidate, shape))
        except Exception as error:  # noqa: BLE001
            # Whatever it is, the audit comes upon it again, and tells it.
            logger.debug("the candidate of %s has no indexes yet: %s", self.batch.run_id, error)
            return False
        return True

    def _ask(self, ask: Callable[[Cursor], Done]) -> Done:
        """A transaction over the whole candidate, on a connection of its own: `end` may cancel it, and nobody else's."""
        with closing(connect(self.bench.warehouse.address)) as connection:
            self._asking.append(connection)
            try:
                if self._over:
                    raise RuntimeError("what is done ahead has ended")
                with connection.cursor() as cursor:
                    found = ask(cursor)
                connection.commit()
                return found
            finally:
                self._asking.remove(connection)

    def _results(self, futures: Sequence[Future[Done]]) -> list[Done] | None:
        """Of every part, once it is there; None where one has failed or was never begun."""
        if not self._pools or len(futures) != len(self._parts):
            return None
        try:
            return [future.result() for future in futures]
        except Exception as error:  # noqa: BLE001
            # Whatever it is, its own step comes upon it again, and tells it.
            logger.debug("%s isn't ahead any more: %s", self.batch.run_id, error)
            return None


def unheard(header: tuple[str, ...], part: SpooledPart) -> None:
    """Nobody waits for the parts."""


def arriving(batch: Batch, table: Table, where: str, delimiter: str) -> Callable[[tuple[str, ...], SpooledPart], None]:
    """What is to be told of each part that lies in the spool, after the header: from then on it is worked on.

    Nothing is done ahead of a batch whose rows may turn out to be no news, of one that is to stop before its copy, and on a Dask
    cluster, whose workers are given parts when all are there.
    """
    discard(batch)
    if not batch.ahead or batch.reread or batch.refused or has_dask():
        return unheard
    ahead = Ahead(batch, table, where, delimiter, workbench())
    with _guard:
        _begun[batch.attempt_id] = ahead
    return ahead.add


def checked(batch: Batch, parts: Sequence[SpooledPart]) -> Checked | None:
    """The parts as they were checked ahead; None where they have to be checked now."""
    ahead = _begun.get(batch.attempt_id)
    found = None if ahead is None else ahead.checked(parts)
    if found is None:
        discard(batch)
    return found


def key_index(batch: Batch) -> Future[bool] | None:
    """Whether the warehouse could make a unique index on the key over all parts as they were checked ahead; None where none is
    being made."""
    ahead = _begun.get(batch.attempt_id)
    if ahead is None or not (ahead.table.key and ahead.bench.warehouse.has_indexes):
        return None
    return ahead._finished


def staged(batch: Batch, parts: Sequence[CheckedPart]) -> tuple[Part, ...]:
    """The parts as they were staged ahead; none where they have to be staged now."""
    ahead = _begun.get(batch.attempt_id)
    found = None if ahead is None else ahead.staged(parts)
    if found is None:
        discard(batch)
    return found or ()


def filled(batch: Batch, manifest: Manifest) -> Filled | None:
    """The candidate that was filled ahead, which is the caller's from now on; None where one has to be filled now."""
    ahead = _begun.get(batch.attempt_id)
    found = None if ahead is None else ahead.filled(manifest)
    if ahead is None or found is None:
        discard(batch)
        return None
    with _guard:
        del _begun[batch.attempt_id]
    ahead.end()
    return found


def discard(batch: Batch) -> None:
    """End what is done ahead of a batch and take away what no step has taken; where there is nothing, nothing happens."""
    with _guard:
        ahead = _begun.pop(batch.attempt_id, None)
    if ahead is not None:
        ahead.end()
        ahead.remove()


@contextmanager
def until_its_end(batch: Batch) -> Iterator[None]:
    """However a run ends: what was done for steps that didn't come goes."""
    try:
        yield
    finally:
        discard(batch)
