"""A table made of columns alone, and its rows checked by the contract."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from deployments.declarations.table import Table
from expectations.contract.layout import lay_out, read_header
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.seen import Asked
from expectations.contract.split import first_record, split
from expectations.contract.staged_rows import csv_reader


@pytest.fixture
def make_table() -> Callable[..., Table]:
    """A full-refresh table of the given columns; further keys of the declaration by name."""

    def make(*columns: Mapping[str, Any], **keys: Any) -> Table:
        return Table.model_validate(
            {"table": "raw.t", "description": "d", "owner": "o", "columns": list(columns),
             "source": {"kind": "csv", "url": "http://example.com/t.csv"}, "load": {"mode": "full_refresh"}} | keys
        )  # fmt: skip

    return make


Checked = tuple[list[CheckedPart], list[tuple[str | None, ...]]]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Checked]:
    """Check CSV bytes (with header) against a table: the parts, and the staged rows as text, NULL as None."""
    runs = itertools.count()

    def run(
        table: Table, data: bytes, *, delimiter: str = ",", marker: str = "~null~", key: bytes | None = None,
        part_bytes: int = 1 << 20, rules: tuple[Any, ...] = (), asked: Asked | None = None,
    ) -> Checked:  # fmt: skip
        folder = tmp_path / str(next(runs))
        folder.mkdir()
        record = first_record(data, delimiter)
        assert record is not None
        layout = lay_out(table, read_header(record, delimiter, "here"), delimiter, "here")
        rest = data[len(record) :].removeprefix(b"\r").removeprefix(b"\n")
        checker = PartChecker(table, layout, rules, marker, key, folder / "duckdb", asked)
        parts, rows = [], []
        pieces = [rest[start : start + part_bytes] for start in range(0, len(rest), part_bytes)]
        for part in split(pieces, delimiter, part_bytes):
            raw, clean = folder / f"raw-{part.number}", folder / f"clean-{part.number}"
            raw.write_bytes(part.data)
            parts.append(checker.check(part, raw, clean))
            if parts[-1].accepted:
                names = [f"t{index}" for index in range(len(table.columns))]
                with duckdb.connect() as own:
                    rows += own.execute(f"FROM {csv_reader([parts[-1].path], names, delimiter, marker)}").fetchall()
        checker.close()
        return parts, rows

    return run
