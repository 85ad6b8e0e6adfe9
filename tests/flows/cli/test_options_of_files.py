"""Each option of the commands that read files and declarations only, with and without it: no server is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.cli import cli

effect = pytest.mark.effect
ONCALL = """\
timezone: Asia/Seoul
handover: Monday 09:00
starts: 2026-01-05
people:
  ana: {name: Ana, email: ana@example.com}
  ben: {name: Ben, email: ben@example.com}
rotation: [ana, ben]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("tables", "suites"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("PROJECT", "STATE", "WAREHOUSE_URL", "STAGE_URL"):
        monkeypatch.delenv(f"HEADGATE_{name}", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments])


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.output)


def fields(*arguments: str) -> list[str]:
    return [field["field"] for field in told("peek", *arguments)["fields"]]


def drafted(folder: Path, *arguments: str) -> str:
    """The table that `new` drafts with these options."""
    result = run("new", "raw.drafted", *arguments, "--force")
    assert result.exit_code == 0, (result.output, result.exception)
    return (folder / "tables" / "drafted.yaml").read_text()


PAGES = {"first": {"a": [{"id": 1}], "b": [{"no": 1}, {"no": 2}], "more": "second.json"}, "second": {"b": [{"no": 3}]}}


@pytest.mark.parametrize(("text", "options", "without", "given"), [
    pytest.param("a;b,c\n1;2,3\n4;5,6\n", ("--delimiter", ";"), ["a;b", "c"], ["a", "b,c"],
                 marks=effect("headgate peek --delimiter", "headgate new --delimiter")),
    pytest.param(b"gr\xf6\xdfe\n1\n".decode("cp1252"), ("--encoding", "cp1252"), None, ["größe"],
                 marks=effect("headgate peek --encoding", "headgate new --encoding")),
    pytest.param("[1]\n[2]\n", ("--format", "csv"), None, ["[1]"],
                 marks=effect("headgate peek --format", "headgate peek --format=csv", "headgate new --format",
                              "headgate new --format=csv")),
    pytest.param("id\n1\n2\n", ("--format", "json"), ["id"], None,
                 marks=effect("headgate peek --format=json", "headgate new --format=json")),
    pytest.param(json.dumps(PAGES["first"]), ("--records", "b"), None, ["no"],
                 marks=effect("headgate peek --records", "headgate new --records")),
])  # fmt: skip
def test_how_a_file_is_read(
    folder: Path, text: str, options: tuple[str, ...], without: list[str] | None, given: list[str] | None
) -> None:
    file = folder / "file.data"
    file.write_text(text, encoding="cp1252" if "ö" in text else "utf-8")
    for extra, expected in (((), without), (options, given)):
        for command in (("peek", "file.data"), ("new", "raw.drafted", "--source", "file.data", "--force")):
            result = run(*command, *extra, "--json")
            assert (result.exit_code == 0) == (expected is not None), (command, extra, result.output)
        if expected is not None:
            assert fields("file.data", *extra) == expected
            kept = (folder / "tables" / "drafted.yaml").read_text()
            assert all(name.split(",")[0] in kept for name in expected) or extra[:1] == ("--format",)


@effect("headgate peek --next", "headgate new --next", "headgate peek SOURCE", "headgate new --source")
def test_pages_are_followed(folder: Path) -> None:
    for name, page in PAGES.items():
        (folder / f"{name}.json").write_text(json.dumps(page))
    assert told("peek", "first.json", "--records", "b")["records"] == 2
    assert told("peek", "first.json", "--records", "b", "--next", "more")["records"] == 3
    assert "next: more" in drafted(folder, "--source", "first.json", "--records", "b", "--next", "more")
    assert "next: more" not in drafted(folder, "--source", "first.json", "--records", "b")


@effect("headgate peek --window", "headgate peek --to", "headgate peek --every", "headgate peek --timezone")
@effect("headgate new --window", "headgate new --to", "headgate new --every", "headgate new --timezone")
def test_windows_of_an_address(folder: Path) -> None:
    for day in ("2024-01-01", "2024-01-02", "2024-02-01"):
        (folder / f"a-{day}.csv").write_text("id,at\n1,2024-01-01 10:00:00\n2,2024-01-01 11:00:00\n")
    url = "a-{window.start:%Y-%m-%d}.csv"
    assert run("peek", url).exit_code != 0
    assert told("peek", url, "--window", "2024-01-01")["records"] == 2
    assert told("peek", url, "--window", "2024-01-01", "--to", "2024-01-03")["records"] == 4
    assert told("peek", url, "--window", "2024-01-01", "--to", "2024-03-01", "--every", "month")["records"] == 4
    assert told("peek", "a-2024-01-01.csv") != told("peek", "a-2024-01-01.csv", "--timezone", "Asia/Seoul")
    text = drafted(folder, "--source", url, "--window", "2024-01-01", "--timezone", "Asia/Seoul", "--every", "month")
    assert "every: month" in text
    assert "timezone: Asia/Seoul" in text
    assert run("new", "raw.other", "--source", url).exit_code != 0
    few, many = (
        told("new", "raw.drafted", "--source", url, "--window", "2024-01-01", *to, "--force")["records"]
        for to in ((), ("--to", "2024-01-03"))
    )
    assert (few, many) == (2, 4)


@effect("headgate peek --rows", "headgate peek --json", "headgate new --rows", "headgate new --json")
@effect("headgate new NAME", "headgate new --owner", "headgate new --force")
def test_how_much_is_read_and_what_is_written(folder: Path) -> None:
    (folder / "long.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(30_000)))
    few, usual, every = (told("peek", "long.csv", *rows)["records"] for rows in (("--rows", "10"), (), ("--rows", "0")))
    assert 10 <= few < 2_000
    assert 20_000 <= usual < every == 30_000
    assert run("peek", "long.csv").output[0] != "{"
    made = told("new", "raw.long", "--source", "long.csv", "--rows", "10", "--owner", "ana@example.com")
    assert (made["table"], made["records"] < 2_000) == ("raw.long", True)
    assert 'owner: "ana@example.com"' in (folder / "tables" / "long.yaml").read_text()
    assert run("new", "raw.long", "--source", "long.csv").exit_code != 0, "the file is there"
    forced = run("new", "raw.long", "--source", "long.csv", "--force")
    assert (forced.exit_code, forced.output[0] != "{") == (0, True), forced.output
    assert "ana@example.com" not in (folder / "tables" / "long.yaml").read_text()


@effect(
    "headgate oncall now --at", "headgate oncall now --json", "headgate oncall next --at", "headgate oncall next --json"
)
@effect("headgate oncall week --at", "headgate oncall week --weeks", "headgate oncall week --json")
def test_the_rota(folder: Path) -> None:
    (folder / "oncall.yaml").write_text(ONCALL)
    days = {"2026-01-06T12:00": "ana", "2026-01-13T12:00": "ben"}
    for at, person in days.items():
        assert told("oncall", "now", "--at", at)["person"] == person
        assert told("oncall", "next", "--at", at)["person"] != person
        assert [shift["person"] for shift in told("oncall", "week", "--at", at)] == [person]
    assert len(told("oncall", "week", "--weeks", "3")) == 3
    for command in ("now", "next", "week"):
        assert run("oncall", command).output[0] not in "[{"


@effect("headgate check --json", "headgate init FOLDER", "headgate init --json", "headgate --project")
def test_a_project_is_made_and_checked(folder: Path) -> None:
    assert told("init", "mine")["folder"] == "mine"
    assert run("init", "yours").output[0] != "{"
    assert told("--project", "yours", "check")["tables"] == 1
    assert run("--project", "yours", "check").output[0] != "{"
