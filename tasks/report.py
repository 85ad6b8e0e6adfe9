"""Report: the record of a run where people look for it. Pages at the report URL, artifacts in Prefect, JSON on disk."""

from __future__ import annotations

import glob
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from psycopg2 import Error

from deployments.errors import DeclarationError, HeadgateError
from deployments.rota import shift_at
from expectations.record import RunRecord
from expectations.report import shelf
from expectations.report.about import Described
from expectations.report.actions import Links
from expectations.report.describe import described
from expectations.report.model import Facts
from expectations.report.pages import keep_compiled
from expectations.report.site import Site
from expectations.report.texts import Texts
from expectations.withheld import cleaned
from tasks import report_facts
from tasks.metrics_page import write_metrics
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import open_store
from tasks.report_artifacts import links, write_artifacts
from tasks.report_facts import KeptRuns
from tasks.rollback import undoable
from tasks.workbench import Workbench

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """What `build` or `publish` wrote. `written`: pages of runs that weren't as they should be."""

    url: str
    tables: int
    runs: int
    objects: int
    written: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: `number` of `tables` is done, of whose `runs` so many pages were written."""

    table: str
    number: int
    tables: int
    runs: int
    written: int


def keep_locally(bench: Workbench, record: RunRecord) -> Path:
    """The record as JSON in the state folder, whole or not at all: readable while the warehouse is down."""
    file = bench.settings.state / "runs" / record.table / f"{record.run_id}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = cleaned(record).model_dump_json(indent=1, exclude={"profile"})
    writing = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    writing.write_text(text, encoding="utf-8")
    os.replace(writing, file)  # noqa: PTH105 - atomic on the same folder
    return file


def kept_locally(bench: Workbench, run_id: str) -> RunRecord | None:
    """What `keep_locally` wrote of a run on this machine; None when it wrote nothing."""
    if Path(run_id).name != run_id:
        # No id of a run; as part of a path it would lead to files that are no records.
        return None
    for file in bench.settings.state.joinpath("runs").glob(f"*/{glob.escape(run_id)}.json"):
        return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
    return None


def publish_report(bench: Workbench, record: RunRecord) -> None:
    """Pages, ops figures and artifacts of the run. Running it twice for a run writes the same again.

    A warehouse that is down costs the facts only it knows (undo, decisions), not the page. Raises HeadgateError or
    OSError when the report's store can't be written; artifacts never raise.
    """
    now = datetime.now(UTC)
    texts = Texts()
    site = site_of(bench, links(record))
    about = _described(bench, record, texts)
    facts = _asked(lambda: _facts(bench, record.table, now), record)
    # Before the start page, which links it.
    _asked(lambda: write_metrics(bench, site.shelf, now), record)
    result = site.add(record, about, now, facts, _declared(bench, texts))
    _asked(lambda: report_facts.save_status(bench.warehouse, result.line, result.row, now), record)
    if result.others:
        _asked(lambda: report_facts.save_states(bench.warehouse, result.others), record)
    write_artifacts(record, page_url(bench, record), texts)


def refresh_table(bench: Workbench, target: str, where: Links | None = None) -> None:
    """The page of a table with what was found since its last run. Never raises: the page is no part of what was done."""
    now = datetime.now(UTC)
    try:
        about = described(bench.project, target, Texts())
        site_of(bench, where or Links()).refresh(about, _facts(bench, target, now), now)
    except (Error, HeadgateError, OSError) as error:
        logger.warning("the page of %s could not be written: %s", target, error)


def page_url(bench: Workbench, record: RunRecord) -> str:
    """The address of a run's page, for notices and links."""
    return f"{bench.report_url.rstrip('/')}/{shelf.run_page(record.table, record.run_id)}"


def build(
    bench: Workbench, limit: int = 1000, told: Callable[[Progress], None] | None = None, *, pages: int | None = None,
    anew: bool = False,
) -> Built:  # fmt: skip
    """Bring the whole report to what the ops tables say: the last `limit` runs of every table and summary, and a page of its own
    for the newest `pages` of them (as many as are kept). Pages of runs of which nothing has changed since the last build stay
    as they are, unless `anew`.

    What only runs that failed had measured isn't kept there: their figures are missing from the trends afterwards.
    """
    now, texts, site = datetime.now(UTC), Texts(), site_of(bench, Links())
    runs = tables = written = 0
    targets = report_facts.targets_with_runs(bench.warehouse)
    for number, target in enumerate(targets, start=1):
        kept = report_facts.kept_runs(bench.warehouse, target, limit)
        if not kept.digests:
            continue
        facts = _facts(bench, target, now)
        count = site.bring_up(_described_by(bench, target, kept, texts), kept, facts, now, pages, anew=anew)
        tables, runs, written = tables + 1, runs + len(kept.digests), written + count
        if told is not None:
            told(Progress(target, number, len(targets), len(kept.digests), count))
    write_metrics(bench, site.shelf, now)
    site.write_start(now, _declared(bench, texts))
    return Built(bench.report_url, tables, runs, len(_pages(site.shelf.keys(""))), written)


def rebuild(bench: Workbench, target: str) -> int:
    """Write the pages of one table anew from the ops tables, old ones gone; how many runs. None were there: none are written."""
    now, texts, site = datetime.now(UTC), Texts(), site_of(bench, Links())
    if not site.shelf.delete(f"tables/{target}/"):
        return 0
    kept = report_facts.kept_runs(bench.warehouse, target, site.keep_pages)
    if not kept.digests:
        return 0
    facts = report_facts.facts_of(bench.warehouse, target)
    site.bring_up(_described_by(bench, target, kept, texts), kept, facts, now, anew=True)
    site.write_start(now, _declared(bench, texts))
    return len(kept.digests)


def write_start(bench: Workbench, now: datetime) -> None:
    """Write the start page anew, with every declared table."""
    site_of(bench, Links()).write_start(now, _declared(bench, Texts()))


def copy_site(source: ObjectStore, target: ObjectStore, told: Callable[[str, int], None] | None = None) -> Built:
    """Copy every page to another store. The start page comes last, so that no link leads nowhere meanwhile."""
    keys = source.keys("")
    if shelf.START_PAGE not in keys:
        raise DeclarationError(
            f"there is no report at {source.base}", code="NO-REPORT", next_command="headgate report build"
        )
    known = _pages(keys)
    for n, key in enumerate(sorted(known, key=_from_the_leaves), start=1):
        target.put(key, source.get(key), shelf.content_type(key))
        if told is not None:
            told(key, n)
    tables = sum(key.startswith("start/") for key in known)
    return Built(target.base, tables, sum("/runs/" in key and key.endswith(".html") for key in known), len(known))


def site_of(bench: Workbench, where: Links) -> Site:
    """The report at the configured address."""
    keep_compiled(bench.settings.state / "templates")
    return Site(open_store(bench.report_url, "HEADGATE_REPORT_URL"), Texts(), where)


def _described(bench: Workbench, record: RunRecord, texts: Texts) -> Described:
    known = _declared_one(bench, record.table, texts)
    if known is not None:
        return known
    kind = "summary" if record.kind == "summary" else "table"
    return Described(table=record.table, declared=False, kind=kind, description=record.description, owner=record.owner,
                     tier=record.tier, metrics=record.metrics)  # fmt: skip


def _described_by(bench: Workbench, target: str, runs: KeptRuns, texts: Texts) -> Described:
    """A table that isn't declared any more is told by its newest record."""
    known = _declared_one(bench, target, texts)
    return known or _described(bench, next(runs.read({next(reversed(runs.digests))})), texts)


def _facts(bench: Workbench, table: str, now: datetime) -> Facts:
    declared = table in bench.project.tables or table in bench.project.summaries
    facts = report_facts.facts_of(bench.warehouse, table, *([partial(undoable, bench, table)] if declared else []))
    rota = bench.project.oncall
    person = None if rota is None else shift_at(rota, now).person
    name = rota.people[person].name if rota is not None and person is not None else ""
    return facts.model_copy(update={"on_call": name})


def _declared_one(bench: Workbench, name: str, texts: Texts) -> Described | None:
    """None for a table that isn't declared any more: its runs still have a story."""
    project = bench.project
    known = name in project.tables or name in project.summaries
    return described(project, name, texts) if known else None


def _declared(bench: Workbench, texts: Texts) -> Iterator[Described]:
    project = bench.project
    return (described(project, name, texts) for name in (*project.tables, *project.summaries))


def _asked(ask: Callable[[], Result], record: RunRecord) -> Result | None:
    try:
        return ask()
    except (Error, HeadgateError) as error:
        logger.warning("the report of %s goes without the warehouse: %s", record.run_id, error)
        return None


def _pages(keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key.rpartition(".")[2] in shelf.ENDINGS]


def _from_the_leaves(key: str) -> tuple[int, str]:
    depth = 0 if "/runs/" in key else 1 if key.startswith("tables/") else 2 if key.startswith("start/") else 3
    return depth, key
