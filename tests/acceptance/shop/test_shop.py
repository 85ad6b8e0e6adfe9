"""The shop, loaded from its real sources by the real flows: its summaries equal figures computed without them.

The computations are those of tests/deployments/shop/test_summaries.py, from the generator's rows; there they judge each SQL
file, here what stands in the warehouse after extract, COPY, publish and summarize.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import psycopg2
import pytest

from deployments.project import SHOP, Project, load_project
from deployments.settings import Settings
from deployments.shop.world.planted import BAD_ANSWER, DRIFT
from deployments.shop.world.production import load_production
from deployments.shop.world.server import make_server

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from flows.run import Outcome
    from tasks.workbench import Workbench

_file = Path(__file__).parents[2] / "deployments" / "shop" / "test_summaries.py"
_spec = importlib.util.spec_from_file_location("shop_computations", _file)
assert _spec is not None
assert _spec.loader is not None
_computed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_computed)
_taken = ("world", "dated", "test_calendar_month", "test_monthly_active_users", "test_channel_month", "test_cohort_retention",
          "test_user_first_last_channel", "test_attribution_month", "test_variant_readout", "test_monthly_key_figures",
          "test_user_summary", "test_monthly_nps")  # fmt: skip
globals().update({name: getattr(_computed, name) for name in _taken})


@pytest.fixture(scope="module")
def shop() -> Project:
    return load_project(SHOP)


@pytest.fixture(scope="module")
def bench(
    clients: StackState, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    from tasks import workbench

    production = new_database()
    load_production(production)
    server = make_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = f"http://127.0.0.1:{server.server_address[1]}"
    state = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbench, "_current", None)
        yield workbench.use(
            Settings(
                project=SHOP, state=state, warehouse_url=new_database(), stage_url="s3://headgate/shop", pii_key="k" * 32,
                connections={"production": production, "survey": web, "files": web}, local_stack=True,
            )
        )  # fmt: skip
    server.shutdown()
    server.server_close()


def run_all(bench: Workbench) -> Outcome:
    from flows.choosing import Selection
    from flows.run import run_tables

    return run_tables(bench, [*bench.project.tables, *bench.project.build_order()], Selection())


@pytest.fixture(scope="module")
def outcome(bench: Workbench) -> Outcome:
    return run_all(bench)


@pytest.fixture(scope="module")
def built(bench: Workbench, outcome: Outcome) -> dict[str, pd.DataFrame]:
    """The summaries as they stand in the warehouse."""
    frames = {}
    with closing(psycopg2.connect(bench.warehouse.address.url)) as connection, connection.cursor() as cursor:
        for name, summary in bench.project.summaries.items():
            cursor.execute(f"SELECT * FROM {name}")
            frame = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
            for column in frame.columns.intersection(["month", "cohort_month"]):
                frame[column] = pd.to_datetime(frame[column])
            frames[summary.name] = frame
    return frames


def test_everything_is_published_and_every_row_accounted_for(bench: Workbench, outcome: Outcome) -> None:
    assert (outcome.failures, outcome.skipped) == ([], [])
    windows = {"customer_interactions": 30, "nps": 7, "session_timestamp": 7, "session_transaction": 7}
    expected = sum(windows.get(table.name, 1) for table in bench.project.tables.values()) + len(bench.project.summaries)
    assert len(outcome.published) == expected
    for record in outcome.published:
        counts = record.counts
        assert counts["extracted"] == counts["published"] + counts["quarantined"] + counts["superseded"], record.run_id


def test_monthly_active_users_are_one_metric_in_two_summaries(bench: Workbench, outcome: Outcome) -> None:
    from tasks.warehouses import metric_comparisons
    from tasks.warehouses.session import session

    assert outcome.failures == []
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        (found,) = metric_comparisons.read(bench.warehouse, cursor)
    assert {found.target, found.other} == {"analytics.monthly_active_users", "analytics.monthly_key_figures"}
    assert (found.metric, found.grain, found.differing) == ("monthly_active_users", "by month", 0)
    assert found.compared > 0


def test_exactly_the_planted_warnings_are_told(bench: Workbench, outcome: Outcome) -> None:
    from flows.cli.demo import unplanned

    assert unplanned(bench, outcome) == []
    warned = {(record.table, record.label) for record in outcome.records if record.status == "warned"}
    assert warned == {(BAD_ANSWER.table, "2019-09"), (DRIFT.table, "2019-11-30")}
    assert outcome.exit_code == 3


def test_the_readme_shows_what_the_demo_prints(
    bench: Workbench, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every word of it, in this order; where it leaves lines out it says so. Seconds are any."""
    from flows.cli.console import Console
    from flows.cli.demo import tell

    for record in outcome.published:
        if record.status == "warned" and record.table == BAD_ANSWER.table:
            Console(brief=True).end(record)
    tell(bench, outcome, [], 90)
    printed = _words(capsys.readouterr().out)
    for piece in _block_after(Path("README.md"), "make demo").split("\n  ...\n"):
        assert _words(piece) in printed, printed
        printed = printed.partition(_words(piece))[2]


def _block_after(file: Path, text: str) -> str:
    """The first block of output in a page after the block that has a text."""
    blocks = file.read_text(encoding="utf-8").split("```")[1::2]
    at = next(n for n, block in enumerate(blocks) if text in block)
    return next(block for block in blocks[at + 1 :] if block.startswith("\n"))


def _words(text: str) -> str:
    """Without colours, line ends and seconds."""
    return " ".join(re.sub(r"[\d.]+ s\b|\x1b\[[\d;]*m", "", text).split())


def test_the_bad_answer_is_in_quarantine_without_its_personal_data(bench: Workbench, outcome: Outcome) -> None:
    with closing(psycopg2.connect(bench.warehouse.address.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT code, column_name, raw FROM quarantine.raw_data__nps")
        [(code, column, raw)] = cursor.fetchall()
    assert (code, column) == (BAD_ANSWER.reason, BAD_ANSWER.column)
    assert raw is None or "@" not in raw


def test_a_second_run_loads_nothing(bench: Workbench, outcome: Outcome) -> None:
    with closing(psycopg2.connect(bench.warehouse.address.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ops.ledger")
        before = cursor.fetchone()
        again = run_all(bench)
        assert (again.published, again.failures, again.exit_code) == ([], [], 0)
        assert {record.status for record in again.records} <= {"unchanged", "already_published"}
        connection.rollback()
        cursor.execute("SELECT count(*) FROM ops.ledger")
        assert cursor.fetchone() == before
