"""A file gets a second name where that is possible, and is copied where it isn't."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from tasks.second_name import second_name

SHARED_MEMORY = Path("/dev/shm")


def test_on_one_disk_it_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"rows")
    second_name(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").samefile(tmp_path / "b")


def test_on_another_disk_it_is_a_copy(tmp_path: Path) -> None:
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as other:
        (Path(other) / "a").write_bytes(b"rows")
        second_name(Path(other) / "a", tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == b"rows"


@pytest.mark.parametrize("why", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_without_links_it_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "a").write_bytes(b"rows")
    second_name(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"rows"
    assert not (tmp_path / "a").samefile(tmp_path / "b")


def test_nothing_is_taken_for_a_file_that_is_absent_or_a_name_that_is_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        second_name(tmp_path / "absent", tmp_path / "b")
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        second_name(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"old"
