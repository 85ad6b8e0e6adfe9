"""The rows that a large batch's profile is measured of, kept while its parts are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from deployments.declarations.table import Table
from expectations.contract.layout import lay_out
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.split import split
from expectations.contract.staged_rows import typed_relation
from expectations.drift.compare import redelivered
from expectations.profile import measure
from expectations.profile.measure import stable_columns
from expectations.profile.sampling import SAMPLED, Sampling
from tasks.assess import profile_columns

ROWS = 2 * SAMPLED
COLUMNS = (
    {"name": "id", "type": "integer"}, {"name": "name", "type": "varchar(20)"},
    {"name": "at", "type": "timestamp", "source_timezone": "UTC"},
)  # fmt: skip


def checked(table: Table, folder: Path, sampling: Sampling | None, faulty: str) -> list[CheckedPart]:
    """Parts of ROWS rows; in the second one a row that is set aside."""
    lines = [f"{i},name {i % 977},2024-01-{1 + i % 28:02d} 10:00:00" for i in range(ROWS)]
    lines[ROWS - 10] = faulty
    layout = lay_out(table, ("id", "name", "at"), ",", "here")
    checker = PartChecker(table, layout, (), "", None, folder / "duckdb", sampling=sampling)
    parts = []
    for part in split(
        [("\n".join(lines) + "\n").encode()[i : i + 2**20] for i in range(0, ROWS * 45, 2**20)], ",", 2**22
    ):
        raw = folder / f"raw-{part.number}"
        raw.write_bytes(part.data)
        parts.append(checker.check(part, raw, folder / f"clean-{part.number}"))
    checker.close()
    return parts


@pytest.mark.parametrize("faulty", ["7,fit,2024-01-01 10:00:00", "no number,x,2024-01-01 10:00:00"])
def test_it_is_the_sample_that_reading_the_batch_once_more_gives(
    make_table: Callable[..., Table], tmp_path: Path, faulty: str
) -> None:
    table = make_table(*COLUMNS)
    columns = profile_columns(table)
    sampling = Sampling(columns, (0, 1), ROWS)
    parts = checked(table, tmp_path, sampling, faulty)
    accepted = sum(part.accepted for part in parts)
    relation = typed_relation(table, [part.path for part in parts], ",", "")
    assert accepted == ROWS - faulty.startswith("no")
    with duckdb.connect() as connection:
        assert stable_columns(connection, relation, columns) == sampling.stable
        kept = f"read_parquet([{', '.join(repr(str(part.sample)) for part in parts)}])"
        again = sampling.select_sql(relation)
        differ = f"SELECT count(*) FROM ((FROM {kept} EXCEPT ALL {again}) UNION ALL ({again} EXCEPT ALL FROM {kept}))"
        assert connection.execute(differ).fetchall() == [(0,)]
        profile = measure(connection, relation, columns, sampled=kept)
        assert profile.sampled == pytest.approx(SAMPLED, rel=0.02)
        if accepted == ROWS:
            assert profile.to_json() == measure(connection, relation, columns).to_json()


def test_without_a_sampling_nothing_is_kept(make_table: Callable[..., Table], tmp_path: Path) -> None:
    parts = checked(make_table(*COLUMNS), tmp_path, None, "7,fit,2024-01-01 10:00:00")
    assert [part.sample for part in parts] == [None] * len(parts)


def test_marks_of_another_hash_are_not_compared() -> None:
    with duckdb.connect() as connection:
        rows = "(SELECT i AS id, 'name ' || i AS name FROM range(500) t(i))"
        profile = measure(connection, rows, profile_columns_of("id", "name"))
    (_, alike), *_ = redelivered([profile, profile])
    (_, other), *_ = redelivered([replace(profile, marked_by="md5"), profile])
    assert alike[1][0] > 0
    assert other[1][0] == 0


def profile_columns_of(*names: str) -> Any:
    table = {"table": "raw.t", "description": "d", "owner": "o", "load": {"mode": "full_refresh"},
             "source": {"kind": "csv", "url": "http://example.com/t.csv"},
             "columns": [{"name": name, "type": "varchar(20)"} for name in names]}  # fmt: skip
    return profile_columns(Table.model_validate(table))
