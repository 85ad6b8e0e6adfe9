"""The installed wheel beside a user's own folders: it runs its own code, or says which folder hides it; data files are inside."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PACKAGES = {"flows", "tasks", "expectations", "deployments"}


@pytest.fixture(scope="module")
def committed() -> list[str]:
    """Files of the four packages that belong to the project."""
    done = subprocess.run(
        ["git", "ls-files", *sorted(PACKAGES)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.splitlines() if (REPOSITORY / name).exists()]


@pytest.fixture(scope="module")
def wheel(committed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: the checkout stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in [*committed, "pyproject.toml", *(n for n in ("README.md", "LICENSE") if (REPOSITORY / n).exists())]:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REPOSITORY / name).read_bytes())
    if not (source / "README.md").exists():
        (source / "README.md").write_text("headgate\n")
    (source / "tests").mkdir()
    (source / "tests" / "test_x.py").write_text("")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `headgate` of a fresh environment that has the wheel, and this environment's libraries behind it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    site = Path(subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip())  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    # Behind the wheel's own packages. An editable install of this checkout adds itself by a .pth, which isn't read there.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "headgate"


def run(command: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PYTHON"))}
    return subprocess.run([command, *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True)


def test_the_wheel_has_the_four_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_every_file_of_the_packages_is_inside(wheel: Path, committed: list[str]) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in committed if name not in inside] == []
    assert {".py", ".yaml", ".sql", ".json"} <= {Path(name).suffix for name in inside}
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


@pytest.mark.parametrize("arguments", [("--version",), ("--project", "shop", "check"), ("--help",)])
def test_it_runs_in_an_empty_folder(installed: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(installed, tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


def test_its_code_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    done = run(python, tmp_path, "-c", "import flows, tasks, expectations, deployments; print(flows.__file__)")
    assert done.stdout.startswith(str(installed.parents[1])), done


@pytest.mark.parametrize("with_init", [True, False])
@pytest.mark.parametrize(("path", "code"), [("", 0), (".", None)])
def test_beside_a_users_own_folders_of_the_same_names(
    installed: Path, tmp_path: Path, with_init: bool, path: str, code: int | None
) -> None:
    for name in ("flows", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text("print('the user was run')\n")
        if with_init:
            (tmp_path / name / "__init__.py").write_text("print('the user was imported')\n")
    for arguments in (("--version",), ("--project", "shop", "check")):
        done = run(installed, tmp_path, *arguments, **({"PYTHONPATH": path} if path else {}))
        # A folder without __init__.py gives way to a package; one with it, first on the path, hides ours: that is told.
        expected = 2 if path and with_init else 0
        assert done.returncode == expected, done.stderr
        assert "the user" not in done.stdout
        if expected:
            assert "another package hides one of headgate's own (flows, tasks), so nothing was run." in done.stderr
            assert f"flows: found in {tmp_path}/flows" in done.stderr.replace("/./", "/").replace(
                "in ./", f"in {tmp_path}/"
            )
            assert "next: start headgate from another folder, or take that folder out of PYTHONPATH" in done.stderr


def test_as_a_module_it_says_so_too(installed: Path, tmp_path: Path) -> None:
    """`python -m flows` puts the current folder first: a user's own `flows` is then what Python runs."""
    done = run(installed.with_name("python"), tmp_path, "-m", "flows", "--version")
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "headgate")
