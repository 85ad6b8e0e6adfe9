"""A project of one's own: the template's files written into an empty folder."""

from __future__ import annotations

from pathlib import Path

from deployments.errors import DeclarationError
from deployments.project import software

TEMPLATE = Path(__file__).parent / "template"
# Names that packaging tools would leave out, or read as their own.
_NAMES = {
    "gitignore.txt": ".gitignore",
    "env.txt": ".env.example",
    "packages.txt": "requirements.txt",
    "workflow.yml": ".github/workflows/headgate.yml",
}
_ENDINGS = (".yaml", ".yml", ".sql", ".csv", ".txt", ".md")


def make_project(folder: Path) -> list[Path]:
    """Write a project with one working example; returns its files. DeclarationError when the folder isn't empty.

    `.env` is written beside `.env.example`, with the example's files as the connection `files`: git ignores it.
    """
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "is a file")
    if folder.is_dir() and any(folder.iterdir()):
        raise _refused(folder, "isn't empty")
    try:
        made = [_write(folder, source) for source in _sources()]
        packages = folder / "requirements.txt"
        packages.write_text(packages.read_text(encoding="utf-8").replace("{version}", software()), "utf-8")
        data = (folder / "data").absolute().as_uri()
        settings = (folder / ".env.example").read_text(encoding="utf-8")
        (folder / ".env.example").write_text(settings.replace("{data}", "file:///path/to/this/project/data"), "utf-8")
        env = folder / ".env"
        env.touch(mode=0o600)
        env.write_text(f"HEADGATE_CONNECTION_FILES={data}\n", encoding="utf-8")
    except OSError as error:
        raise DeclarationError(
            f"{folder} can't be written: {error}", code="INIT", next_command="headgate init ANOTHER-FOLDER"
        ) from error
    return sorted([*made, folder / ".env"])


def _sources() -> list[Path]:
    found = (file for file in TEMPLATE.rglob("*") if file.is_file() and file.suffix in _ENDINGS)
    return sorted(found)


def _write(folder: Path, source: Path) -> Path:
    name = source.relative_to(TEMPLATE).as_posix()
    target = folder / _NAMES.get(name, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return target


def _refused(folder: Path, how: str) -> DeclarationError:
    return DeclarationError(
        f"{folder} {how}: nothing was written", code="INIT-NOT-EMPTY", next_command="headgate init NEW-FOLDER"
    )
