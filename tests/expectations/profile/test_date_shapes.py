"""A date is told by its shape first and by its digits then; both must agree with the spelling itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from expectations.profile import profile_file
from expectations.profile.spelling import _SPELLINGS, date_format

MOMENTS = (datetime(2024, 2, 29, 23, 59, 58), datetime(1999, 1, 1), datetime(2031, 12, 10, 1, 2, 3))


@pytest.mark.parametrize("form", sorted({form for _, form, _ in _SPELLINGS}))
def test_every_spelling_is_found_again(form: str) -> None:
    for moment in MOMENTS:
        value = moment.strftime(form.format("d", "m") if "{}" in form else form)
        first = next(named for shape, named, _ in _SPELLINGS if shape.match(value))
        assert date_format(value) in (first, "iso")


@pytest.mark.parametrize(
    "value", ["12345678", "20241399", "99/99-2024", "1e5f9a0b7c", "2024-1-1x", "10.12.20244", "v2024/01/01"]
)
def test_what_only_looks_like_a_date_is_none(value: str) -> None:
    assert date_format(value) is None


@pytest.mark.parametrize(
    ("name", "values", "read"),
    [
        ("created_at", [1_719_619_200 + 60 * n for n in range(60)], True),
        ("eventTime", [f"{1_719_619_200_000 + 60_250 * n}" for n in range(60)], True),
        ("ts", [f"{1_719_619_200 + 60 * n}.25" for n in range(60)], True),
        ("phone", [1_719_619_200 + 60 * n for n in range(60)], False),
        ("duration_time", [60 * n for n in range(60)], False),
        ("ts", [1_719_619_200 + 60 * n if n % 5 else -1 for n in range(60)], False),
    ],
)
def test_seconds_since_1970_are_a_clock_where_the_column_is_called_a_time(
    name: str, values: list[object], read: bool, tmp_path: Path
) -> None:
    path = tmp_path / "batch.csv"
    path.write_text(f"row,{name}\n" + "".join(f"r{n},{value}\n" for n, value in enumerate(values)))
    column = profile_file(path).columns[name]
    assert bool(column.clocks) is read
    assert (column.numbers is None) is read
    if read:
        assert column.clocks[0].quantiles[0] == pytest.approx(1_719_619_200, abs=1)
