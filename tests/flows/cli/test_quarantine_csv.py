"""Rows set aside as a file that people open: what a source wrote there is nothing to run."""

from __future__ import annotations

import csv
import io

import pytest

from flows.cli.quarantine import _write

LONG = "x" * 65_000
RAW = {
    "=cmd|' /C calc'!A0,1": "'=cmd|' /C calc'!A0,1",
    "+1+cmd|' /C calc'!A0": "'+1+cmd|' /C calc'!A0",
    "-2+3": "'-2+3",
    "@SUM(1)": "'@SUM(1)",
    "\t=1": "'\t=1",
    "\r=1": r"\x0d=1",
    "4,x": "4,x",
    'a "b", =c': 'a "b", =c',
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;": r"\x1b]8;;https://evil.example\x1b\click\x1b]8;;",
    "\u202egnp.exe": r"\u202egnp.exe",
    LONG: LONG,
    "": "",
}


def test_no_cell_is_a_formula_or_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _write([{"label": "=1+1.csv", "record": n, "code": "NOT-INTEGER", "column": None, "raw": raw}
            for n, raw in enumerate(RAW)])  # fmt: skip
    head, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert head == ["window", "row", "code", "column", "raw"]
    assert [row[4] for row in rows] == list(RAW.values())
    assert {row[0] for row in rows} == {"'=1+1.csv"}
