"""`headgate check`: every mistake at once, offline, with exit code 2; its JSON twin says the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deployments.project import SHOP
from deployments.settings import Settings
from flows.cli.check import check

TABLE = """\
table: raw.orders
description: Rows.
owner: data@example.com
source: {kind: csv, connection: files, url: /orders.csv}
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
"""
SUITE = """\
table: raw.orders
expectations:
  - code: ID
    type: expect_column_values_to_match_regex
    kwargs: {column: id, regex: "^1"}
    rows: quarantine
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "suites").mkdir()
    (tmp_path / "tables" / "orders.yaml").write_text(TABLE)
    for name in ("PROJECT", "WAREHOUSE_URL", "CONNECTION_FILES"):
        monkeypatch.delenv(f"HEADGATE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments, catch_exceptions=False)


def test_a_sound_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_CONNECTION_FILES", "http://files.example.com")
    result = run()
    assert result.exit_code == 0
    assert result.output == (
        "note raw.orders has no suite: only its contract and drift are checked\n"
        f"{project}: 1 table, 0 suites, 0 summaries: no mistakes\n"
    )


def test_a_connection_to_another_kind_of_place_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_CONNECTION_FILES", "postgresql://ann:s3cret@db.example.com/shop")
    result = run()
    assert result.exit_code == 2
    assert (
        "orders.yaml:4: source.connection: a csv source can't be read from a connection to postgresql://"
        in result.output
    )
    assert "s3cret" not in result.output


def test_a_connection_that_is_not_set_is_a_note(project: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert "HEADGATE_CONNECTION_FILES is not set here" in result.output
    assert json.loads(run("--json").output)["connections_not_set"] == ["files"]


def test_mistakes_of_all_kinds_are_told_at_once(project: Path) -> None:
    (project / "tables" / "items.yaml").write_text(
        TABLE.replace("raw.orders", "raw.items").replace("integer", "intger")
    )
    (project / "suites" / "orders.yaml").write_text(SUITE)
    (project / "suites" / "items.yaml").write_text("table: raw.item\n")
    result = run()
    assert result.exit_code == 2
    assert f"{project}/tables/items.yaml:5: columns.id.type: 'intger' isn't a type" in result.output
    assert f"{project}/suites/items.yaml:1: table: 'raw.item' isn't a declared table" in result.output
    assert f"{project}/suites/orders.yaml:" in result.output
    told = json.loads(run("--json").output)["problems"]
    assert len(told) == 3
    assert {"file", "line", "key", "message", "found", "allowed", "nearest", "column"} == told[0].keys()
    assert all(problem["line"] > 0 for problem in told)


def test_a_rule_is_told_where_it_stands_whatever_its_file_is_called(project: Path) -> None:
    (project / "suites" / "some_name.yml").write_text(SUITE)
    [told] = json.loads(run("--json").output)["problems"]
    assert (Path(told["file"]).name, told["line"]) == ("some_name.yml", 5)


def test_the_shop_is_checked_without_any_setting(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(SHOP))
    result = run()
    assert (result.exit_code, "no mistakes" in result.output) == (0, True), result.output


@pytest.mark.parametrize(("url", "told"), [
    ("postgresql://u:hidden@db.example.com/d", "?sslmode=verify-full"),
    ("mysql://u:hidden@db.example.com/d", "?ssl-mode=VERIFY_IDENTITY"), ("mariadb://u:p@h/d?ssl-mode=REQUIRED", "VERIFY"),
    ("mysql://u:p@h/d?ssl-mode=verify_ca", ""), ("mysql://u:p@127.0.0.1/d", ""), ("mysql://u:p@h/d?ssl-ca=/a", ""),
    ("postgresql://u:p@db.example.com/d?sslmode=require", "?ssl"),
    ("postgresql://u:p@db.example.com/d?sslmode=verify-full", ""), ("postgresql://u:p@127.0.0.1/d", ""), ("postgresql:///d", ""),
    ("http://u:hidden@files.example.com", "the login too"), ("http://files.example.com", ""),
    ("https://u:p@files.example.com", ""), ("http://localhost:8080", ""), ("redshift://u:p@dw.example.com/d", ""),
    ("s3://bucket", ""), ("file:///data", ""),
])  # fmt: skip
def test_an_address_that_can_be_read_on_the_way_is_told_by_its_name(url: str, told: str) -> None:
    from flows.checking import in_the_clear

    found = in_the_clear(Settings(Path("/p"), Path("/s"), connections={"crm": url}))
    assert [told in text and "hidden" not in text and "HEADGATE_CONNECTION_CRM" in text for text in found] == [
        True
    ] * bool(told)
