"""The `.env` of a folder, as the environment of this process and of everything it starts. The environment wins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from deployments.errors import DeclarationError

NAME = ".env"


_entered: set[Path] = set()


def enter(folder: Path, *, again: bool = False) -> None:
    """Put what the folder's `.env` says into the environment, where it isn't set already.

    Once in a process: what was taken out of the environment since stays out. `again`: a new command in the same process.
    """
    if folder in _entered and not again:
        return
    _entered.add(folder)
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


def _wrong(file: Path, how: str) -> DeclarationError:
    # What stands there may be a secret: the place is told, never the text.
    return DeclarationError(f"{file} {how}", code="SETTING", next_command="mend it; then: headgate check")
