"""The help is grouped, fits 80 columns, and the options of every command have an effect."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import click
import pytest

from flows.cli import COMMANDS, SECTIONS, cli, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    told = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, told.out, told.err


def test_every_command_stands_in_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--help")
    assert list(SECTIONS.values())[-1] == list(COMMANDS)[-1]
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.split()[0] in COMMANDS]
    assert listed == list(COMMANDS)
    assert [title for title in SECTIONS if f"\n{title}:\n" in out] == list(SECTIONS)


def commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found.append((*words, name))
        if isinstance(command, click.Group):
            found += commands(command, (*words, name))
    return found


@pytest.mark.parametrize("words", [(), *commands(cli)], ids=" ".join)
def test_help_fits_80_columns(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *words, "--help")
    assert code == 0
    assert [line for line in out.splitlines() if len(line) > 80] == []


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("shop")
@pytest.mark.effect("headgate -q", "headgate --project")
def test_quiet_says_errors_only_and_json_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "--project", "shop")[1] != ""
    assert run(capsys, "-q", "--project", "shop", "check") == (0, "", "")
    assert run(capsys, "check", "-q", "--project", "shop") == (0, "", "")
    assert json.loads(run(capsys, "check", "-q", "--json", "--project", "shop")[1])["problems"] == []
    os.environ.pop("HEADGATE_PROJECT")
    assert "isn't a headgate project" in run(capsys, "check", "-q")[2]


@pytest.mark.usefixtures("shop")
@pytest.mark.effect("headgate --debug")
def test_debug_shows_the_trace_of_a_handled_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Traceback" not in run(capsys, "check")[2]
    assert "Traceback" in run(capsys, "check", "--debug")[2]


@pytest.mark.usefixtures("shop")
@pytest.mark.effect("headgate -v")
def test_verbose_lets_prefect_tell(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "check", "--project", "shop")
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "ERROR"
    run(capsys, "check", "-v")
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "INFO"


@pytest.mark.usefixtures("shop")
@pytest.mark.effect("headgate worker --pool", "headgate worker --name", "headgate worker --limit")
def test_a_worker_has_the_name_that_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    module = importlib.import_module("flows.cli.worker")
    monkeypatch.setattr(module, "prefect_server", lambda **_: "http://127.0.0.1:9/api")
    monkeypatch.setattr(module.os, "execv", lambda program, arguments: started.append(arguments))
    run(capsys, "worker", "--name", "north", "--pool", "p", "--limit", "3", "--project", "shop")
    assert started[0][-4:] == ["--limit", "3", "--name", "north"]
    assert started[0][started[0].index("--pool") + 1] == "p"
    assert "PREFECT_LOGGING_LEVEL" not in os.environ, "a worker's log is what its supervisor keeps"


@pytest.mark.usefixtures("shop")
@pytest.mark.effect("headgate settings --set", "headgate settings --json")
def test_settings_are_listed_with_where_they_come_from_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_text(
        "HEADGATE_PII_KEY=hidden\nHEADGATE_STAGE_URL='s3://b/p?access_key_id=a&secret_access_key=hidden'\n"
    )
    os.environ["HEADGATE_KEEP_DAYS"] = "9"
    _, out, _ = run(capsys, "settings", "--set", "--json")
    told = {item["setting"]: (item["value"], item["from"]) for item in json.loads(out)}
    assert told == {
        "HEADGATE_PII_KEY": ("(secret)", ".env"), "HEADGATE_STAGE_URL": ("s3://b/p", ".env"),
        "HEADGATE_KEEP_DAYS": ("9", "environment"),
    }  # fmt: skip
    code, out, err = run(capsys, "settings")
    assert (code, "hidden" in out + err) == (0, False)
    os.environ["HEADGATE_KEEP_DAY"] = "1"
    code, out, err = run(capsys, "settings")
    assert (code, "HEADGATE_KEEP_DAYS" in out, "did you mean 'HEADGATE_KEEP_DAYS'" in err) == (2, True, True)
