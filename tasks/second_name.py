"""A second name for a file, which costs nothing; or a copy where the file system or a border between disks allows none."""

from __future__ import annotations

import shutil
from pathlib import Path


def second_name(file: Path, name: Path) -> None:
    """Give `file` the name as well, which must be free; the bytes may not be written to through either name afterwards.

    A second name shares owner, mode and access list with the file; a copy gets those of its folder. FileNotFoundError
    where the file or the folder of the name is absent.
    """
    try:
        name.hardlink_to(file)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:
        # Another disk (EXDEV), or a file system without links (EPERM, ENOTSUP, and others where it is mounted from afar).
        shutil.copyfile(file, name)
