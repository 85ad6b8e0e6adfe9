"""Folders that hold raw rows, notices and passwords: they are this user's alone.

One that is closed closes everything in it, whatever mode the files in it have.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deployments.errors import DeclarationError

# What makes a folder recognizable as a state folder that an earlier version left open to others.
_OF_STATE = {"spool", "runs", "outbox", "report", "stage", "clean", "facts", "stack", "shop", "incidents.json", "paused.json",
             "decisions.json", "pii.key", ".gitignore"}  # fmt: skip
_OTHERS = 0o077


def own_state(folder: Path) -> None:
    """Make the state folder, closed to others, or close it. Safe to repeat.

    DeclarationError when it is a link, somebody else's, or holds other things and is open to others.
    """
    _own(folder, "HEADGATE_STATE", known=_OF_STATE)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")


def own_stage(folder: Path) -> None:
    """The same for a stage that is a folder."""
    _own(folder, "HEADGATE_STAGE_URL", known=set())


def _own(folder: Path, setting: str, known: set[str]) -> None:
    try:
        if not folder.is_symlink():
            folder.parent.mkdir(parents=True, exist_ok=True)
            # Closed from its first moment on: nobody has opened it before.
            folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        entries = {entry.name for entry in folder.iterdir()} if stat.S_ISDIR(found.st_mode) else set()
    except OSError as error:
        raise _refused(folder, f"can't be used: {error.strerror}", setting) from None
    if stat.S_ISLNK(found.st_mode):
        raise _refused(folder, "is a link: whoever may change it decides where raw rows go", setting)
    if found.st_uid != os.geteuid():
        raise _refused(folder, f"belongs to user id {found.st_uid}, not to yours ({os.geteuid()})", setting)
    if not found.st_mode & _OTHERS:
        return
    if found.st_mode & stat.S_ISVTX or (entries and not entries & known):
        raise _refused(
            folder, "is open to other users of this machine and holds other things", setting, f"chmod 700 {folder}, or "
        )
    folder.chmod(0o700)


def _refused(folder: Path, how: str, setting: str, first: str = "") -> DeclarationError:
    return DeclarationError(
        f"{folder} ({setting}) {how}; raw rows are kept there for a while", code="FOLDER-NOT-OURS",
        next_command=f"{first}export {setting}=...   (a folder of your own); then: headgate check --connect",
    )  # fmt: skip
