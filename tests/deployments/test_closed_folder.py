"""State and stage: raw rows in them are read by nobody else, and nobody else's folder is used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.closed_folder import own_stage, own_state
from deployments.errors import DeclarationError

NOBODY = 65534


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


@pytest.mark.parametrize("own", [own_state, own_stage])
def test_it_is_made_closed_and_an_empty_one_is_closed(tmp_path: Path, own: Callable[[Path], None]) -> None:
    for folder in (tmp_path / "above" / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir(mode=0o755)
        own(folder)
        own(folder)
        assert mode(folder) == 0o700


def test_a_state_of_an_earlier_version_is_closed(tmp_path: Path) -> None:
    (tmp_path / "state" / "spool").mkdir(parents=True, mode=0o755)
    (tmp_path / "state").chmod(0o755)
    own_state(tmp_path / "state")
    assert mode(tmp_path / "state") == 0o700


@pytest.mark.parametrize("own", [own_state, own_stage])
def test_a_folder_of_other_things_is_left_as_it_is(tmp_path: Path, own: Callable[[Path], None]) -> None:
    (tmp_path / "shared" / "of-others").mkdir(parents=True)
    (tmp_path / "shared").chmod(0o755)
    with pytest.raises(DeclarationError, match="is open to other users") as refused:
        own(tmp_path / "shared")
    assert refused.value.code == "FOLDER-NOT-OURS"
    setting = {own_state: "HEADGATE_STATE", own_stage: "HEADGATE_STAGE_URL"}[own]
    assert f"({setting})" in refused.value.message
    assert str(refused.value.next_command).endswith("then: headgate check --connect")
    assert mode(tmp_path / "shared") == 0o755
    (tmp_path / "shared").chmod(0o700)
    own(tmp_path / "shared")


@pytest.mark.parametrize("own", [own_state, own_stage])
def test_a_link_is_refused_also_one_that_leads_nowhere(tmp_path: Path, own: Callable[[Path], None]) -> None:
    (tmp_path / "there").mkdir()
    for name, target in (("link", "there"), ("nowhere", "absent")):
        (tmp_path / name).symlink_to(tmp_path / target)
        with pytest.raises(DeclarationError, match="is a link"):
            own(tmp_path / name)
    assert not (tmp_path / "absent").exists()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeclarationError, match="can't be used"):
        own_state(tmp_path / "file")


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    with pytest.raises(DeclarationError, match=f"belongs to user id {NOBODY}"):
        own_state(tmp_path / "theirs")


def test_a_second_user_reads_nothing_of_it() -> None:
    if os.geteuid() != 0:
        pytest.skip("not root")
    folder = Path("/var/tmp") / f"headgate-test-{os.getpid()}"
    try:
        own_state(folder)
        (folder / "spool").mkdir()
        (folder / "spool" / "part-1.csv").write_text("raw")
        reader = f"import os; os.setgid({NOBODY}); os.setuid({NOBODY}); open({str(folder / 'spool' / 'part-1.csv')!r}).read()"
        done = subprocess.run([sys.executable, "-I", "-S", "-c", reader], capture_output=True, text=True)
        assert "PermissionError" in done.stderr
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_a_new_folder_is_closed_from_its_first_moment_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens a folder before it is closed goes on reading in it."""

    def later(*_: object) -> None:
        raise AssertionError("it was open until now")

    monkeypatch.setattr(Path, "chmod", later)
    own_state(tmp_path / "state")
    own_stage(tmp_path / "stage")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("state", "stage")} == {0o700}
