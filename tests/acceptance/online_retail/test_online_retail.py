"""Real input: a shop's orders in daily files over HTTP, with numbers written 17850.0, nulls, duplicates and days without a file.

What stands in the warehouse is compared with what Python's csv module reads from the same files. Fifteen days always; all 305
files (541,909 rows) as a story.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from deployments.settings import Settings

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from flows.run import Outcome
    from tasks.workbench import Workbench

ARCHIVE = Path(__file__).parents[4] / "shared" / "data" / "online_retail_by_day.tar.gz"
FIRST, END, LONDON = date(2010, 12, 1), date(2011, 12, 10), ZoneInfo("Europe/London")
TABLE = """\
table: raw.online_retail
description: One row per line of an invoice.
owner: data@example.com
source: {kind: csv, url: "BASE/{window.start:%Y-%m-%d}.csv", on_missing: empty}
window: {every: day, timezone: Europe/London, start: 2010-12-01, end: 2011-12-10}
schedule: {cron: "0 3 * * *", parallel: 2}
columns:
  - {name: invoice, from: InvoiceNo, type: varchar(10), nullable: false}
  - {name: stock_code, from: StockCode, type: varchar(20), nullable: false}
  - {name: description, from: Description, type: varchar(60)}
  - {name: quantity, from: Quantity, type: integer, nullable: false}
  - {name: invoiced_at, from: InvoiceDate, type: timestamp, source_timezone: Europe/London, nullable: false}
  - {name: unit_price, from: UnitPrice, type: "decimal(12,3)", unit: GBP, nullable: false}
  - {name: customer, from: CustomerID, type: integer, cast: whole_number}
  - {name: country, from: Country, type: varchar(40), nullable: false}
load: {mode: replace_window, window_column: invoiced_at}
"""
Row = tuple[Any, ...]


@dataclass
class Loaded:
    """A stretch of days after its first run."""

    days: list[date]
    files: dict[date, list[Row]]
    bench: Workbench
    first: Outcome
    run: Callable[[], Outcome]

    def ask(self, statement: str) -> list[Row]:
        with closing(psycopg2.connect(self.bench.warehouse.address.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    @property
    def rows(self) -> Iterator[Row]:
        return (row for rows in self.files.values() for row in rows)


def read(data: bytes) -> list[Row]:
    """Rows as they should stand in the warehouse."""
    lines = csv.reader(io.StringIO(data.decode(), newline=""))
    assert next(lines)[3] == "Quantity"
    return [
        (invoice, stock, text or None, int(quantity),
         datetime.fromisoformat(at).replace(tzinfo=LONDON).astimezone(UTC).replace(tzinfo=None), Decimal(price),
         int(float(customer)) if customer else None, country)
        for invoice, stock, text, quantity, at, price, customer, country in lines
    ]  # fmt: skip


@pytest.fixture(scope="module", params=["fifteen days", pytest.param("all days", marks=pytest.mark.story)])
def loaded(
    request: pytest.FixtureRequest, clients: StackState, new_database: Callable[[], str],
    new_web: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Loaded]:  # fmt: skip
    if not ARCHIVE.exists():
        pytest.skip("../shared/data/online_retail_by_day.tar.gz is absent")
    from flows.choosing import Selection
    from flows.run import run_tables
    from tasks import workbench

    end = FIRST + timedelta(days=15) if request.param == "fifteen days" else END
    days = [FIRST + timedelta(days=n) for n in range((end - FIRST).days)]
    web, files = new_web(), {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            data = archive.extractfile(member) if member.name.endswith(".csv") else None
            day = None if data is None else date.fromisoformat(Path(member.name).stem)
            if data is not None and day in days:
                body = data.read()
                web.put(f"/{day}.csv", body)
                files[day] = read(body)
    folder = tmp_path_factory.mktemp("retail")
    (folder / "tables").mkdir()
    (folder / "tables" / "online_retail.yaml").write_text(TABLE.replace("BASE", web.base))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbench, "_current", None)
        bench = workbench.use(
            Settings(
                project=folder, state=folder / "state", warehouse_url=new_database(), stage_url="s3://headgate/retail"
            )
        )
        selection = Selection(start=str(FIRST), end=str(end))
        yield Loaded(
            days, files, bench, run_tables(bench, ["online_retail"], selection),
            lambda: run_tables(bench, ["online_retail"], selection),
        )  # fmt: skip
    web.close()


def test_every_row_is_accounted_for(loaded: Loaded) -> None:
    assert (loaded.first.failures, loaded.first.skipped) == ([], [])
    total = sum(1 for _ in loaded.rows)
    counts = [record.counts for record in loaded.first.records]
    assert sum(count["extracted"] for count in counts) == sum(count["published"] for count in counts) == total
    assert loaded.ask("SELECT count(*) FROM raw.online_retail") == [(total,)]
    if len(loaded.days) > 15:
        assert (total, len(loaded.files), len(loaded.days)) == (541_909, 305, 374)


def test_the_sums_are_those_of_the_files(loaded: Loaded) -> None:
    [found] = loaded.ask(
        "SELECT sum(quantity), sum(quantity * unit_price), count(customer), count(description), sum(customer) "
        "FROM raw.online_retail"
    )
    rows = list(loaded.rows)
    assert found == (
        sum(row[3] for row in rows), sum(row[3] * row[5] for row in rows), sum(row[6] is not None for row in rows),
        sum(row[2] is not None for row in rows), sum(row[6] or 0 for row in rows),
    )  # fmt: skip


def test_the_rows_are_those_of_the_files(loaded: Loaded) -> None:
    assert Counter(loaded.ask("SELECT * FROM raw.online_retail")) == Counter(loaded.rows)


def test_each_window_has_one_proof_and_days_without_a_file_are_empty(loaded: Loaded) -> None:
    proofs = loaded.ask("SELECT batch_key, kind, inserted FROM ops.proof__raw__online_retail")
    grid = loaded.bench.project.table("online_retail").grid
    assert grid is not None
    expected = {
        grid.parse(str(day)).key: ("publish", len(loaded.files[day])) if day in loaded.files else ("empty", 0)
        for day in loaded.days
    }
    assert len(proofs) == len(loaded.days)
    assert {key: (kind, inserted) for key, kind, inserted in proofs} == expected
    empty = [record for record in loaded.first.records if not record.counts["extracted"]]
    assert len(empty) == len(loaded.days) - len(loaded.files)
    assert all("nothing for this window" in record.steps[0].line for record in empty)


def test_a_second_run_loads_nothing(loaded: Loaded) -> None:
    before = loaded.ask("SELECT count(*), max(sequence) FROM ops.proof__raw__online_retail")
    again = loaded.run()
    assert (again.records, again.failures, again.exit_code) == ([], [], 0)
    assert loaded.ask("SELECT count(*), max(sequence) FROM ops.proof__raw__online_retail") == before
