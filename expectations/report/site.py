"""The site: which pages change when a run ends, written so that runs at the same moment lose nothing.

A run writes its own page first, then lists the table's runs: one that another process wrote meanwhile is taken into the
index. After the table's page is written the list is compared again. So whoever writes last has seen every run, and the
pages agree with the runs once the last writer is done. Writing the same run twice gives the same pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from threading import Lock

from expectations.record import RunRecord
from expectations.report import built
from expectations.report import shelf as at
from expectations.report.about import Column, Described
from expectations.report.actions import Links
from expectations.report.built import Built, Given, Runs, WrittenPage
from expectations.report.compare import compared, previous
from expectations.report.freshness import freshness
from expectations.report.lines import Beside, around, beside, by_batch, columns_of, in_order, line_of, loads_named
from expectations.report.marks import marked
from expectations.report.model import Because, Facts, Freshness, Line, RunTwin, StartRow, TableTwin
from expectations.report.pages import run_html, start_html, table_html
from expectations.report.shelf import Shelf
from expectations.report.standing import open_items, state_of, taken_back
from expectations.report.start_view import start_row
from expectations.report.texts import Texts
from expectations.report.upstream import because, kept_state
from expectations.report.weeks import WEEK
from expectations.withheld import cleaned

ROUNDS = 4
WITH_EXAMPLES = 30
"""The newest lines keep examples of rows that were set aside; pages of runs keep their own."""
_turn = Lock()
"""Updates within one process take turns; between processes the rounds below make them agree."""


@dataclass(frozen=True, slots=True)
class Added:
    """The key of a run's page, its line in the index, its table's row on the start page, and those of all summaries that
    stand otherwise because of it. The state of each is the worst of its own and its inputs'.
    """

    page: str
    line: Line
    row: StartRow
    others: tuple[StartRow, ...] = ()


@dataclass(frozen=True)
class Site:
    """A report at a store. `keep_pages` run pages and `keep_lines` lines of the index are kept per table."""

    shelf: Shelf
    texts: Texts = field(default_factory=Texts)
    links: Links = field(default_factory=Links)
    keep_pages: int = 400
    keep_lines: int = 3000

    def add(
        self, record: RunRecord, described: Described, now: datetime, facts: Facts | None = None,
        declared: Iterable[Described] = (),
    ) -> Added:  # fmt: skip
        """Write the pages of a run and everything that changes with it.

        `facts` None: the warehouse couldn't be asked, what was known before still counts. `declared`: tables that
        belong on the start page though they never ran.
        """
        with _turn:
            twin, lines = self._known(described)
            facts = twin.facts if facts is None else facts
            clean = cleaned(record)
            line = marked([line_of(clean)], facts, now)[0]
            lines = in_order([*lines, line])
            next_to = beside([line.run_id], lines, {line.run_id for line in lines})
            self._write_run(clean, line, twin, lines, by_batch(lines), next_to, now)
            self._write_table(twin.model_copy(update={"facts": facts}), lines, clean, now)
            rows, refreshed = self._start(now, declared)
        others = tuple(rows[table] for table in refreshed if table != record.table)
        return Added(at.run_page(record.table, record.run_id), line, rows[record.table], others)

    def refresh(self, described: Described, facts: Facts, now: datetime) -> None:
        """Write the page of a table that has run before anew, with other facts of it."""
        with _turn:
            twin, lines = self._known(described)
            if lines:
                self._write_table(twin.model_copy(update={"facts": facts}), lines, None, now)
                self.write_start(now)

    def rebuild_table(
        self, described: Described, records: Iterable[RunRecord], facts: Facts, now: datetime, pages: int | None = None
    ) -> int:
        """Write a table's pages anew from its records, oldest first; returns how many runs there were. See `bring_up`."""
        runs = Given(map(cleaned, records))
        self.bring_up(described, runs, facts, now, pages, anew=True)
        return len(runs.digests)

    def bring_up(
        self,
        described: Described,
        runs: Runs,
        facts: Facts,
        now: datetime,
        pages: int | None = None,
        *,
        anew: bool = False,
    ) -> int:
        """Write the pages of a table of which something has changed since they were built, all of them with `anew`; returns how
        many pages of runs were written. `pages`: how many of the newest runs get one, `keep_pages` at most; those that are
        there stay.
        """
        table, by = described.table, built.made_by(described, self.links)
        before = Built(by=by) if anew else built.read(self.shelf, table, by)
        ids = list(runs.digests)
        newest = ids[-min(self.keep_pages if pages is None else pages, self.keep_pages) or len(ids) :]
        known, at_hand = self._taken_in(before, runs, set(newest))
        twin, lines = TableTwin(described=described, facts=facts), list[Line]()
        for one in (known.runs[run_id] for run_id in ids):
            twin = _with_columns(twin, one.line.schema_hash, known.columns[one.columns])
            lines.append(one.line)
        lines = marked(in_order(lines), facts, now)
        own, standing = {line.run_id: line for line in lines}, by_batch(lines)
        next_to = beside(newest, lines, set(newest))
        whole = built.digest(by, *runs.digests.values(), *newest, built.marks(lines))
        there, loads = built.there_of(self.shelf, table), built.loads_so_far(lines)
        made_of = {
            run_id: before.pages[run_id].of
            if before.whole == whole and run_id in before.pages
            else built.page_digest(
                runs.digests[run_id], own[run_id], lines, standing, next_to[run_id], twin.schemas, loads[run_id]
            )
            for run_id in newest
        }  # fmt: skip
        stale = {run_id for run_id in newest if not before.stands(table, run_id, made_of[run_id], there)}
        for record in chain(
            (at_hand[n] for n in ids if n in at_hand and n in stale), runs.read(stale - at_hand.keys())
        ):
            self._write_run(record, own[record.run_id], twin, lines, standing, next_to, now)
        with _turn:
            self._write_table(twin, lines, None, now)
        if (stale or before.whole != whole) and "" not in runs.digests.values():
            there = built.there_of(self.shelf, table)
            written = {
                run_id: WrittenPage(of=made_of[run_id], objects=built.objects_of(table, run_id, there))
                for run_id in newest
            }
            kept = known.model_copy(update={"whole": whole, "pages": written})
            self.shelf.put(at.built(table), kept.model_dump_json(exclude_defaults=True).encode(), "application/json")
        return len(stale)

    def _taken_in(self, before: Built, runs: Runs, paged: set[str]) -> tuple[Built, dict[str, RunRecord]]:
        """What is known of the runs, and those of the records that were read for it that get a page."""
        known, at_hand = Built(by=before.by), {}
        for run_id, of in runs.digests.items():
            if before.knows(run_id, of):
                known.runs[run_id] = before.runs[run_id]
                known.columns[before.runs[run_id].columns] = before.columns[before.runs[run_id].columns]
        for record in runs.read(runs.digests.keys() - known.runs.keys()):
            known.with_run(record, runs.digests[record.run_id])
            if record.run_id in paged:
                at_hand[record.run_id] = record
        return known, at_hand

    def write_start(self, now: datetime, declared: Iterable[Described] = ()) -> None:
        """Write the start page from the rows of all tables; again while other processes change rows meanwhile. Pages of
        summaries whose inputs stand otherwise than they say are written anew before.
        """
        self._start(now, declared)

    def _start(self, now: datetime, declared: Iterable[Described]) -> tuple[dict[str, StartRow], list[str]]:
        """Rows with the state that counts inputs too, and the summaries whose pages were written anew."""
        known = set(self.shelf.keys("start"))
        for described in declared:
            if at.start_row(described.table) not in known:
                # Its page, too: the start page and those of its inputs lead to it.
                self._write_table(TableTwin(described=described), [], None, now)
        rows = at.read_start_rows(self.shelf)
        refreshed = self._refresh(rows, now)
        rows = at.read_start_rows(self.shelf) if refreshed else rows
        for _ in range(ROUNDS):
            standing = self._write_start(rows, now)
            again = at.read_start_rows(self.shelf)
            if again == rows:
                break
            rows = again
        return standing, refreshed

    def _refresh(self, rows: Sequence[StartRow], now: datetime) -> list[str]:
        """Write the pages of summaries again below which something has changed."""
        known, refreshed = {row.table: row for row in rows}, []
        for row in rows:
            below = because(row.inputs, known, now)
            if below == row.because:
                continue
            twin = at.read_twin(self.shelf, row.table)
            if twin is None:
                row = row.model_copy(update={"because": below})
                at.write(self.shelf, at.start_row(row.table), row.model_dump_json())
            else:
                self._write_table(twin, at.read_lines(self.shelf, row.table), None, now)
            refreshed.append(row.table)
        return refreshed

    def _rows_below(self, inputs: Sequence[str]) -> dict[str, StartRow]:
        """The rows of everything that a summary is made of, through other summaries."""
        found: dict[str, StartRow] = {}
        wanted = [*inputs]
        while wanted:
            rows = at.read_many(self.shelf, map(at.start_row, wanted), StartRow.model_validate_json)
            found |= {row.table: row for row in rows}
            wanted = [name for row in rows for name in row.inputs if name not in found]
        return found

    def _known(self, described: Described) -> tuple[TableTwin, list[Line]]:
        twin = at.read_twin(self.shelf, described.table) or TableTwin(described=described)
        return twin.model_copy(update={"described": described}), at.read_lines(self.shelf, described.table)

    def _write_run(
        self, record: RunRecord, line: Line, twin: TableTwin, lines: list[Line], standing: list[Line],
        next_to: Mapping[str, Beside], now: datetime,
    ) -> None:  # fmt: skip
        """Write a run's page and twin. `line` is its line among those of the table, as the proofs say it stands; `standing` are
        those of the batches that stand; `next_to`: the runs beside each."""
        before = previous(line, lines, standing)
        earlier: Sequence[Column] = twin.schemas.get(before.schema_hash, ()) if before else ()
        comparison = compared(line, lines, columns_of(record), earlier, standing)
        # Facts of a failure are for machines inside; the page tells its message.
        shown = record.model_dump(mode="json", exclude={"profile": True, "failure": {"facts": True}})
        loads = loads_named(record, lines)
        ran_before, ran_after = next_to[line.run_id]
        run = RunTwin(
            line=line, comparison=comparison, loads=loads, before=ran_before, after=ran_after, record=shown
        )  # fmt: skip
        self._put_run(run, twin.described, now)

    def _put_run(self, run: RunTwin, described: Described, now: datetime) -> None:
        html = run_html(run, described, self.texts, self.links, now)
        at.write(self.shelf, at.run_page(described.table, run.line.run_id), html)
        # The twin comes last: it is what makes a run count.
        at.write(self.shelf, at.run_page(described.table, run.line.run_id, "json"), run.model_dump_json())

    def _write_table(self, twin: TableTwin, lines: list[Line], record: RunRecord | None, now: datetime) -> None:
        table = twin.described.table
        if record is not None:
            twin = _with_schema(twin, record)
        for _ in range(ROUNDS):
            pages = set(at.run_ids(self.shelf, table))
            unseen = self._unseen(table, pages, lines)
            lines = in_order([*unseen, *lines])
            stand = marked(lines, twin.facts, now)
            changed = [new for old, new in zip(lines, stand, strict=True) if old != new]
            lines = stand[-self.keep_lines :]
            retired = self._retire(table, lines, pages)
            pages -= retired
            moved = retired | {line.run_id for line in unseen} | ({record.run_id} if record else set())
            again = {line.run_id for line in changed} | around(moved, lines, pages)
            self._mark_pages(again & pages, lines, pages, twin.described, now)
            items = open_items(twin.described, lines, twin.facts, now)
            inputs, own = twin.described.inputs, state_of(lines, items)
            below = because(inputs, self._rows_below(inputs), now)
            twin = twin.model_copy(
                update={
                    "state": kept_state(own, below), "own": own, "because": below,
                    "taken_back": taken_back(lines, twin.facts), "open_items": items, "written_at": now,
                    "freshness": freshness(twin.described, lines, twin.facts, now, self._below(twin.described)),
                }
            )  # fmt: skip
            at.write(self.shelf, at.history(table), "".join(f"{_slim(line)}\n" for line in _without_examples(lines)))
            at.write(self.shelf, at.table_page(table, "json"), twin.model_dump_json())
            at.write(self.shelf, at.table_page(table), table_html(twin, lines, pages, self.texts, self.links, now))
            row = start_row(twin.described, lines, own, items, twin.freshness, below, twin.taken_back)
            at.write(self.shelf, at.start_row(table), row.model_dump_json())
            if set(at.run_ids(self.shelf, table)) <= pages:
                break

    def _below(self, described: Described) -> dict[str, Freshness]:
        """How fresh the tables below a summary are, as their own pages say."""
        twins = ((item.table, at.read_twin(self.shelf, item.table)) for item in described.below)
        return {table: twin.freshness for table, twin in twins if twin is not None}

    def _unseen(self, table: str, pages: set[str], lines: Sequence[Line]) -> list[Line]:
        """Lines of runs that other processes wrote since the index was read; older ones than it keeps stay out."""
        known = {line.run_id for line in lines}
        wanted = [at.run_page(table, run_id, "json") for run_id in sorted(pages - known)]
        return [run.line for run in at.read_many(self.shelf, wanted, RunTwin.model_validate_json)]

    def _mark_pages(
        self, run_ids: set[str], lines: Sequence[Line], pages: set[str], described: Described, now: datetime
    ) -> None:
        """Write pages of runs again that stand otherwise since: undone, or no longer to be undone, or published after all, or
        beside another run.
        """
        known, next_to = {line.run_id: line for line in lines}, beside(run_ids, lines, pages)
        keys = [at.run_page(described.table, run_id, "json") for run_id in run_ids]
        for run in at.read_many(self.shelf, keys, RunTwin.model_validate_json):
            if run.line.run_id in known:
                # The index drops examples and what would be noticed from its older lines; a run's own page keeps its own.
                own = {"noticed": run.line.noticed, "quarantine": run.line.quarantine, "labels": run.line.labels}
                line = known[run.line.run_id].model_copy(update=own)
                before, after = next_to[line.run_id]
                marked = run.model_copy(update={"line": line, "before": before, "after": after})
                if marked != run:
                    self._put_run(marked, described, now)

    def _retire(self, table: str, lines: Sequence[Line], pages: set[str]) -> set[str]:
        """Delete the oldest run pages beyond `keep_pages`; the page of what readers see now always stays."""
        order = {line.run_id: n for n, line in enumerate(lines)}
        oldest_first = sorted(pages, key=lambda run_id: order.get(run_id, -1))
        old = set(oldest_first[: max(len(pages) - self.keep_pages, 0)])
        for run_id in old:
            for ending in ("json", "html"):
                self.shelf.delete(at.run_page(table, run_id, ending))
        return old

    def _write_start(self, rows: Sequence[StartRow], now: datetime) -> dict[str, StartRow]:
        """Write the start page and its twin; returns the rows as the twin has them."""
        known = {row.table: row for row in rows}
        standing = {row.table: _standing(row, because(row.inputs, known, now)) for row in rows}
        listed = ",".join(row.model_dump_json() for row in standing.values())
        twin = f'{{"version":1,"written_at":"{now.isoformat()}","tables":[{listed}]}}'
        at.write(self.shelf, at.START_TWIN, twin)
        at.write(
            self.shelf,
            at.START_PAGE,
            start_html(
                rows,
                self.texts,
                now,
                at.newest_handover(self.shelf),
                at.METRICS_PAGE if at.has_metrics(self.shelf) else "",
            ),
        )
        return standing


def _standing(row: StartRow, below: tuple[Because, ...]) -> StartRow:
    return row.model_copy(update={"state": kept_state(row.state, below), "because": below})


def _without_examples(lines: Sequence[Line]) -> Iterator[Line]:
    """Lines as they are kept: examples of rows set aside are for what waits now, what would be noticed for the next batch, labels
    for the weeks that are compared; of all lines they would make the index large.
    """
    standing = by_batch(lines)
    newest = next((line.run_id for line in reversed(standing) if line.noticed), "")
    # Two weeks are held against each other, up to the newest batch; a day more where clocks change.
    last = standing[-1] if standing else None
    since = (last.window_start or last.at) - 2 * WEEK - timedelta(days=1) if last else None
    for n, line in enumerate(lines):
        if line.labels and since is not None and (line.window_start or line.at) < since:
            line = line.model_copy(update={"labels": {}})
        if line.noticed and line.run_id != newest:
            line = line.model_copy(update={"noticed": ()})
        if n < len(lines) - WITH_EXAMPLES and any(aside.examples for aside in line.quarantine):
            line = line.model_copy(
                update={
                    "quarantine": tuple(
                        aside.model_copy(update={"examples": (), "names": ""}) for aside in line.quarantine
                    )
                }
            )
        yield line


def _slim(line: Line) -> str:
    return line.model_dump_json(exclude_defaults=True)


def _with_schema(twin: TableTwin, record: RunRecord) -> TableTwin:
    return _with_columns(twin, line_of(record).schema_hash, columns_of(record))


def _with_columns(twin: TableTwin, schema: str, columns: tuple[Column, ...]) -> TableTwin:
    if not columns or schema in twin.schemas:
        return twin
    return twin.model_copy(update={"schemas": {**twin.schemas, schema: columns}})
