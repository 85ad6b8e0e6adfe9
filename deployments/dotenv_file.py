"""The `.env` of a folder, as the environment of this process and of everything it starts. The environment wins.

What sets what is run is read only when it is the user's own: this file, and those of Prefect beside it.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from deployments.errors import DeclarationError

NAME = ".env"
_OF_PREFECT = ("prefect.toml", "pyproject.toml")
"""Prefect takes settings from them, too, and one of these names the functions that its logging calls."""
_OWN = "cd to a folder of your own, or make the file yours; then: headgate check"


_entered: set[Path] = set()


def enter(folder: Path, *, again: bool = False) -> None:
    """Put what the folder's `.env` says into the environment, where it isn't set already. DeclarationError when that file, or
    one of Prefect's settings beside it, is somebody else's.

    Once in a process: what was taken out of the environment since stays out. `again`: a new command in the same process.
    """
    if folder in _entered and not again:
        return
    _entered.add(folder)
    for file in map(folder.joinpath, _OF_PREFECT):
        if file.exists() and _sets_prefect(file):
            _check_whose(file)
    for name, value in read(folder / NAME).items():
        os.environ.setdefault(name, value)


def read(file: Path) -> Mapping[str, str]:
    """NAME=value lines as python-dotenv reads them: quotes, `export`, a remark after a blank and '#', values of several
    lines in quotes. Nothing is put in for `${...}`: a password may hold it. DeclarationError for what can't be read.
    """
    if not file.exists():
        return {}
    # Imported here: most folders have no such file.
    from dotenv.parser import parse_stream

    _check_whose(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(file, "isn't text in UTF-8") from None
    except OSError as error:
        raise _wrong(file, f"can't be read: {error.strerror}") from None
    pairs = {}
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key is not None and ("\0" in line.key or "\0" in (line.value or ""))):
            raise _wrong(file, f"line {line.original.line} isn't NAME=value (are its quotes closed?)")
        if line.key is not None and line.value is not None:
            pairs[line.key] = line.value
    return pairs


def _sets_prefect(file: Path) -> bool:
    if file.name == _OF_PREFECT[0]:
        return True
    try:
        return "prefect" in tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        # Prefect makes nothing of it either.
        return False


def _check_whose(file: Path) -> None:
    """Raise where somebody else may write what becomes the environment of all that is started, `LD_PRELOAD` too."""
    if not hasattr(os, "geteuid"):
        return
    found = file.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise _wrong(
            file, f"belongs to user id {found.st_uid}, not to yours ({os.geteuid()}), and would set what is run", _OWN
        )
    if found.st_mode & stat.S_IWOTH:
        raise _wrong(
            file, "may be changed by every user of this machine, and would set what is run", f"chmod o-w {file}"
        )


def _wrong(file: Path, how: str, next_command: str = "mend it; then: headgate check") -> DeclarationError:
    # What stands there may be a secret: the place is told, never the text.
    return DeclarationError(f"{file} {how}", code="SETTING", next_command=next_command)
