"""`headgate drift score|replay` on folders of files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.drift import drift

effect = pytest.mark.effect
KEYS = {"column", "kind", "level", "score", "message", "expected", "observed"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(drift, [str(a) for a in arguments])


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "profiles"


@pytest.fixture
def bad_file(batch_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / batch_file.name
    path.write_text(batch_file.read_text().replace(",KR,", ",Korea,"))
    return path


def test_a_clean_batch_prints_an_empty_list(history_folder: Path, batch_file: Path, cache: Path) -> None:
    result = run("score", "--history", history_folder, "--batch", batch_file, "--json", "--cache", cache)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


@effect("headgate drift score --history", "headgate drift score --batch")
def test_alerts_have_the_promised_keys(history_folder: Path, bad_file: Path, cache: Path) -> None:
    result = run("score", "--history", history_folder, "--batch", bad_file, "--json", "--cache", cache)
    alerts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert ("country", "categories") in {(a["column"], a["kind"]) for a in alerts}
    assert all(a.keys() >= KEYS and a["score"] > 0.5 and a["level"] in ("page", "digest") for a in alerts)


@effect("headgate drift score --all", "headgate drift score --json")
def test_all_adds_what_stayed_below_and_the_batch(history_folder: Path, batch_file: Path, cache: Path) -> None:
    result = run("score", "--history", history_folder, "--batch", batch_file, "--json", "--all", "--cache", cache)
    *below, whole = json.loads(result.stdout)
    assert below
    assert (whole["column"], whole["kind"], whole["alert"]) == (None, "batch", False)
    assert all(entry["alert"] is False and entry["score"] <= whole["score"] < 1 for entry in below)


@effect("headgate drift replay FOLDER", "headgate drift replay --json")
def test_replay_prints_one_object_per_batch(history_folder: Path, cache: Path) -> None:
    result = run("replay", history_folder, "--json", "--cache", cache)
    batches = [json.loads(line) for line in result.stdout.splitlines()]
    assert [b["batch"] for b in batches] == sorted(p.name for p in history_folder.iterdir())
    assert all(b.keys() == {"batch", "alerts", "score", "verdict"} for b in batches)
    assert [b["verdict"] for b in batches if b["alerts"]] == []


@pytest.fixture
def changed_folder(history_folder: Path, tmp_path: Path) -> Path:
    """The history, its last five days with another name for a column."""
    folder = tmp_path / "changed"
    shutil.copytree(history_folder, folder)
    for path in sorted(folder.iterdir())[-5:]:
        path.write_text(path.read_text().replace("user", "customer", 1))
    return folder


@pytest.mark.parametrize(("accept", "alarmed"), [
    pytest.param(name, alarmed, marks=effect("headgate drift replay --accept", f"headgate drift replay --accept={name}"))
    for name, alarmed in {"never": 5, "always": 1, "header": 1}.items()
])  # fmt: skip
def test_accept_says_what_joins_the_history(changed_folder: Path, cache: Path, accept: str, alarmed: int) -> None:
    result = run("replay", changed_folder, "--json", "--accept", accept, "--cache", cache)
    verdicts = [json.loads(line)["verdict"] for line in result.stdout.splitlines()]
    assert sum(verdict in ("page", "digest") for verdict in verdicts) == alarmed
    assert "learning" not in verdicts[-5:]


@pytest.mark.parametrize("accept", [
    pytest.param(name, marks=effect("headgate drift score --accept", f"headgate drift score --accept={name}"))
    for name in ("never", "always", "header")
])  # fmt: skip
def test_a_batch_is_held_against_what_joined_the_history(changed_folder: Path, cache: Path, accept: str) -> None:
    last = max(changed_folder.iterdir())
    for path in sorted(changed_folder.iterdir())[-5:-2]:
        path.unlink()
    last.write_text(last.read_text().replace(",U0", ",user-"))
    result = run("score", "--history", changed_folder, "--batch", last, "--accept", accept, "--cache", cache)
    told = result.stdout.splitlines()[0].split()[1]
    # Since the rename there is one batch: only under its old name has the column a history.
    assert ("customer · format" in result.stdout) == (accept == "header"), result.stdout
    assert {"never": "is called customer now" in result.stdout, "always": told == "pass", "header": told == "page"}[
        accept
    ]


@pytest.mark.parametrize("command", [
    pytest.param(name, marks=effect(f"headgate drift {name} --sensitivity",
                                    *(f"headgate drift {name} --sensitivity={level}" for level in ("low", "normal", "high"))))
    for name in ("score", "replay")
])  # fmt: skip
def test_sensitivity_moves_how_far_a_batch_is_from_being_told(
    history_folder: Path, bad_file: Path, cache: Path, command: str
) -> None:
    last = max(history_folder.iterdir())
    what = ("score", "--history", history_folder, "--batch", last) if command == "score" else ("replay", history_folder)

    def score(*options: str) -> float:
        [*_, line] = [line for line in run(*what, *options, "--cache", cache).stdout.splitlines() if last.name in line]
        return float(line.split()[-1])

    assert score("--sensitivity", "low") < score("--sensitivity", "normal") == score() < score("--sensitivity", "high")


@pytest.mark.parametrize("command", [
    pytest.param(name, marks=effect(f"headgate drift {name} --mask", f"headgate drift {name} --cache",
                                    f"headgate drift {name} --no-cache"))
    for name in ("score", "replay")
])  # fmt: skip
def test_what_is_kept_of_profiles(
    changed_folder: Path, bad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("HEADGATE_CACHE", str(tmp_path / "usual"))
    shutil.copy(bad_file, changed_folder / bad_file.name)
    what = ("score", "--history", changed_folder, "--batch", changed_folder / bad_file.name)
    what = what if command == "score" else ("replay", changed_folder)
    assert "Korea" in run(*what, "--no-cache").stdout
    assert not (tmp_path / "usual").exists()
    assert "Korea" not in run(*what, "--no-cache", "--mask", "country").stdout
    run(*what, "--cache", tmp_path / "mine")
    assert any((tmp_path / "mine").rglob("*"))
    assert not (tmp_path / "usual").exists()


@effect("headgate drift replay --all")
def test_replay_tells_what_stayed_below(history_folder: Path, cache: Path) -> None:
    few, all_of_it = (len(run("replay", history_folder, *more, "--cache", cache).stdout) for more in ((), ("--all",)))
    assert few < all_of_it


def test_a_batch_within_the_folder_is_held_against_those_before_it(history_folder: Path, cache: Path) -> None:
    third = sorted(history_folder.iterdir())[2]
    result = run("score", "--history", history_folder, "--batch", third, "--cache", cache)
    assert "learning" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "none"), "There is no folder none"),
        (("replay", "empty"), "holds no .csv"),
        (("score", "--history", "empty", "--batch", "x.csv"), "holds no .csv"),
        (("score", "--history", "some", "--batch", "x.csv"), "There is no file x.csv"),
        (("score", "--history", "good", "--batch", "some/headless.csv"), "no header line"),
        (("score", "--history", "some", "--batch", "good/a.csv"), "no header line"),
        (("score", "--history", "some", "--batch", "some/nothing.csv"), "is empty"),
        (("score", "--history", "some"), "Missing option '--batch'"),
        (
            ("score", "--history", "some", "--batch", "good/a.csv", "--declaration", "none.yaml"),
            "There is no file none.yaml",
        ),
    ],
)
def test_mistakes_are_told_and_end_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "some").mkdir()
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "some" / "headless.csv").write_text("1,2\n3,4\n")
    (tmp_path / "some" / "nothing.csv").write_text("")
    result = run(*arguments, "--no-cache")
    assert result.exit_code == 2
    assert message in result.stderr


@effect("headgate drift score --declaration")
def test_a_declaration_masks_columns(history_folder: Path, bad_file: Path, tmp_path: Path) -> None:
    declared = tmp_path / "orders.yaml"
    declared.write_text("table: raw.orders\npii: {country: hash}\n")
    result = run(
        "score", "--history", history_folder, "--batch", bad_file, "--json", "--declaration", declared, "--no-cache"
    )
    assert "country" in {a["column"] for a in json.loads(result.stdout)}
    assert "Korea" not in result.stdout


def test_a_cold_score_imports_nothing_heavy() -> None:
    code = (
        "import sys, expectations.drift.replay, flows.cli.drift;"
        "print([m for m in ('prefect', 'great_expectations', 'pandas', 'sqlalchemy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_empty_file_is_a_page_and_does_not_end_a_replay(history_folder: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "with_a_gap"
    shutil.copytree(history_folder, folder)
    third = sorted(folder.iterdir())[-3]
    third.write_text("")
    result = run("replay", folder, "--json", "--cache", cache)
    batches = {b["batch"]: b for b in map(json.loads, result.stdout.splitlines())}
    assert (result.exit_code, len(batches), batches[third.name]["verdict"]) == (0, 21, "page")
    assert batches[third.name]["alerts"][0]["message"] == "The file is empty: not even a header line."
    scored = run("score", "--history", folder, "--batch", sorted(folder.iterdir())[-1], "--cache", cache)
    assert scored.exit_code == 0


def test_another_delimiter_is_told(history_folder: Path, batch_file: Path, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / batch_file.name
    path.write_text(batch_file.read_text().replace(",", ";"))
    alerts = json.loads(run("score", "--history", history_folder, "--batch", path, "--json", "--cache", cache).stdout)
    assert [a["message"] for a in alerts] == [
        "The columns are separated by a semicolon; in every batch before it was a comma."
    ]


@pytest.mark.parametrize(("cut", "told"), [(5, True), (1, True), (0, False)])
def test_a_file_cut_off_inside_its_last_row_is_told(
    history_folder: Path, batch_file: Path, tmp_path: Path, cache: Path, cut: int, told: bool
) -> None:
    path = tmp_path / batch_file.name
    text = batch_file.read_text()
    path.write_text(text[: len(text) - cut])
    alerts = json.loads(run("score", "--history", history_folder, "--batch", path, "--json", "--cache", cache).stdout)
    assert any(a["message"].startswith("The file ends without a line end") for a in alerts) is told
