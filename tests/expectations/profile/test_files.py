"""Profiles of CSV files that nobody declared."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from deployments.errors import DeclarationError, UpstreamError
from expectations.profile import Profile, profile_file

LINES = "id,name,at\n1,Ann,2024-05-06 09:00:00\n2,Bo,2024-05-06 10:00:00\n"


def write(folder: Path, content: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "name", "encoding"),
    [
        (LINES.encode(), "a.csv", "utf-8"),
        (b"\xef\xbb\xbf" + LINES.encode(), "a.csv", "utf-8"),
        (LINES.replace("Bo", "Zoë").encode("cp1252"), "a.csv", "cp1252"),
        (LINES.encode("utf-16"), "a.csv", "utf-16"),
        (LINES.replace(",", ";").encode(), "a.csv", "utf-8"),
        (gzip.compress(LINES.encode()), "a.csv.gz", "utf-8"),
        (LINES.replace("\n", "\r\n").encode(), "a.csv", "utf-8"),
    ],
)
def test_ways_to_write_the_same_file(tmp_path: Path, content: bytes, name: str, encoding: str) -> None:
    profile = profile_file(write(tmp_path, content, name))
    assert (profile.rows, profile.encoding) == (2, encoding)
    assert {n: c.kind for n, c in profile.columns.items()} == {"id": "integer", "name": "text", "at": "timestamp"}


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "EMPTY-FILE"), (b"\n\n", "EMPTY-FILE"), (b"1,2.5,-3\n4,5,6\n", "NO-HEADER")]
)
def test_files_without_a_table(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        profile_file(write(tmp_path, content))
    assert caught.value.code == code


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="no file"):
        profile_file(tmp_path / "none.csv")


def test_lines_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    profile = profile_file(write(tmp_path, (LINES + "3,Cy,2024-05-06 11:00:00,more,and more\n").encode()))
    assert (profile.rows, profile.unreadable) == (2, 1)


def test_double_names_are_kept_apart(tmp_path: Path) -> None:
    profile = profile_file(write(tmp_path, b"a,A,\nx,y,z\n"))
    assert list(profile.columns) == ["a", "A_2", "column3"]


def test_day_and_month_are_both_kept_where_the_spelling_leaves_it_open(tmp_path: Path) -> None:
    profile = profile_file(write(tmp_path, b"at,x\n01/12/2010 08:26,1\n02/12/2010 09:26,2\n"))
    assert {clock.order: clock.days for clock in profile.columns["at"].clocks} == {"dmy": 2, "mdy": 2}


def test_the_cache_answers_by_content(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = profile_file(write(tmp_path, LINES.encode()), cache=cache)
    (kept,) = cache.iterdir()
    again = profile_file(write(tmp_path, LINES.encode(), "b.csv"), cache=cache)
    assert again.to_json() == first.to_json()
    kept.write_text("{broken")
    assert profile_file(tmp_path / "a.csv", cache=cache).to_json() == first.to_json()
    assert profile_file(write(tmp_path, LINES.replace("Bo", "Cy").encode()), cache=cache).to_json() != first.to_json()
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert profile_file(write(tmp_path, LINES.encode()), cache=tmp_path / "cache").rows == 2


def test_a_line_that_does_not_fit_may_hold_a_field_of_any_length(tmp_path: Path) -> None:
    long = "x" * 200_000
    profile = profile_file(write(tmp_path, (LINES + f"3,{long},2024-05-06 11:00:00,more\n").encode()))
    assert (profile.rows, profile.unreadable) == (2, 1)


@pytest.mark.parametrize(("end", "unfinished"), [("", False), ("3,Cy", True), ("3,Cy,2024-05-06 11:00:00\r", False)])
def test_a_file_without_a_line_end_at_its_end_is_unfinished(tmp_path: Path, end: str, unfinished: bool) -> None:
    assert profile_file(write(tmp_path, (LINES + end).encode())).unfinished is unfinished


def test_the_delimiter_is_kept(tmp_path: Path) -> None:
    assert profile_file(write(tmp_path, LINES.replace(",", ";").encode())).delimiter == ";"


def test_a_profile_of_the_version_before_is_read(tmp_path: Path) -> None:
    kept = profile_file(write(tmp_path, LINES.encode())).to_json()
    del (
        kept["delimiter"],
        kept["unfinished"],
        kept["columns"]["id"]["numbers"]["units"],
        kept["columns"]["id"]["numbers"]["hundredths"],
    )
    old = Profile.from_json(kept | {"version": 7})
    assert (old.rows, old.delimiter, old.columns["id"].numbers.units) == (2, "", ())
    with pytest.raises(ValueError, match="version 6"):
        Profile.from_json(kept | {"version": 6})
