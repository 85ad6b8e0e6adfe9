"""The engine sees the folder it is given and nothing else of the machine, whatever SQL is run in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from expectations.contract.engine import connect, lock

ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine of a spool, with a secret of somebody else's beside it."""
    (tmp_path / "secret.csv").write_text("a\nMARK\n")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "part.csv").write_text("a\n1\n")
    with closing(connect(tmp_path / "spool" / "duckdb")) as connection:
        yield connection


@pytest.mark.parametrize("statement", [
    "SELECT * FROM read_csv('{here}/secret.csv')", "SELECT * FROM '{here}/secret.csv'",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM read_blob('{here}/secret.csv')",
    "SELECT * FROM read_csv('{here}/spool/../secret.csv')", "SELECT * FROM read_csv('{here}/link.csv')",
    "COPY (SELECT 1) TO '{here}/made.csv'", "ATTACH '{here}/made.db'", "EXPORT DATABASE '{here}/made'",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x')", "INSTALL httpfs", "LOAD '{here}/x.duckdb_extension'",
    "SET enable_external_access = true", "SET allowed_directories = ['/']", "RESET enable_external_access",
    "SET memory_limit = '100GB'", "PRAGMA enable_profiling", "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
])  # fmt: skip
def test_what_is_outside_is_out_of_reach(engine: duckdb.DuckDBPyConnection, tmp_path: Path, statement: str) -> None:
    before = sorted(tmp_path.iterdir())
    try:
        found = str(engine.execute(statement.replace("{here}", str(tmp_path))).fetchall())
    except duckdb.Error as refused:
        found = str(refused)
    else:
        pytest.fail(f"it ran: {found}")
    assert "MARK" not in found
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_in_the_folder_is_read_and_written(engine: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    assert engine.execute(f"SELECT * FROM read_csv('{spool}/part.csv')").fetchall() == [(1,)]
    engine.execute(f"COPY (SELECT 2 AS a) TO '{spool}/made.csv'")
    assert (spool / "made.csv").read_text() == "a\n2\n"


def test_a_folder_behind_a_link_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "part.csv").write_text("a\n1\n")
    (tmp_path / "link").symlink_to("real")
    with closing(connect(tmp_path / "link" / "duckdb")) as connection:
        assert connection.execute(f"SELECT * FROM read_csv('{tmp_path}/link/part.csv')").fetchall() == [(1,)]


def test_it_still_spills_what_is_larger_than_its_memory(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "duckdb", memory_mb=32)) as connection:
        statement = "SELECT count(*) FROM (SELECT md5(range::VARCHAR) AS a FROM range(1500000) ORDER BY a OFFSET 1)"
        assert connection.execute(statement).fetchall() == [(1_499_999,)]


def test_without_a_folder_no_file_is_seen() -> None:
    with duckdb.connect() as connection:
        lock(connection)
        with pytest.raises(duckdb.Error):
            connection.execute("SELECT * FROM read_text('/etc/passwd')")


def test_every_engine_of_the_program_is_locked() -> None:
    """A new `duckdb.connect` is followed by `lock`."""
    found = []
    for folder in ("deployments", "expectations", "tasks", "flows"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text()
            if len(re.findall(r"duckdb\.connect\(", text)) > len(re.findall(r"\block\(con", text)):
                found.append(file.name)
    assert found == []
