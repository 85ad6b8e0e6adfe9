"""One small table with every trap in it, in memory, on PostgreSQL and on a Redshift-like server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg2
import pytest

from deployments.declarations.suite import Suite
from deployments.embedded.stack import ephemeral_stack
from expectations.suites.frames import frame_of
from expectations.suites.outcome import RuleOutcome, SuiteOutcome
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch, Target, WarehouseTable

SHARED = Path(__file__).parents[4] / "shared"

COLUMNS = {
    "id": "BIGINT", "amount": "DECIMAL(10,2)", "n": "INTEGER", "f": "DOUBLE PRECISION", "s": "VARCHAR(40)",
    "word": "VARCHAR(40)", "flag": "BOOLEAN", "d": "DATE", "t": "TIMESTAMP", "a": "INTEGER", "b": "INTEGER",
    "c": "INTEGER", "doc": "VARCHAR(100)", "day": "VARCHAR(20)", "step": "INTEGER",
}  # fmt: skip
ROWS = [
    (1, "0.10", 1, 0.1, "web", "ab12", True, "2024-01-01", "2024-01-01 00:00:00", 3, 1, 2, '{"k": 1}', "2024-01-01", 1),
    (2, "5.00", 2, 1.0, "web", "cd34", False, "2024-01-02", "2024-01-02 06:00:00", 5, 2, 3, "[1]", "2024-02-29", 2),
    (3, None, None, None, None, None, None, None, None, None, None, None, None, None, 3),
    (4, "9.90", 2, 2.5, "it's", "ef56", True, "2024-01-03", "2024-01-03 12:00:00", 9, 4, 5, "null", "2023-12-31", 4),
    (5, "9.90", 9, 4.0, "한글", "gh78", True, "2024-01-03", "2024-01-03 18:00:00", 6, None, 6, '"x"', "2024-01-05", 5),
    (6, "3.00", 4, 2.0, 'a"b\\c', "ij90", False, "2024-01-04", "2024-01-04 00:00:00", 2, 1, 1, "{}", "2024-01-06", 6),
]


@pytest.fixture(scope="session")
def memory() -> InMemoryBatch:
    """The table as a DataFrame, by way of DuckDB as in a run."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE world ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        connection.executemany(f"INSERT INTO world VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
        return InMemoryBatch(frame_of(connection.table("world").order("id")))


def fill(url: str) -> None:
    """The table in the warehouse, a table to refer to, and one of the same name that must not be mixed up with it."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA checks")
            cursor.execute("CREATE SCHEMA elsewhere")
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            cursor.execute(f"CREATE TABLE checks.world ({columns})")
            for row in ROWS:
                cursor.execute(f"INSERT INTO checks.world VALUES ({', '.join(['%s'] * len(COLUMNS))})", row)
            cursor.execute("CREATE TABLE elsewhere.world (other INTEGER)")
            cursor.execute("CREATE TABLE checks.known (n INTEGER)")
            for number in (1, 2, 2, 9, None):
                cursor.execute("INSERT INTO checks.known VALUES (%s)", (number,))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with ephemeral_stack(("postgres",)) as (_, state):
        url = state.warehouse_url
        assert url is not None
        fill(url)
        yield url


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> WarehouseTable:
    return WarehouseTable(postgres_url, "checks", "world", "postgresql")


@pytest.fixture(scope="session")
def redshift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarehouseTable]:
    if not (SHARED / "redshift_double").is_dir():
        pytest.skip("../shared/redshift_double is absent")
    log = (tmp_path_factory.mktemp("redshift") / "stderr.txt").open("w")
    command = [sys.executable, "-m", "redshift_double", "--port", "0", "--control-port", "0"]
    server = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(SHARED)}, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        assert server.stdout is not None
        ready = server.stdout.readline().split()
        assert ready[:1] == ["ready"], Path(log.name).read_text()
        port = dict(word.split("=") for word in ready[1:])["port"]
        url = f"postgresql://awsuser:Passw0rd@127.0.0.1:{port}/dev?sslmode=disable"
        fill(url)
        yield WarehouseTable(url, "checks", "world", "redshift")
    finally:
        server.terminate()
        server.wait(120)
        log.close()


def suite_of(*rules: tuple[str, dict[str, Any]]) -> Suite:
    """A suite from names without `expect_` and arguments."""
    named = [{"code": f"R-{n}", "type": f"expect_{name}", "kwargs": kwargs} for n, (name, kwargs) in enumerate(rules)]
    return Suite.model_validate({"table": "checks.world", "expectations": named})


@pytest.fixture
def run(frame: pd.DataFrame) -> Callable[..., SuiteOutcome]:
    """Judge a target (default: the small frame) by some rules."""

    def judged(*rules: tuple[str, dict[str, Any]], target: Target | None = None, **arguments: Any) -> SuiteOutcome:
        return run_suite(suite_of(*rules), target or InMemoryBatch(frame), **({"key": ["id"]} | arguments))

    return judged


@pytest.fixture
def judge(run: Callable[..., SuiteOutcome]) -> Callable[..., RuleOutcome]:
    """Judge a target by one rule."""

    def judged(name: str, target: Target | None = None, parameters: Any = None, **kwargs: Any) -> RuleOutcome:
        return run((name, kwargs), target=target, parameters=parameters).rules[0]

    return judged


@pytest.fixture
def frame() -> pd.DataFrame:
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    return pd.DataFrame({"id": [1, 2, 3], "n": [1.0, 2.0, 50.0], "s": ["Kim", "Lee", "Kim"], "t": days})
