"""A `.env` becomes the environment of everything that is started: somebody else's is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from deployments import dotenv_file
from deployments.errors import DeclarationError

NOBODY = 65534
ROOT = str(Path(__file__).parents[2])
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs a second user of the machine"
)


def test_a_file_of_somebody_elses_sets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("HEADGATE_PLANTED=x\nLD_PRELOAD=/tmp/evil.so\n")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    os.chown(file, NOBODY, NOBODY)
    with pytest.raises(DeclarationError, match=f"belongs to user id {NOBODY}") as refused:
        dotenv_file.enter(tmp_path)
    assert "evil" not in str(refused.value)
    assert not {"HEADGATE_PLANTED", "LD_PRELOAD"} & os.environ.keys()


@pytest.mark.parametrize(("name", "text"), [
    ("prefect.toml", "[logging]\nconfig_path = '{}'\n"), ("prefect.toml", "no toml ["),
    ("pyproject.toml", "[tool.prefect.logging]\nconfig_path = '{}'\n"),
    ("pyproject.toml", "[tool.\"\\u0070refect\".logging]\nconfig_path = '{}'\n"),
])  # fmt: skip
def test_settings_of_prefect_that_somebody_else_wrote_call_nothing(tmp_path: Path, name: str, text: str) -> None:
    """They may name a file that says which functions are called when Prefect begins to log."""
    file, called, logging = tmp_path / name, tmp_path / "called", tmp_path / "logging.yml"
    logging.write_text(
        f"version: 1\nroot: {{handlers: [x]}}\nhandlers: {{x: {{(): logging.FileHandler, filename: {called}}}}}\n"
    )
    file.write_text(text.replace("{}", str(logging)))

    def plan() -> str:
        program = "import sys; from flows.cli import main; sys.exit(main(['--project', 'shop', 'deploy', '--plan']))"
        told = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "HEADGATE_STATE": str(tmp_path / "state"), "PYTHONPATH": ROOT})  # fmt: skip
        return told.stderr

    os.chown(file, NOBODY, NOBODY)
    assert f"belongs to user id {NOBODY}" in plan()
    assert not called.exists()


def test_what_is_not_of_prefect_may_be_anybodys(tmp_path: Path) -> None:
    for text in ("[tool.ruff]\nline-length = 130\n", "no toml ["):
        file = tmp_path / "pyproject.toml"
        file.write_text(text)
        os.chown(file, NOBODY, NOBODY)
        dotenv_file.enter(tmp_path, again=True)


def test_one_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=b\n")
    file.chmod(0o666)
    with pytest.raises(DeclarationError, match="may be changed by every user"):
        dotenv_file.read(file)
    file.chmod(0o664)
    assert dotenv_file.read(file) == {"A": "b"}


def test_one_of_roots_is_read_by_another_user() -> None:
    """As in a container, whose files are root's and whose process isn't."""
    program = (
        "import encodings.utf_8_sig, os, sys; from pathlib import Path; from dotenv.parser import parse_stream; "
        "from deployments import dotenv_file; "
        f"os.setuid({NOBODY}); print(dotenv_file.read(Path(sys.argv[1])))"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_text("A=b\n")
        Path(folder).chmod(0o755)
        told = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=120)
    assert (told.stdout.strip(), told.stderr) == ("{'A': 'b'}", "")
