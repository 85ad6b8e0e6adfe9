"""A command that fails says with --json what failed, as one document on standard output; people read it on standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main

TABLE = """\
table: raw.items
description: Items.
owner: data@example.com
source: {kind: csv, url: "file:///nowhere/items.csv"}
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/items.yaml").write_text(TABLE)
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))
    monkeypatch.setenv("HEADGATE_STATE", str(tmp_path / "state"))


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["exit_code"] == stopped.value.code
    return document["exit_code"], document["error"], told.err


def test_a_name_that_nobody_declared(capsys: pytest.CaptureFixture[str]) -> None:
    code, error, text = failed(capsys, "plan", "itms", "--json")
    assert code == 2
    assert error["family"] == "declaration"
    assert "itms" in error["message"]
    assert error["who_must_act"]
    assert error["next_command"]
    assert f"[{error['code']}]" in text


def test_a_source_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, error, _ = failed(capsys, "peek", "file:///nowhere/items.csv", "--json")
    assert (code, error["code"]) == (1, "SOURCE-MISSING")


def test_an_option_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, error, text = failed(capsys, "check", "--json", "--conect")
    assert (code, error["code"]) == (2, "USAGE")
    assert "--conect" in error["message"]
    assert "--conect" in text


@pytest.mark.parametrize(
    ("raised", "code", "name"), [(KeyboardInterrupt(), 130, "STOPPED"), (ZeroDivisionError("x"), 70, "UNFORESEEN")]
)
def test_what_nobody_foresaw(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, name: str
) -> None:
    def stop(*_: object) -> None:
        raise raised

    monkeypatch.setattr("deployments.settings.read_settings", stop)
    ended, error, _ = failed(capsys, "check", "--json")
    assert (ended, error["code"]) == (code, name)


def test_without_json_standard_output_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "itms"])
    assert capsys.readouterr().out == ""
