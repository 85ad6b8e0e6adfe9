"""A build writes the pages of which something has changed, and what is there then is what a build of everything writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from expectations.record import RunRecord
from expectations.report import built
from expectations.report import shelf as at
from expectations.report.about import Described
from expectations.report.model import Decision, Facts, Publish
from expectations.report.site import Site
from expectations.withheld import cleaned
from tasks.objects.store import FolderStore

TABLE = "raw_data.sales"
NOW = datetime.fromisoformat("2026-04-20T12:00:00+00:00")


@dataclass
class Books:
    """What a warehouse keeps of a table's runs."""

    records: dict[str, RunRecord] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    reads: int = 0

    @property
    def digests(self) -> dict[str, str]:
        kept = sorted(self.records.values(), key=lambda record: (record.started_at, record.run_id))
        return {record.run_id: built.digest(record.model_dump_json()) for record in kept}

    def read(self, run_ids: Collection[str]) -> Iterator[RunRecord]:
        self.reads += len(run_ids)
        return (cleaned(self.records[run_id]) for run_id in self.digests if run_id in run_ids)

    @property
    def facts(self) -> Facts:
        kept = [self.records[run_id] for run_id in self.digests]
        publishes = tuple(
            Publish(sequence=n, batch_key=one.batch_key, kind="publish", run_id=one.run_id, published_at=one.started_at, rows=1,
                    undone_by=1000 if one.run_id in self.undone else None, can_undo=n == len(kept))
            for n, one in enumerate(kept, start=1)
        )  # fmt: skip
        decisions = tuple(
            Decision(decided_at=NOW - timedelta(days=1), kind="rollback", what=self.records[run_id].batch_key, by="maria",
                     run_id=run_id)
            for run_id in sorted(self.undone)
        )  # fmt: skip
        return Facts(publishes=publishes, decisions=decisions)


def pages(site: Site) -> dict[str, bytes]:
    return {key: site.shelf.get(key) for key in site.shelf.keys("tables") if not key.endswith(".state")}


def of_everything(folder: Path, sales: Described, books: Books) -> dict[str, bytes]:
    site = Site(FolderStore(folder.as_uri()))
    site.bring_up(sales, books, books.facts, NOW, anew=True)
    return pages(site)


@pytest.fixture
def books(run_of: Callable[..., RunRecord]) -> Books:
    return Books({record.run_id: record for record in map(run_of, range(12))})


def brought_up(site: Site, sales: Described, books: Books, now: datetime = NOW) -> int:
    return site.bring_up(sales, books, books.facts, now)


def test_what_has_not_changed_stays_as_it_is(site: Site, sales: Described, books: Books) -> None:
    assert brought_up(site, sales, books) == 12
    before, books.reads = pages(site), 0
    assert brought_up(site, sales, books, NOW + timedelta(minutes=1)) == 0
    assert books.reads == 0
    after = pages(site)
    assert {key for key in before if before[key] != after[key]} == {at.table_page(TABLE), at.table_page(TABLE, "json")}


@pytest.mark.parametrize("ending", ["html", "json"])
@pytest.mark.parametrize("how", ["lost", "cut off", "other bytes of the same length"])
def test_a_page_that_is_not_as_it_was_written(
    site: Site, sales: Described, books: Books, how: str, ending: str
) -> None:
    brought_up(site, sales, books)
    before = pages(site)
    key = at.run_page(TABLE, list(books.digests)[4], ending)
    if how == "lost":
        site.shelf.delete(key)
    else:
        site.shelf.put(key, before[key][:-9] if how == "cut off" else before[key][::-1])
    assert brought_up(site, sales, books) == 1
    assert pages(site) == before


@pytest.mark.parametrize("state", ["lost", "cut off", "no JSON", "of an older version", "of another declaration"])
def test_what_was_written_is_not_known(
    site: Site, sales: Described, books: Books, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_up(site, sales, books)
    key = at.built(TABLE)
    kept = site.shelf.get(key)
    if state == "lost":
        site.shelf.delete(key)
    elif state == "of an older version":
        monkeypatch.setattr(built, "_software", lambda: "another")
    elif state == "of another declaration":
        sales = sales.model_copy(update={"description": "One row per sale, at last."})
    else:
        site.shelf.put(key, kept[: len(kept) // 2] if state == "cut off" else b"[]")
    assert brought_up(site, sales, books) == 12
    assert brought_up(site, sales, books) == 0


def test_anew_writes_every_page(site: Site, sales: Described, books: Books) -> None:
    brought_up(site, sales, books)
    assert site.bring_up(sales, books, books.facts, NOW, anew=True) == 12


@pytest.mark.parametrize("seed", range(4))
def test_as_a_build_of_everything(
    site: Site, sales: Described, books: Books, run_of: Callable[..., RunRecord], tmp_path: Path, seed: int
) -> None:
    """Twelve changes, some of which are built at once: new runs, loads again, records that are other ones, undone publishes, runs
    that told themselves, lost and damaged objects."""
    random, written, seen = Random(seed), 0, 0
    brought_up(site, sales, books)
    for step in range(12):
        one = random.choice(list(books.digests))
        record = books.records[one]
        key = at.run_page(TABLE, one, random.choice(("html", "json")))
        match random.choice(("new", "again", "other", "undone", "added", "lost", "damaged", "forgotten")):
            case "new":
                new = run_of(12 + step, rows=random.randrange(90, 120))
                books.records[new.run_id] = new
            case "again":
                later = record.started_at + timedelta(days=20, minutes=step)
                new = record.model_copy(update={"run_id": f"{one}-{step}", "started_at": later, "finished_at": later})
                books.records[new.run_id] = new
            case "other":
                books.records[one] = record.model_copy(
                    update={"counts": {**record.counts, "extracted": random.randrange(99)}}
                )
            case "undone":
                books.undone ^= {one}
            case "added":
                new = run_of(40 + step)
                books.records[new.run_id] = new
                site.add(new, sales, NOW, books.facts)
            case "lost":
                site.shelf.delete(key)
            case "damaged":
                site.shelf.put(key, b"<html>")
            case _ if random.random() < 0.3:
                site.shelf.delete(at.built(TABLE))
        if random.random() < 0.6:
            written, seen = written + brought_up(site, sales, books), seen + len(books.records)
            assert pages(site) == of_everything(tmp_path / f"anew-{step}", sales, books), step
    assert written < 0.7 * seen
